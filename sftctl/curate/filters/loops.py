"""Responses that fall into a loop: the same words again and again, or nearly nothing new in a long text."""

import json
import re
import zlib
from typing import Literal

from pydantic import Field

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule, responses
from sftctl.data.conversation import Conversation
from sftctl.pattern import Pattern

_LIST_NUMBER = Pattern(r"^[ \t]*[0-9]+[.)]", re.MULTILINE)
_NUMBER = Pattern(r"[0-9]+")
_SPACES = re.compile(rb"[ \t]{2,}|_{2,}")
_DIGIT_FREE = Pattern(r"[^0-9\n]{8,}")
_LETTER = Pattern(r"[^\W\d_]")
_FIRST_TAG = Pattern(r"<([A-Za-z][\w:-]*)[ >]")
_RULING = Pattern(r"[\s\-_=.|+:]*")
_REPETITION_ASKED = Pattern(
    r"\brepeat (?:it|this|that|the|each|every|after|\d+)\b|\bchant\b|\bmantra\b|\bover and over\b"
    r"|\b(?:\d+|ten|twenty|thirty|forty|fifty|sixty|hundred|thousand) times\b|\bidentical\b|\bthe same\b"
    r"|\b\d+ (?:copies|zeros|repeats|repetitions)\b"
    r"|\bwiederhol|\brépét|\brépète|\brepit[ae]|\bripeti|повтори|重复|重複|繰り返|반복|[0-9百千十] ?(?:次|遍|回)",
    re.IGNORECASE,
)
_REPEATS_BY_NATURE = Pattern(
    r"\b(?:prayer|litany|call and response|yoga|exercises?|workout|rounds|form"
    r"|checklist|tracker|planner|knit(?:ting)?|crochet|pattern|drums?|beat|tabs?|chords|melody|notes)\b"
    r"|\b(?:song|sing|lyrics?|chorus|refrain|rhymes?|shanty|lullaby|anthem|hymn|rap|jingle|poem|lied|gedicht|chanson"
    r"|poème|canción|canzone|poema|poesia)\b|песн|стих|歌|诗|詩|노래",
    re.IGNORECASE,
)
_MARKUP = Pattern(r"[<>{}\[\];=|]")
_CLOSERS = (">", "}", "]", "};", ");", "```")

_WHOLE, _INSIDE, _COUNTING = 4, 4, 6
"""How much longer a repeated stretch must be: a refrain, inside a text, and where its numbers change."""

_COUNTED = 10
"""Different numbers in the last lines, list numbers aside, that make them a listing."""

_TAIL_CHARACTERS = 6_000
"""As much of the end as is searched; a loop that matters is seen in it."""

_SEED_CHARACTERS = 24
"""Text whose last recurrence gives the period."""

_INNER_ANCHORS = (0.5, 0.75)
"""Where, besides its end, a text is searched: some loops end in noise, or in a polite closing."""


