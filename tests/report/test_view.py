"""Tables and legends of the page."""

import pytest

from sftctl.report.view import answer_rows, behaviour_legend, loss_rows
from tests.report.made_run import difference, evaluated


def _with_groups(*groups):
    whole = evaluated().losses[0]
    losses = [whole.model_copy(update={"kind": kind, "group": group, "rows": rows}) for kind, group, rows in groups]
    return evaluated().model_copy(update={"losses": tuple(losses)})


def test_groups_that_hold_the_same_rows_share_a_line_of_the_losses():
    alone = _with_groups(("all", "all", 9), ("role", "domain", 9), ("source", "desk", 9))
    assert [name for name, _ in loss_rows(alone)] == ["all, role domain, source desk"]
    groups = (
        ("all", "all", 9),
        ("role", "domain", 6),
        ("source", "desk", 4),
        ("source", "till", 2),
        ("role", "general", 3),
        ("source", "general", 3),
    )
    assert [(name, loss.rows) for name, loss in loss_rows(_with_groups(*groups))] == [
        ("all", 9),
        ("role domain", 6),
        ("source desk", 4),
        ("source till", 2),
        ("role general, source general", 3),
    ]


@pytest.mark.parametrize(
    ("low", "high", "legend"),
    [
        (-1.0, -0.9, "Green: changed as wanted, beyond chance."),
        (0.1, 0.2, "Red: changed the other way, beyond chance."),
        (-0.1, 0.2, "Blue: no change beyond chance."),
    ],
)
def test_the_legend_names_the_colours_that_the_plot_has(low, high, legend):
    changed = evaluated().behaviours[0].model_copy(update={"difference": difference((low + high) / 2, low, high, 200)})
    assert behaviour_legend(evaluated().model_copy(update={"behaviours": (changed,)})) == legend


def test_answers_that_the_tuned_model_alone_misses_come_first():
    row = evaluated().side_by_side[0]
    missed, held = {"no-apology": 1.0}, {"no-apology": 0.0}
    rows = [
        row.model_copy(update={"prompt": "held", "base_scores": missed, "tuned_scores": held}),
        row.model_copy(update={"prompt": "both", "base_scores": missed, "tuned_scores": missed}),
        row.model_copy(update={"prompt": "new", "base_scores": missed, "confident_and_wrong": True}),
    ]
    told = answer_rows(evaluated().model_copy(update={"side_by_side": tuple(rows)}))
    assert [(each.prompt, each.base_miss, each.miss) for each in told] == [
        ("new", "no-apology", "confidently wrong"),
        ("both", "no-apology", "no-apology"),
        ("held", "no-apology", ""),
    ]
