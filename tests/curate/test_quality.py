"""Quality scores: their formulas, their cache, and ranks that never cross task types."""

import math

import pytest

from sftctl.curate.quality import quality_ranks, quality_scores
from sftctl.data.conversation import Conversation


def row(identifier, prompt, response):
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": response})
    return Conversation(id=identifier, messages=messages, source="s")


class Losses:
    """2 nats a token with an instruction, 4 without; remembers what it was asked."""

    def __init__(self, nats=2.0):
        self.asked = []
        self.nats = nats

    def __call__(self, rows):
        self.asked.append([tuple(turn["role"] for turn in each.messages) for each in rows])
        return [4.0 if each.is_plain_text else self.nats for each in rows]


def test_ifd_is_the_loss_with_by_the_loss_without_the_instruction():
    losses = Losses()
    scores = quality_scores([row("a", "p", "r")], losses, "ifd")
    assert scores.values == {"a": 0.5}
    assert losses.asked == [[("user", "assistant")], [("document",)]]


def test_perplexity_is_exp_of_the_loss_and_asks_once():
    losses = Losses()
    assert quality_scores([row("a", "p", "r")], losses, "perplexity").values == {"a": math.exp(2)}
    assert losses.asked == [[("user", "assistant")]]


def test_a_loss_that_is_not_finite_is_nan_and_a_huge_one_infinite():
    assert math.isnan(quality_scores([row("a", "p", "r")], Losses(math.inf), "ifd").values["a"])
    assert quality_scores([row("a", "p", "r")], Losses(701.0), "perplexity").values == {"a": math.inf}


def test_equal_content_is_scored_once_and_known_content_not_again():
    losses = Losses()
    first = quality_scores([row("a", "p", "r"), row("b", "p", "r"), row("c", "q", "r")], losses, "ifd")
    assert len(losses.asked[0]) == 2
    again = quality_scores([row("d", "q", "r"), row("e", "z", "r")], losses, "ifd", first.cache)
    assert again.values == {"d": 0.5, "e": 0.5}
    assert losses.asked[2:] == [[("user", "assistant")], [("document",)]]
    assert quality_scores([row("d", "q", "r")], losses, "ifd", again.cache).values == {"d": 0.5}
    assert len(losses.asked) == 4


def test_cached_ifd_is_not_taken_for_perplexity():
    cache = quality_scores([row("a", "p", "r")], Losses(), "ifd").cache
    assert quality_scores([row("a", "p", "r")], Losses(), "perplexity", cache).values == {"a": math.exp(2)}


def code_and_sums():
    code = [row(f"code{n}", "Write a Python function.", f"def f(x):\n    return x + {n}") for n in range(11)]
    sums = [row(f"sum{n}", "How many apples are 3 and 4?", f"3 + 4 = 7\n#### {n}") for n in range(11)]
    return code, sums


def test_ranks_are_within_a_task_type():
    code, sums = code_and_sums()
    scores = {each.id: 0.1 + n / 100 for n, each in enumerate(code)} | {
        each.id: 0.8 + n / 100 for n, each in enumerate(sums)
    }
    ranks = quality_ranks([*code, *sums], scores, "ifd")
    assert [ranks[each.id] for each in code] == pytest.approx([n / 10 for n in range(11)])
    assert [ranks[each.id] for each in sums] == pytest.approx([n / 10 for n in range(11)])


def test_an_instruction_that_does_not_help_ranks_last_and_nan_below_it():
    code, _ = code_and_sums()
    scores = {each.id: 0.5 for each in code} | {"code0": 1.2, "code1": math.nan, "code2": 0.9}
    ranks = quality_ranks(code, scores, "ifd")
    assert (ranks["code1"], ranks["code0"], ranks["code2"]) == (0.0, 0.1, 1.0)
    assert ranks["code5"] == pytest.approx((2 + 9) / 2 / 10), "ties share the mean"


def test_the_lower_perplexity_ranks_higher():
    code, _ = code_and_sums()
    ranks = quality_ranks(code, {each.id: float(n + 1) for n, each in enumerate(code)}, "perplexity")
    assert (ranks["code0"], ranks["code10"]) == (1.0, 0.0)


def test_rare_task_types_are_ranked_together():
    code, sums = code_and_sums()
    few = [code[0], sums[0], sums[1]]
    ranks = quality_ranks(few, {"code0": 0.1, "sum0": 0.2, "sum1": 0.3}, "ifd")
    assert ranks == {"code0": 0.0, "sum0": 0.5, "sum1": 1.0}
