"""Is the loss finite, does it fall, and is the learning rate the cause if not?"""

import math
import statistics

from sftctl.errors import TrainingDiverged, UntrainedWeights
from sftctl.model.scoring import token_weighted
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.rehearsal import Step
from sftctl.smoke_test.result import Check
from sftctl.smoke_test.trend import Trend, trend
from sftctl.train.arguments import warmup_steps

_CONFIDENCE = 0.95
_FEWEST_STEPS = 8
_MEMORISED_NATS = 0.1
_DIVERGED_NATS = 0.2
_STUCK_SHARE = 0.002
STUCK = "stuck"
"""How the advice begins where the rate moves nothing: with few steps, a matter of the model."""

_CUT_HARD = 4
"""A median gradient this many times the clipping limit; one or two times is what most runs have, and does no harm."""


def finite(evidence: Evidence) -> Check:
    """Every loss and gradient, and the losses before the first step."""
    name = "loss.finite"
    before = token_weighted(evidence.before.probe)
    stopped_by = evidence.rehearsal.stopped_by
    if not math.isfinite(before):
        text = f"the untrained model's loss on {len(evidence.before.probe)} training rows is {before}"
        return Check(name=name, verdict="fail", evidence=text, advice="the weights are damaged: fetch the model again")
    if isinstance(stopped_by, TrainingDiverged):
        return Check(name=name, verdict="fail", evidence=str(stopped_by), advice="lower train.learning_rate")
    after = token_weighted(evidence.after.probe) if evidence.after else math.nan
    if evidence.after and not math.isfinite(after):
        text = f"the loss on {len(evidence.after.probe)} training rows is {after} after the steps"
        return Check(name=name, verdict="fail", evidence=text, advice="lower train.learning_rate")
    steps = evidence.rehearsal.steps
    if not steps:
        return Check(name=name, verdict="fail", evidence="no step was finished", advice=str(stopped_by or ""))
    text = f"{len(steps)} steps, loss {steps[0].loss:.3f} to {steps[-1].loss:.3f}"
    return Check(name=name, verdict="pass", evidence=text)


def falling(evidence: Evidence) -> Check:
    """A trend test over all steps behind the warm-up; last below first would be luck half of the time."""
    name = "loss.falling"
    losses = [step.loss for step in _behind_warm_up(evidence)]
    if len(losses) < _FEWEST_STEPS:
        text = f"{len(losses)} steps behind the warm-up are too few for a trend"
        plan = evidence.rehearsal.full_plan
        short = plan.steps <= len(evidence.rehearsal.steps)
        longer = "raise train.max_steps" if plan.ended_by_max_steps else "lower train.batch_size, or raise train.epochs"
        advice = f"the whole run is that short: {longer}"
        return Check(
            name=name,
            verdict=_when_unsure(evidence),
            evidence=text,
            advice=advice if short else f"raise {evidence.key_for_more_steps}",
        )
    found = trend(losses)
    text = f"{found.slope:+.2g} nats a step over {len(losses)} steps, p = {found.falls:.2g} (Mann-Kendall)"
    if found.falls < 1 - _CONFIDENCE:
        return Check(name=name, verdict="pass", evidence=text)
    if found.rises < 1 - _CONFIDENCE:
        return Check(name=name, verdict="fail", evidence=text, advice="the loss rises: lower train.learning_rate")
    advice = f"no fall can be told from noise: raise {evidence.key_for_more_steps} or train.learning_rate"
    return Check(name=name, verdict=_when_unsure(evidence), evidence=text, advice=advice)


def not_memorised(evidence: Evidence) -> Check:
    """A loss near zero before the first step leaves nothing to learn."""
    name = "loss.not_memorised"
    before, held_out = token_weighted(evidence.before.probe), token_weighted(evidence.before.held_out)
    text = f"untrained loss {before:.3f} nats per token on training rows" + (
        f", {held_out:.3f} on held-out rows" if math.isfinite(held_out) else ""
    )
    if before < _MEMORISED_NATS:
        advice = "the model knows these rows already: was it trained on them? Use model.path of the base model"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="pass", evidence=text)


def gradients(evidence: Evidence) -> Check:
    """Whether every trained tensor gets a gradient, and how often it is clipped."""
    name = "loss.gradients"
    if isinstance(evidence.rehearsal.stopped_by, UntrainedWeights):
        advice = "check model.lora.target_modules"
        return Check(name=name, verdict="fail", evidence=str(evidence.rehearsal.stopped_by), advice=advice)
    norms = [step.gradient_norm for step in evidence.rehearsal.steps]
    if not norms:
        return Check(name=name, verdict="skipped", evidence="no step was finished")
    if max(norms) == 0:
        return Check(name=name, verdict="fail", evidence="every gradient is zero", advice="nothing would be learned")
    limit = evidence.recipe.train.max_grad_norm
    text = f"gradient norm {statistics.median(norms):.2g} in the median, {max(norms):.2g} at most"
    if not limit:
        return Check(name=name, verdict="pass", evidence=f"{text}; none is clipped")
    text += f"; {sum(norm > limit for norm in norms)} of {len(norms)} steps clipped to {limit:g}"
    typical = [step.gradient_norm for step in _behind_warm_up(evidence)]
    if len(typical) < _FEWEST_STEPS or min(typical) <= limit or statistics.median(typical) < _CUT_HARD * limit:
        return Check(name=name, verdict="pass", evidence=text)
    advice = (
        "every step is cut to the same length, far below its own, so steps of much and of little error weigh the same: "
        f"set train.max_grad_norm={2 * statistics.median(typical):.2g} to cut outliers alone"
    )
    return Check(name=name, verdict="warn", evidence=text, advice=advice)


def learning_rate(evidence: Evidence) -> Check:
    """Too high: the rows are fitted worse than before. Too low: nothing moves."""
    name = "loss.learning_rate"
    rate = evidence.rehearsal.plan.learning_rate
    before = token_weighted(evidence.before.probe)
    after = token_weighted(evidence.after.probe) if evidence.after else math.nan
    text = f"learning rate {rate:g}: loss on the probe rows {before:.3f} before, {after:.3f} after"
    if math.isfinite(before) and (
        isinstance(evidence.rehearsal.stopped_by, TrainingDiverged) or not after <= before + _DIVERGED_NATS
    ):
        advice = f"diverging: try train.learning_rate={rate / 10:.1g}"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    found = _trend(evidence)
    if not before - after > _STUCK_SHARE * before and not found.falls < 1 - _CONFIDENCE:
        advice = f"{STUCK}: try train.learning_rate={rate * 10:.1g}, or train.epochs higher"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="pass", evidence=text)


def _trend(evidence: Evidence) -> Trend:
    return trend([step.loss for step in _behind_warm_up(evidence)])


def _when_unsure(evidence: Evidence) -> str:
    """A trend that noise hides is a warning where the probe rows are fitted better, and a failure where not."""
    if evidence.after is None:
        return "fail"
    return "warn" if token_weighted(evidence.after.probe) < token_weighted(evidence.before.probe) else "fail"


def _behind_warm_up(evidence: Evidence) -> list[Step]:
    """The first step holds the longest rows; the warm-up has hardly a rate to learn at."""
    steps = evidence.rehearsal.steps
    skipped = max(1, warmup_steps(evidence.recipe.train.warmup, evidence.rehearsal.plan.steps))
    return steps[skipped:]
