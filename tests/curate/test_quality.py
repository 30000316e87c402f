"""Quality scores: their formulas, what is kept of them on disk, and ranks that never cross task types."""

import json
import math

import pytest

from sftctl.curate import quality
from sftctl.curate.quality import quality_ranks, quality_scores
from sftctl.curate.score_journal import ScoreJournal
from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.response_losses import ResponseLosses
from sftctl.tokenization.config import DataConfig
from tests.curate.conversations import Losses, made_up_rows, run_curate, tiny_tokenizer, write_rows
from tests.curate.test_stage import FILES


def row(identifier, prompt, response, **options):
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": response})
    return Conversation(id=identifier, messages=messages, source="s", **options)


def losses_of(nats=2.0, identity="a model"):
    """`nats` a token with an instruction, 4 without."""
    return Losses(lambda each: 4.0 if each.is_plain_text else nats, identity)


@pytest.fixture
def scored(tmp_path):
    """A function that scores rows with what `tmp_path` keeps of earlier calls."""

    def scores(rows, losses, kind="ifd"):
        return quality_scores(rows, losses, kind, ScoreJournal(tmp_path / "scores.jsonl", losses.identity, kind))

    return scores


def test_ifd_is_the_loss_with_by_the_loss_without_the_instruction(scored):
    losses = losses_of()
    assert scored([row("a", "p", "r")], losses) == {"a": 0.5}
    assert [[each.messages[0]["role"] for each in rows] for rows in losses.asked] == [["user"], ["document"]]


def test_perplexity_is_exp_of_the_loss_and_asks_once(scored):
    losses = losses_of()
    assert scored([row("a", "p", "r")], losses, "perplexity") == {"a": math.exp(2)}
    assert len(losses.asked) == 1


@pytest.mark.parametrize(("nats", "kind"), [(math.inf, "ifd"), (math.nan, "ifd"), (701.0, "perplexity")])
def test_a_score_that_is_no_number_is_nan_and_not_asked_for_again(scored, nats, kind):
    losses = losses_of(nats)
    for _ in range(2):
        assert math.isnan(scored([row("a", "p", "r")], losses, kind)["a"])
    assert len(losses.asked) == (2 if kind == "ifd" else 1)


def test_equal_content_is_scored_once_and_known_content_not_again(scored):
    losses = losses_of()
    scored([row("a", "p", "r"), row("b", "p", "r"), row("c", "q", "r")], losses)
    assert [each.prompt for each in losses.asked[0]] == ["p", "q"]
    assert scored([row("d", "q", "r"), row("e", "z", "r")], losses) == {"d": 0.5, "e": 0.5}
    assert [each.prompt for each in losses.asked[2]] == ["z"]
    assert scored([row("d", "q", "r")], losses) == {"d": 0.5}
    assert len(losses.asked) == 4


def test_another_kind_another_model_and_other_tools_are_scored_anew(scored):
    one = row("a", "p", "r")
    assert scored([one], losses_of()) == {"a": 0.5}
    assert scored([one], losses_of(), "perplexity") == {"a": math.exp(2)}
    assert scored([one], losses_of(1.0, "another model")) == {"a": 0.25}
    assert scored([row("a", "p", "r", tools=({"name": "look_up"},))], losses_of(3.0)) == {"a": 0.75}
    assert scored([one], losses_of(3.0)) == {"a": 0.5}


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


class CountedModel:
    """The built-in model; `rows` counts what it was asked to score, and it is killed when `limit` is reached."""

    def __init__(self, limit=None):
        self.losses = ResponseLosses(ModelConfig(path="builtin:tiny"), tiny_tokenizer(), DataConfig())
        self.identity = self.losses.identity
        self.rows = 0
        self.limit = limit

    def __call__(self, rows, /):
        if self.limit is not None and self.rows >= self.limit:
            raise Killed
        self.rows += len(rows)
        return self.losses(rows)


def curate_scored(folder, run, model, size=10):
    options = {"hold_out": {"rows": 8}, "quality": {"score": "ifd"}, "select": {"rows": size}}
    return run_curate(folder, run=run, score=model, **options)


def test_another_selection_scores_no_row_again_and_another_model_all(tmp_path):
    write_rows(tmp_path / "rows.jsonl", made_up_rows(48))
    first, again = CountedModel(), CountedModel()
    assert curate_scored(tmp_path, "run", first).training_rows == 10
    assert first.rows == 2 * 40, "each with its instruction and without"
    assert curate_scored(tmp_path, "run", again, size=20).training_rows == 20
    assert again.rows == 0
    write_rows(tmp_path / "rows.jsonl", made_up_rows(51))
    curate_scored(tmp_path, "run", again)
    assert again.rows == 2 * 3
    other = CountedModel()
    other.identity = "another model"
    curate_scored(tmp_path, "run", other)
    assert other.rows == 2 * 43


@pytest.mark.parametrize("calls", [1, 2, 4])
def test_scoring_that_was_killed_goes_on_and_ends_with_the_same_bytes(tmp_path, monkeypatch, calls):
    monkeypatch.setattr(quality, "ROWS_PER_BLOCK", 16)
    # Rows of very different lengths: their losses depend, in the last digits, on which of them share a batch.
    rows = [(prompt, f"{answer} " * (1 + n % 3)) for n, (prompt, answer) in enumerate(made_up_rows(48))]
    write_rows(tmp_path / "rows.jsonl", rows)
    curate_scored(tmp_path, "whole", whole := CountedModel())
    assert whole.rows == 2 * 40
    with pytest.raises(Killed):
        curate_scored(tmp_path, "killed", CountedModel(limit=16 * calls))
    journal = tmp_path / "killed/data/scores.jsonl"
    blocks = journal.read_text().count("\n") if journal.exists() else 0
    assert blocks == calls // 2
    if blocks:
        # A write that the kill has torn.
        with journal.open("a") as file:
            file.write('{"model": "x", "sco')
    curate_scored(tmp_path, "killed", resumed := CountedModel())
    assert resumed.rows == 2 * (40 - 16 * blocks)
    for name in (*FILES, "scores.jsonl"):
        one, other = ((tmp_path / run / "data" / name).read_bytes() for run in ("whole", "killed"))
        assert one == other, name
    scores = [score for line in journal.read_text().splitlines() for score in json.loads(line)["scores"].values()]
    assert len(scores) == 40 == len(set(scores)), "else equal bytes would say little"


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
