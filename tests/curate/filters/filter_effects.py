"""Rows of the table of key effects for `curate.filters`: two values of an option, and what the filter then says."""

import random
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import apply_filters, share_warnings
from sftctl.curate.filters.rules import FilterRules, merged_rules
from tests.curate.filters.rows import row, words
from tests.key_effect import KeyEffect

_PROSE = "The harbour of the town froze in that winter, and the boats lay still for weeks with no one on them. "
_SENTENCES = ("A boat came in at noon. ", "Nets were mended by the old. ", "Salt lay on the quay. ", "It rained. ")


def _rows():
    """Sixty rows of one model and sixty stubs of another, and one row for each thing that a filter looks for."""
    rng = random.Random(1)
    chat = [row("What do you think?", f"{_PROSE * 3}{n}", identifier=f"a{n}", generator="a") for n in range(60)]
    stubs = [
        row(
            "What do you think?",
            f"It is fine, and will stay so for some time{' now' * (n % 7)}.",
            identifier=f"b{n}",
            generator="b",
        )
        for n in range(60)
    ]
    return [
        *chat,
        *stubs,
        row("Go on with it.", "inventive, " * 20, identifier="loop"),
        row("Go on with it.", "".join(rng.choice(_SENTENCES) for _ in range(300)), identifier="shuffled"),
        row("Write to me.", "I'm sorry, I cannot help you with that.", identifier="refusal"),
        row("Name the lakes of Finland please.", "Name the lakes of Finland please: Saimaa.", identifier="echo"),
        row("Write to me.", "Card 4539 1488 0343 6467 of anna@uni-wroclaw.pl", identifier="pii"),
        row(
            "What do you think of the dog and of the cat that we have with you in here?",
            "Der Hund ist nicht mit der Katze auf dem Weg, und das ist für eine ruhige Nacht auch nicht gut.",
            identifier="german",
        ),
    ]


def judge(changes: list[dict[str, Any]]) -> Any:
    """What the whole list says about all rows when the recipe's list is `changes`."""
    rules = merged_rules(TypeAdapter(FilterRules).validate_python(changes))
    rows = _rows()
    judgements = apply_filters(rows, rules, gather_facts(rows, words))
    return judgements, share_warnings(judgements, rules)


def _effect(key: str, rule: str, one: Any, other: Any) -> KeyEffect:
    def observe(value: Any, _: Path) -> Any:
        return judge([{"rule": rule, key: value}])

    return KeyEffect(key=f"curate.filters.{rule}.{key}", one=one, other=other, observe=observe)


FILTER_EFFECTS = [
    _effect("action", "loops", "drop", "flag"),
    _effect("min_tokens", "length", 1, 12),
    _effect("max_tokens", "length", None, 15),
    _effect("min_repeats", "loops", 4, 30),
    _effect("min_characters", "loops", 160, 5_000),
    _effect("max_zlib_ratio", "loops", 0.1, 0.01),
    _effect("min_zlib_characters", "loops", 1_000, 100_000),
    _effect("max_share", "refusal", 0.0, 1.0),
    _effect("expected", "language", (), ("de",)),
    _effect("min_characters", "prompt_echo", 40, 20),
    _effect("min_rows", "length_anomaly", 50, 61),
    _effect("min_characters", "length_anomaly", 40, 60),
    _effect("max_share_of_others", "length_anomaly", 0.25, 0.001),
    _effect("kinds", "pii", ("email",), ("card",)),
]


def _flat(effect: KeyEffect) -> KeyEffect:
    section, filters, _, option = effect.key.split(".")
    return KeyEffect(key=f"{section}.{filters}.{option}", one=effect.one, other=effect.other, observe=effect.observe)


def _named(rule: str, _: Path) -> Any:
    return judge([{"rule": rule, "action": "off"}])


RECIPE_KEY_EFFECTS = [
    KeyEffect(key="curate.filters.rule", one="loops", other="refusal", observe=_named),
    *{effect.key: effect for effect in map(_flat, FILTER_EFFECTS)}.values(),
]
"""As the recipe's keys are counted: the classes of a union share the key of their list."""
