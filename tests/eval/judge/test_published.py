"""Win rates, kappas and length control against published figures (real annotations, outside the repository)."""

import gzip
import itertools
import json
import os
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from sftctl.eval.arena.agreement import cohen_kappa, fleiss_kappa
from sftctl.eval.judge.length_control import PRIOR, SlopePrior, length_controlled_rate
from sftctl.eval.judge.win_rate import standard_error, win_rate

DATA = Path(os.environ.get("SFTCTL_TEST_DATA", "/nonexistent")) / "data" / "judge"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="SFTCTL_TEST_DATA is not set")


def _lines(name):
    with gzip.open(DATA / name, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.fixture(scope="module")
def annotated():
    """(judge, model) -> published figures, and the scores and lengths of output 2, the model under test.

    Two files were made under a former name and call output 2 the opponent; its published rate is output 2's too.
    A preference of 0 is a tie, null is no verdict.
    """
    published = json.loads((DATA / "published_win_rates.json").read_text())
    rows = defaultdict(list)
    for row in _lines("alpaca_eval_annotations.jsonl.gz"):
        if row["preference"] is not None and row["model"] in published.get(row["judge"], {}):
            score = 0.5 if row["preference"] == 0 else row["preference"] - 1
            rows[row["judge"], row["model"]].append((score, row["len2"], row["len1"]))
    return {key: (published[key[0]][key[1]], *zip(*values, strict=True)) for key, values in rows.items()}


def test_win_rate_and_standard_error_equal_the_published_ones(annotated):
    assert len(annotated) == 73
    for figures, scores, _, _ in annotated.values():
        assert 100 * win_rate(scores, seed=0, resamples=1).rate.value == pytest.approx(figures["win_rate"], abs=1e-9)
        assert 100 * standard_error(scores) == pytest.approx(figures["standard_error"], abs=1e-9)


def _error(models, prior):
    """Mean absolute error to the published length-controlled rates, in points."""
    errors = []
    for figures, scores, lengths, others in models:
        found = length_controlled_rate(scores, lengths, others, seed=0, resamples=0, prior=prior)
        errors.append(abs(100 * found.rate - figures["length_controlled_winrate"]))
    return float(np.mean(errors))


def test_length_control_with_a_prior_from_one_half_of_the_models_holds_on_the_other(annotated):
    ordered = [annotated[key] for key in sorted(annotated)]
    ordered = [model for model in ordered if model[0].get("length_controlled_winrate") is not None]
    fitted_on, tested_on = ordered[0::2], ordered[1::2]
    grid = [SlopePrior(*prior) for prior in itertools.product((0.75, 1.0, 1.25), (0.2, 0.3, 0.4))]
    assert min(grid, key=lambda prior: _error(fitted_on, prior)) == PRIOR
    error = _error(tested_on, PRIOR)
    raw = float(
        np.mean(
            [abs(100 * np.mean(scores) - figures["length_controlled_winrate"]) for figures, scores, *_ in tested_on]
        )
    )
    print(f"length control: {error:.2f} points on {len(tested_on)} models, raw {raw:.2f}")
    assert (error, raw) == (pytest.approx(1.50, abs=0.01), pytest.approx(11.29, abs=0.01))


def test_kappas_of_pandalm_equal_the_published_ones():
    ratings = [[row[f"annotator{i}"] for i in (1, 2, 3)] for row in _lines("pandalm_human.jsonl.gz")]
    one, two, three = zip(*ratings, strict=True)
    assert [round(cohen_kappa(a, b), 3) for a, b in ((one, two), (one, three), (two, three))] == [0.852, 0.879, 0.862]
    assert round(fleiss_kappa(ratings), 3) == 0.864
