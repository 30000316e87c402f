"""Named unwanted behaviours of an answer, as rules that need nothing but the text and its prompt."""

import re
from typing import Literal

from sftctl.data.apologies import SORRY, UNFORTUNATELY, WILL_NOT, Phrases
from sftctl.data.chat_markers import IN_ANSWER
from sftctl.eval.text_metrics import words_of
from sftctl.pattern import Pattern

PresetName = Literal["apology", "refusal", "disclaimer", "as_an_ai", "prompt_echo", "template_marker", "loop"]

OPENING_CHARACTERS = 200
"""Apologies and refusals open an answer; further in, the same words are mostly quotes, letters and dialogue."""

LOOP_REPEATS = 4
"""A passage that comes this often, back to back, is a loop."""

ECHO_WORDS = 8
"""An answer that opens with this many words of its prompt repeats it (or with all of one of 4 to 8 words)."""

# Both kinds of apostrophe, and none: I'm, I’m, Im.
_I_AM = r"\bi(?:['’]?m|\s+am)"
_CANNOT = r"(?:can(?:\s?not|['’]?t)|could(?:\s+not|n['’]?t)|won['’]?t|will\s+not|should(?:\s+not|n['’]?t))"

_PATTERNS: dict[PresetName, Pattern] = {
    "apology": Pattern(
        rf"{_I_AM}(?:\s+(?:so|very|truly|really|deeply|sincerely|terribly|afraid|just))*\s+sorry"
        r"(?!\s+(?:to\s+(?:hear|learn)|for\s+your\s+loss|you|about\s+your))"
        r"|\b(?:i|we)(?:\s+(?:do|must|truly|sincerely|deeply|humbly))*\s+apologi[sz]e\b"
        r"|(?:\bmy|\bour|\bsincere(?:st)?|^)\s*apologies\b|^\s*(?:so |very )?sorry\b(?!\s+to\s+hear)"
        r"|\bsorry,\s+(?:but|i|we)\b"
        r"|(?:^|[.!?]\s+)unfortunately\b",
        re.IGNORECASE,
    ),
    "refusal": Pattern(
        rf"\bi\s*(?:{_CANNOT}|am\s+(?:unable|not\s+able)\s+to"
        rf"|['’]?m\s+(?:unable|not\s+able)\s+to)\s+"
        r"(?:\w+\s+){0,2}(?:help|assist|provide|answer|comply|fulfil|do\s+that|create|generate|write|give|offer|share|support|discuss|engage"
        r"|recommend|make|say|tell|continue)\w*"
        rf"|\bi\s+do(?:\s+not|n['’]?t)\s+feel\s+comfortable|{_I_AM}\s+not\s+(?:comfortable|allowed|permitted)",
        re.IGNORECASE,
    ),
    "disclaimer": Pattern(
        r"(?:\bnot|n['’]t)\s+(?:(?:a\s+substitute\s+for|intended\s+as|be\s+taken\s+as|constitute|provide|give|offer|be\s+considered"
        r"|considered)\s+)?"
        r"(?:as\s+)?(?:\w+\s+)?(?:professional|medical|legal|financial|investment|tax)\s+(?:or\s+\w+\s+)?advice\b"
        r"|\bconsult\s+(?:with\s+)?(?:a|an|your)\s+(?:\w+\s+)?(?:professional|doctor|physician|lawyer|attorney|advis[eo]r|accountant|specialist)\b"
        r"|\bfor\s+(?:general\s+)?(?:informational|educational)\s+purposes\s+only\b",
        re.IGNORECASE,
    ),
    "as_an_ai": Pattern(
        rf"\bas\s+an?\s+(?:\w+\s+)?(?:ai|artificial\s+intelligence|(?:large\s+)?language\s+model)\b"
        rf"|{_I_AM}\s+(?:just\s+|only\s+)?an?\s+(?:\w+\s+)?(?:ai|(?:large\s+)?language\s+model)\b",
        re.IGNORECASE,
    ),
    "template_marker": IN_ANSWER,
}
_IN_OTHER_LANGUAGES: dict[PresetName, tuple[Phrases, ...]] = {
    "apology": (SORRY, UNFORTUNATELY),
    "refusal": (WILL_NOT,),
}


def shows(preset: PresetName, answer: str, prompt: str) -> bool:
    """Whether the answer shows what the preset names."""
    if preset == "loop":
        return loops(answer)
    if preset == "prompt_echo":
        return echoes(answer, prompt)
    if preset not in _IN_OTHER_LANGUAGES:
        return _PATTERNS[preset].search(answer) is not None
    opening = answer[:OPENING_CHARACTERS]
    plain = opening.replace("’", "'").lstrip().lower()
    return _PATTERNS[preset].search(opening) is not None or any(
        phrases.open(plain) for phrases in _IN_OTHER_LANGUAGES[preset]
    )


def loops(answer: str) -> bool:
    """Whether the answer says one passage of at least 3 words LOOP_REPEATS times in a row, or one word 8 times."""
    words = answer.split()
    if any(len(set(words[start : start + 8])) == 1 for start in range(len(words) - 7)):
        return True
    for size in range(3, min(100, len(words) // LOOP_REPEATS) + 1):
        run = 0
        for position in range(size, len(words)):
            run = run + 1 if words[position] == words[position - size] else 0
            if run == size * (LOOP_REPEATS - 1):
                return True
    return False


def echoes(answer: str, prompt: str) -> bool:
    """Whether the answer opens with the prompt's opening or closing words (case and punctuation aside)."""
    asked, said = words_of(prompt), words_of(answer)
    size = min(ECHO_WORDS, len(asked))
    if size < 4 or len(said) < size:
        return False
    return said[:size] == asked[:size] or (len(asked) <= 60 and said[:size] == asked[-size:])
