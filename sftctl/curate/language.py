"""A quick guess of a text's language, from its script and its most common short words: enough to flag, not to drop."""

from sftctl.pattern import Pattern

UNKNOWN = "unknown"

SAMPLE_CHARACTERS = 400
"""As much of a text as the guess reads."""

MIN_WORDS = 12
"""Fewer words than this say nothing about a language."""

MIN_COMMON_WORDS = 4
"""Different common words of a language that a text must hold."""

MIN_LETTERS = 4
"""Fewer letters of another script are symbols: a pi is no Greek."""

_SCRIPTS: tuple[tuple[str, Pattern], ...] = (
    ("ja", Pattern(r"[\u3040-\u30ff]")),
    ("ko", Pattern(r"[\uac00-\ud7af]")),
    ("zh", Pattern(r"[\u4e00-\u9fff]")),
    ("ru", Pattern(r"[\u0400-\u04ff]")),
    ("ar", Pattern(r"[\u0600-\u06ff]")),
    ("he", Pattern(r"[\u0590-\u05ff]")),
    ("el", Pattern(r"[\u0370-\u03ff]")),
    ("hi", Pattern(r"[\u0900-\u097f]")),
    ("th", Pattern(r"[\u0e00-\u0e7f]")),
)

# Words that are frequent in one language and rare, or absent, in the others of the table.
_COMMON_WORDS: dict[str, str] = {
    "en": "the of and to is in that it for was on are with as be this by have from or you not your can which",
    "de": "der die und das ist ein eine nicht mit für auf den sich von zu dem des im auch werden sie wird als",
    "fr": "le la les et des est une dans pour que qui sur pas plus avec du au ce sont il elle vous nous aux",
    "es": "el los las y es una por con para que del se su como más pero sus está son al lo este muy también",
    "it": "il di che è per una con non sono del della gli nel più anche alla dei questo come ma le lo dal",
    "pt": "os as um uma não com por para que do da em mais dos das ao são você seu sua também foi como é",
    "nl": "de het een en van is dat op te zijn met voor niet aan er ook als maar om door naar wordt bij",
    "pl": "nie się jest że jak dla przez są lub tym oraz ich może być jako tego które który także",
    "sv": "och att det som en är av för på med den inte till ett har om kan från eller vi så",
    "da": "og at det som en er af for på med den ikke til et har om kan fra eller vi så der",
    "tr": "ve bir bu için ile da de olarak çok olan daha gibi en ne kadar sonra her ya olduğu",
    "id": "yang dan di untuk dengan ini dari adalah pada tidak itu dalam akan atau juga ke oleh dapat",
    "vi": "và của là các một có không cho được trong những này với người khi để đã tôi",
}

_LANGUAGES_OF_WORD: dict[str, list[str]] = {}
for _language, _words in _COMMON_WORDS.items():
    for _word in _words.split():
        _LANGUAGES_OF_WORD.setdefault(_word, []).append(_language)


def guess_language(text: str) -> str:
    """A two-letter code, or `unknown`: too little text, code, or no language that stands out."""
    sample = text[:SAMPLE_CHARACTERS]
    if not sample.isascii():
        script = _script(sample)
        if script:
            return script
    words = sample.lower().split()
    if len(words) < MIN_WORDS:
        return UNKNOWN
    hits: dict[str, int] = {}
    for word in set(words):
        for language in _LANGUAGES_OF_WORD.get(word, ()):
            hits[language] = hits.get(language, 0) + 1
    ranked = sorted(hits.items(), key=lambda item: (-item[1], item[0]))
    if not ranked or ranked[0][1] < MIN_COMMON_WORDS or ranked[0][1] < 0.08 * len(words):
        return UNKNOWN
    if len(ranked) > 1 and ranked[0][1] < 1.5 * ranked[1][1]:
        return UNKNOWN
    return ranked[0][0]


def _script(sample: str) -> str:
    """The language of a script other than Latin that covers at least a third of the letters."""
    letters = sum(map(str.isalpha, sample))
    for code, characters in _SCRIPTS:
        found = len(characters.findall(sample))
        if found >= MIN_LETTERS and (found >= letters / 3 or (code == "ja" and found >= letters / 10)):
            return code
    return ""
