"""Who speaks where an answer opens: the assistant, or somebody whose words it writes, quotes or translates."""

from sftctl.pattern import Pattern

_READ_CHARACTERS = 400
"""What is asked stands at the start or at the end of a prompt, so as much of each is read."""

_QUOTES = "\"“”„«»「『‘'*—–-"
"""Open speech, in print or on a stage."""

_LETTER = Pattern(
    r"(?:dear|subject|re|betreff|liebe[rs]?|sehr geehrte[rs]?|geachte|beste|onderwerp|chère?s?|madame|monsieur|objet"
    r"|estimad[oa]s?|querid[oa]s?|asunto|prezad[oa]s?|car[oaie]|assunto|gentil[ei]|egregi[oa]|oggetto|szanown[yiae]\w*"
    r"|drog[iae]\w*|temat|уважаем\w+|дорог\w+|тема)\b[^.\n]{0,60}(?:[,:!\n]|\Z)"
    r"|(?:尊敬的|敬爱的|亲爱的|親愛的|主题|主題|件名|拝啓|제목)|[^\n]{1,20}(?:様|さん|에게|께)[,，、]?\n"
)
_WORKS = (
    "letter|e-?mails?|messages?|text|sms|reply|replies|responses?|ways to say|note"
    "|apolog(?:y|ies)|excuses?|stor(?:y|ies)|tale|fiction|novel"
    "|dialogues?|dialogs?|conversation|scene|script|skit|poems?|haikus?|songs?|lyrics|verses?|speech|monologue"
    "|tweets?|limerick|rap|jokes?|voicemail|announcement|diary"
)
_ASKED = Pattern(
    r"\b(?:write|compose|draft|create|generate|craft|make up|come up with|complete|continue|finish|send|prepare"
    rf"|suggest)\b[^\n]{{0,120}}\b(?:{_WORKS})\b"
    r"|\b(?:reply|respond|response|answer) (?:to|as) (?:this|the|a|an|my|his|her)\b"
    r"|\bhow (?:do|can|could|would|should|to)\b[^\n]{0,20}\b(?:say|apologi[sz]e|decline|refuse|respond|reply)\b"
    r"|\b(?:role-?play|act as|pretend|impersonate|as if you were|you are (?:an?|the|now)\b(?![^.\n]{0,30}"
    r"(?:assistant|\bai\b|model)))|\b(?:speak|talk) (?:as|like)\b"
    r"|\btell (?:me )?an? (?:\w+ )?(?:joke|story|tale)\b|\A\s*(?:decline|refuse|apologi[sz]e|say)\b"
    r"|\A\s*(?:an? )?(?:text|message|sms|e-?mail|letter|note|reply) to\b|(?:\A|\n)\w{1,15}:\s*\Z"
    r"|schreib|verfass|formulier|schrijf|opstel|écri[srtv]|rédige|escrib|redact|escrev|redij|scriv|napisz|напиш|сочин"
    r"|写|寫|草拟|扮演|書いて|作って|作成|써|작성",
)
_SPEECH = Pattern(r"\"[^\"]*(?:\"|\Z)|[“„«「『][^”“»」』]*(?:[”“»」』]|\Z)")
_SPEAKER = Pattern(r"(?!answer|response|assistant|ai\b|note|disclaimer|warning)\w[\w .]{0,20}: ?\S")
_RENDERED = Pattern(
    r"\btranslat|\bparaphrase|\brephrase|\breword|\brewrite|\bsummari|\bin other words\b"
    r"|\bmore (?:polite|formal|casual)|\b(?:say|written|write|put|it) (?:it |this |that )?in (?:an? |the )?[a-z]+"
    r"|\bhow do (?:you|i) say\b|\bquote|\bcorrect\b|übersetz|umformulier|vertaal|tradui|traduc|traduz|tradur"
    r"|cómo se dice|comment dit|wie sagt|was heißt"
    r"|come si dice|como se diz|hoe zeg|przetłumacz|перевед|переформулир|翻译|翻譯|改写|訳|번역"
    r"|用.{1,4}[语語文]说|[英日韓中国]語[でに]"
)
_SORRY = Pattern(
    r"\bsorry\b|\bapolog|\bregret|\bunable\b|\bcan't\b|\bcannot\b|\bwon't\b|\bunfortunately\b|\bnot able\b|\bdecline"
    r"|leid|entschuldig|spijt|excuse|désol|siento|disculp|perdón|desculp|sinto muito|dispiace|scus|przepraszam|przykro"
    r"|извин|прост|жаль|歉|对不起|對不起|申し訳|すみません|ごめん|죄송|미안"
)


def opens_with_speech_or_salutation(start: str) -> bool:
    """`start`: the opening in lower case, without white space before it."""
    return start[:1] in _QUOTES or _LETTER.match(start) is not None


def opens_with_a_speaker(start: str) -> bool:
    """The first line of a dialogue: a name, a colon, and speech."""
    return _SPEAKER.match(start) is not None


def without_speech(start: str) -> str:
    """The opening without what stands between double quotation marks."""
    return _SPEECH.sub(" ", start) if _SPEECH.search(start) else start


def asks_for_words_of_others(prompt: str) -> bool:
    """A letter, a story, a reply to a customer, a role: whoever is sorry in it is not the assistant."""
    return _ASKED.search(_ends_of(prompt)) is not None


def renders_an_apology(prompt: str) -> bool:
    """Asks to say an apology or a refusal again: in another language, in better words."""
    asked = _ends_of(prompt)
    return _RENDERED.search(asked) is not None and _SORRY.search(asked) is not None


def _ends_of(prompt: str) -> str:
    if len(prompt) > 2 * _READ_CHARACTERS:
        prompt = f"{prompt[:_READ_CHARACTERS]}\n{prompt[-_READ_CHARACTERS:]}"
    return prompt.replace("’", "'").lower()