class Loops(Rule):
    """A stretch that repeats itself at the end (list numbers aside) or inside; or a text that zlib shrinks too well."""

    rule: Literal["loops"] = "loops"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")
    min_repeats: int = Field(
        4, ge=2, description="how often the last words must recur in a row; twice that inside a text"
    )
    min_characters: int = Field(
        160, ge=1, description="fewest characters the repeats must cover; four times that inside"
    )
    max_zlib_ratio: float = Field(
        0.10, ge=0, lt=1, description="compressed by plain size, below which nothing new is said"
    )
    min_zlib_characters: int = Field(1_000, ge=1, description="fewest characters of a text whose zlib ratio counts")

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        for text in responses(conversation):
            if len(text) < self.min_characters:
                continue
            reason = self._reason(text, 1)
            if reason is None or _REPETITION_ASKED.search(conversation.prompt):
                continue
            if not _repeats_by_nature(conversation.prompt, text.rstrip()) or self._reason(text, _WHOLE) is not None:
                return reason
        return None

    def _reason(self, text: str, strictness: int) -> str | None:
        tail = text[-_TAIL_CHARACTERS:].rstrip()
        if _recurs(tail, len(tail), self.min_repeats):
            unnumbered = _LIST_NUMBER.sub("", tail)
            if self._loops(unnumbered, len(unnumbered), strictness):
                return "loop_at_end"
            # Numbers that change from one repeat to the next are often the content: a table, a scale, addresses.
            # Such a list ends where it means to; a model that counts for ever is cut off.
            counted = _NUMBER.sub("0", unnumbered)
            if not _ends_neatly(counted) and self._loops(counted, len(counted), _COUNTING):
                return "loop_at_end"
        for share in _INNER_ANCHORS:
            anchor = int(share * len(tail))
            if _recurs(tail, anchor, self.min_repeats) and self._loops(tail, anchor, _INSIDE):
                return "loop_inside"
        return "loop_by_zlib" if self._says_nothing_new(text) else None

    def _loops(self, text: str, end: int, strictness: int) -> bool:
        """Whether text[:end] ends in a period, which may go on after `end`."""
        start = end - _SEED_CHARACTERS
        before = text.rfind(text[start:end], 0, end - 1) if start > 0 else -1
        if before < 0:
            return False
        period = start - before
        covered = _periodic_around(text, end - 1, period)
        if covered < self.min_characters * strictness or covered < self.min_repeats * min(strictness, 2) * period:
            return False
        unit = text[before:start]
        if _MARKUP.search(unit) and end < len(text) and text.endswith(_CLOSERS):
            return False  # The cells of a board, and then what closes the board.
        if len(_LETTER.findall(unit)) >= period / 3 and not ("|" in unit and text[end - 1] == "|"):
            return True
        if (strictness > 1 and "0" in unit) or ("____" in unit and text.endswith("_")):
            return False
        # Rows of a table or a drawing repeat; twenty in a row, and long, are more than a drawing needs.
        return covered >= 4 * self.min_characters and covered >= 20 * period and not _RULING.fullmatch(unit)

    def _says_nothing_new(self, text: str) -> bool:
        if len(text) < self.min_zlib_characters:
            return False
        data = text.encode("utf-8", "surrogatepass")
        if len(zlib.compress(data, 1)) >= self.max_zlib_ratio * len(data):
            return False
        if _counts_up(text) or _is_whole_document(text) or text.rstrip().endswith(_CLOSERS):
            return False
        # Padding of tables shrinks to nothing and says nothing about the words.
        data = _SPACES.sub(b" ", data)
        return len(data) >= self.min_zlib_characters and len(zlib.compress(data, 1)) < self.max_zlib_ratio * len(data)


def _repeats_by_nature(prompt: str, text: str) -> bool:
    """Verses, forms, patterns, lines of code that end with a whole line. What cannot stop is cut off in one."""
    if not _ends_with_a_known_line(text):
        return False
    return bool(_REPEATS_BY_NATURE.search(prompt) or _MARKUP.search(text, text.rfind("\n") + 1))


def _ends_neatly(counted: str) -> bool:
    """At the end of a sentence or of a bracket, or with a whole line like one before it."""
    return counted[-1] in ".!?)]}\"'`>|;" or _ends_with_a_known_line(counted)


def _ends_with_a_known_line(counted: str) -> bool:
    *lines, last = counted[-2_000:].split("\n")
    return last in lines[1:]


def _counts_up(text: str) -> bool:
    """Lines that differ in their numbers only, and that end whole: test data, addresses, bottles on a wall."""
    tail = text[-2_000:].rstrip()
    numbers = set(_NUMBER.findall(_LIST_NUMBER.sub("", tail)))
    if not _ends_with_a_known_line(_NUMBER.sub("0", tail)):
        return len(numbers) >= _COUNTED and tail[-1] in ".!?"
    return len(numbers) >= _COUNTED or not _ends_with_a_known_line(tail)


def _is_whole_document(text: str) -> bool:
    """JSON that can be read, or markup from its first tag to the same one closed: a loop would be cut off."""
    text = text.strip()
    if text[:1] in ("[", "{"):
        try:
            json.loads(text)
        except (ValueError, RecursionError):
            return False
        return True
    opened = _FIRST_TAG.match(text)
    return opened is not None and text.endswith(f"</{opened[1]}>")


def _recurs(text: str, end: int, times: int) -> bool:
    """A quick look: whether the last words before `end`, digits aside, stand in `text` so many times."""
    runs = _DIGIT_FREE.findall(text, max(0, end - 48), end)
    return not runs or text.count(max(runs, key=len)) >= times


def _periodic_around(text: str, at: int, period: int) -> int:
    """Length of the longest stretch around `at` in which every character equals the one a period before it."""
    low = at
    while low >= period and text[low] == text[low - period]:
        low -= 1
    high = at + 1
    while high < len(text) and text[high] == text[high - period]:
        high += 1
    return high - low - 1 + period
