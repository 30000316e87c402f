"""Did the steps teach something, without harm to rows that were not trained?"""

import math
from collections.abc import Sequence

from sftctl import stats
from sftctl.model.scoring import RowLoss, token_weighted
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check

_SAME_NATS = 1e-5


def probe(evidence: Evidence) -> Check:
    """Training rows, fixed before the first step, are fitted better after the last."""
    name = "learning.probe"
    if evidence.after is None:
        return Check(name=name, verdict="skipped", evidence="the steps ended in an error")
    change = stats.paired_difference(_per_token(evidence.before.probe), _per_token(evidence.after.probe))
    text = _changed(evidence.before.probe, evidence.after.probe, change)
    if not change.difference < 0:
        advice = "nothing was learned: raise train.learning_rate, or look at the other failures first"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="pass" if change.interval.high < 0 else "warn", evidence=text)


def held_out(evidence: Evidence) -> Check:
    """The held-out loss is not worse than that of the model as it came."""
    name = "learning.held_out"
    if evidence.after is None or not evidence.before.held_out:
        why = "there are no held-out rows" if evidence.after else "the steps ended in an error"
        return Check(name=name, verdict="skipped", evidence=why)
    change = stats.paired_difference(_per_token(evidence.before.held_out), _per_token(evidence.after.held_out))
    text = _changed(evidence.before.held_out, evidence.after.held_out, change)
    if not math.isfinite(change.difference) or change.interval.low > 0:
        advice = "held-out rows are fitted worse than before: lower train.learning_rate or train.epochs"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="warn" if change.difference > 0 else "pass", evidence=text)


def reads_prompt(evidence: Evidence) -> Check:
    """The response's loss must depend on the prompt before it."""
    name = "learning.reads_prompt"
    if evidence.prompts is None:
        return Check(name=name, verdict="skipped", evidence="too few rows with a prompt and a response")
    own, other = evidence.prompts.own, evidence.prompts.other
    differences = [abs(a - b) for a, b in zip(_per_token(own), _per_token(other), strict=True)]
    text = (
        f"{token_weighted(own):.3f} nats per token behind the own prompt, {token_weighted(other):.3f} behind another's"
    )
    if not max(differences) > _SAME_NATS:
        advice = "the model's output does not depend on its input: the model folder or its code is broken"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="pass", evidence=text)


def _per_token(losses: Sequence[RowLoss]) -> list[float]:
    return [loss.nats / loss.tokens for loss in losses if loss.tokens]


def _changed(before: Sequence[RowLoss], after: Sequence[RowLoss], change: stats.Paired) -> str:
    return (
        f"{token_weighted(before):.3f} to {token_weighted(after):.3f} nats per token on {len(before)} rows; "
        f"mean change a row {change.difference:+.3f} "
        f"(95 %: {change.interval.low:+.3f} to {change.interval.high:+.3f})"
    )
