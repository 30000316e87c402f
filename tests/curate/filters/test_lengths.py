"""Responses that are cut at one length, or far too short beside other answers; in any script."""

import pytest

from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.length_anomaly import LengthAnomaly
from sftctl.curate.script_lengths import english_length
from tests.curate.filters.rows import row, words

PROSE = (
    "The harbour froze early that winter. Boats lay still for weeks, and the men who lived by them mended nets in the "
    "church hall. When the thaw came, the first boat to leave was the oldest. "
)


def length_reasons(lengths_by_model):
    """Responses of that many words, of one to nine letters by turns."""
    rows = []
    for model, lengths in lengths_by_model.items():
        for number, length in enumerate(lengths):
            text = " ".join("abcdefghi"[: 1 + (number + 4 * place) % 9] for place in range(length))
            rows.append(row("p", text, identifier=f"{model}-{number}", generator=model))
    facts = gather_facts(rows, words)
    found = {each.id: LengthAnomaly().judge(each, facts) for each in rows}
    return {identifier: why for identifier, why in found.items() if why}


def test_stubs_of_one_model_are_flagged():
    normal = [60 + 7 * n % 240 for n in range(100)]
    stubs = [17 + n % 7 for n in range(100)]
    found = length_reasons({"a": normal, "b": normal, "stub": stubs})
    assert set(found.values()) == {"length_far_below_others"}
    assert all(identifier.startswith("stub-") for identifier in found)
    assert len(found) == 75, "those up to the upper quartile"


def test_responses_cut_at_one_number_of_tokens_are_flagged():
    cut = [20 + n for n in range(20)] + [64] * 80
    found = length_reasons({"cut": cut})
    assert found == {f"cut-{n}": "length_pinned" for n in range(20, 100)}


def test_labels_are_short_and_fine():
    assert length_reasons({"chat": [100 + n for n in range(80)], "labels": [1 + n % 3 for n in range(80)]}) == {}


STUBS = {
    "zh": (
        "河上有船，船上有人，人看着水，夜里有灯。",
        "河上有船，船上有人，人看着水；天黑了，灯亮了，风从北边来。" * 6,
        "好的",
    ),
    "ja": (
        "川に船があり、人が水を見ています。風は北から吹いています。",
        "川に船があり、人が水を見ています。夜になると灯がともります。" * 6,
        "はい",
    ),
    "ko": (
        "강에 배가 있고 사람이 물을 봅니다. 바람이 붑니다.",
        "강에 배가 있고 사람이 물을 봅니다. 밤이 오면 불이 켜집니다. " * 6,
        "네",
    ),
    "ru": (
        "На реке стоит лодка, в ней сидит человек и смотрит.",
        "На реке стоит лодка, в ней сидит человек и смотрит на воду. " * 6,
        "Да",
    ),
    "ar": (
        "في النهر قارب وفيه رجل ينظر إلى الماء في الليل البارد.",
        "في النهر قارب وفيه رجل ينظر إلى الماء في الليل البارد. " * 6,
        "نعم",
    ),
}


@pytest.mark.parametrize("language", STUBS)
def test_stubs_are_told_from_labels_in_every_script(language):
    stub, whole, label = STUBS[language]
    texts = {"stub": lambda n: stub + "!" * (n % 3), "whole": lambda n: whole + "!" * (n % 9), "label": lambda n: label}
    rows = [
        row(f"question {n}", text(n), identifier=f"{model}-{n}", generator=model)
        for model, text in texts.items()
        for n in range(60)
    ]
    facts = gather_facts(rows, lambda texts: [len(text) + n % 99 for n, text in enumerate(texts)])
    flagged = {each.extra["generator"] for each in rows if LengthAnomaly().judge(each, facts)}
    assert flagged == {"stub"}


@pytest.mark.parametrize(("same_prompts", "expected"), [(True, "length_far_below_others"), (False, None)])
def test_another_source_is_compared_only_where_it_answers_the_same_prompts(same_prompts, expected):
    essays = [row(f"p{n}", PROSE * (4 + n % 5), identifier=f"e{n}", source="essays") for n in range(60)]
    short = [
        row(f"p{n}" if same_prompts else f"q{n}", f"{PROSE[: 50 + n % 30]}.", identifier=f"s{n}", source="short")
        for n in range(60)
    ]
    facts = gather_facts([*essays, *short], words)
    assert LengthAnomaly().judge(short[0], facts) == expected


def test_answers_of_one_form_are_not_cut():
    """Their tokens are as many, and they end."""
    labels = ("positive", "negative", "neutral")
    rows = [
        row(f"p{n}", f"The feeling of this long review is said to be {labels[n % 3]}.", identifier=f"r{n}")
        for n in range(60)
    ]
    facts = gather_facts(rows, words)
    assert {LengthAnomaly().judge(each, facts) for each in rows} == {None}


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("tram", 4),
        ("π r² – 🙂", 8),
        ("трамвай", 7),
        ("电车", 6),
        ("でんしゃ", 4),
        ("電車です", 8),
        ("전차", 4),
        ("รถราง", 5),
    ],
)
def test_a_character_counts_for_what_it_says(text, length):
    assert english_length(text) == length
