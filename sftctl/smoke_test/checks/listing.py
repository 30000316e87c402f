"""Every check, in the order in which they are read."""

from collections.abc import Callable

from sftctl.smoke_test.checks import data, environment, learning, loss, memory, output, save, template
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check

CHECKS: tuple[Callable[[Evidence], Check], ...] = (
    data.rows_dropped,
    data.trained_tokens,
    data.whole_responses,
    data.held_out_apart,
    template.same_as_inference,
    template.labels_aligned,
    template.stop_trained,
    template.models_own,
    memory.longest_row,
    memory.peak,
    loss.finite,
    loss.gradients,
    loss.falling,
    loss.learning_rate,
    loss.not_memorised,
    learning.probe,
    learning.held_out,
    learning.reads_prompt,
    output.stop,
    output.answers,
    output.form,
    save.checkpoint,
    save.disk,
    environment.versions,
    environment.precision,
    environment.trackers,
)


_LEARNED = ("loss.falling", "learning.", "output.")


def run_checks(evidence: Evidence, *, stand_in: bool) -> tuple[Check, ...]:
    """All of them, whatever the first ones say."""
    checks = tuple(check(evidence) for check in CHECKS)
    return tuple(_unjudged(check) for check in checks) if stand_in else checks


def _unjudged(check: Check) -> Check:
    """What a stand-in has not learned says nothing of the model that it stands in for."""
    learned = check.name.startswith(_LEARNED) or check.advice.startswith(loss.STUCK)
    if check.verdict not in ("fail", "warn") or not learned:
        return check
    evidence = f"not judged, since the model is a stand-in: {check.evidence}"
    return Check(name=check.name, verdict="skipped", evidence=evidence)
