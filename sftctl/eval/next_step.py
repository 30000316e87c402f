"""What to do next, said only with the figures that say so."""

from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.eval.judge.result import JudgeResult
from sftctl.eval.result import BehaviourFigure, BenchmarkFigure, BestOf, Gate, LossFigure, NextStep, NotMeasured, Sign
from sftctl.eval.verdicts import beyond_chance
from sftctl.units import percent

BEST_OF_GAP = 0.10
"""Best-of-n beats greedy by more: better answers are within reach, and preference tuning can surface them."""

RIGHT_ENOUGH = 0.9
"""Share of right answers from which on wrong answers are no longer the problem."""

_CONTENT_CHECKS = frozenset({"numbers_match", "exact_match", "f1", "chrf", "rouge_l", "contains"})


@dataclass(frozen=True)
class Course:
    """What training itself tells: whether held-out loss was still falling at its end; that it was short, and a remedy.

    None where that is not known, or not so.
    """

    still_falling: bool | None = None
    short: str | None = None


@dataclass(frozen=True)
class Findings:
    """All that the advice is drawn from."""

    gates: Sequence[Gate]
    losses: Sequence[LossFigure]
    behaviours: Sequence[BehaviourFigure]
    benchmarks: Sequence[BenchmarkFigure]
    drift: Sequence[Sign]
    best_of: BestOf | None
    not_measured: Sequence[NotMeasured]
    course: Course = Course()
    loses_to_reference: str | None = None
    confident_and_wrong: BehaviourFigure | None = None


def next_step(findings: Findings) -> NextStep:
    """One action: first what makes the verdict unsafe, then forgetting, then the answers, then nothing."""
    asked = [item for item in findings.not_measured if item.asked]
    bad = [gate for gate in findings.gates if gate.verdict in ("fail", "investigate")]
    forgetting = [gate for gate in bad if gate.section in ("benchmark", "general")]
    answers = [gate for gate in bad if gate.section in ("behaviour", "held-out", "judge", "arena")]
    if asked and not bad:
        return _step(
            "fix_measurement", "Make these measurements run, then judge.", [f"{a.name}: {a.reason}" for a in asked]
        )
    if forgetting:
        return _reduce_forgetting(findings, forgetting)
    if answers or findings.loses_to_reference:
        return _better_answers(findings, answers)
    open_gates = [gate for gate in findings.gates if gate.verdict == "inconclusive"]
    if open_gates or not findings.gates:
        evidence = [f"{gate.name}: {gate.message}" for gate in open_gates] or ["no gate was measured"]
        if findings.course.short and any(gate.section == "held-out" for gate in open_gates):
            return _step("train_longer", f"Train longer: {findings.course.short}.", evidence)
        advice = "Measure on more items: raise eval.prompts, hold out more rows, or raise a benchmark's items."
        return _step("measure_more", advice, evidence)
    signs = _notable_signs(findings)
    evidence = [f"{name}: {text}" for name, text in signs.items()] or [f"all {len(findings.gates)} gates are met"]
    then = f"; first read the answers for {', '.join(signs)}." if signs else ": ship it, or raise the bar."
    return _step("good_enough", f"Good enough by every gate{then}", evidence)


def _notable_signs(findings: Findings) -> dict[str, str]:
    """Drift beyond its rule, and confidently wrong figures where they became more common beyond chance."""
    signs = {sign.name: f"{sign.tuned:.3g} ({sign.meaning})" for sign in findings.drift if sign.notable}
    wrong = findings.confident_and_wrong
    change = wrong.difference if wrong else None
    if wrong and wrong.base and wrong.tuned and change and change.value > 0 and beyond_chance(change):
        before, after = percent(wrong.base.value), percent(wrong.tuned.value)
        as_before = round(wrong.tuned.value * wrong.tuned.rows) - wrong.gained
        signs[wrong.id] = (
            f"{before} to {after} of {wrong.tuned.rows:,} answers state a wrong figure without a doubt: "
            f"{wrong.gained} new, {as_before} as before"
        )
    return signs


def _reduce_forgetting(findings: Findings, gates: Sequence[Gate]) -> NextStep:
    evidence = [f"{gate.name}: {gate.verdict}, {gate.message}" for gate in gates]
    evidence += [f"{sign.name}: {sign.tuned:.3g} ({sign.meaning})" for sign in findings.drift if sign.notable]
    advice = (
        "Reduce forgetting: mix 5-10 % or more general rows into training (a source with role: general), halve "
        "train.learning_rate or train fewer epochs, or train an adapter (model.method: lora) instead of all weights."
    )
    return _step("reduce_forgetting", advice, evidence)


def _better_answers(findings: Findings, gates: Sequence[Gate]) -> NextStep:
    evidence = [f"{gate.name}: {gate.verdict}, {gate.message}" for gate in gates]
    checks = {figure.id: figure.check for figure in findings.behaviours}
    failing = {gate.subject for gate in gates if gate.section == "behaviour"}
    style = [name for name in failing if checks.get(name) not in _CONTENT_CHECKS]
    if findings.loses_to_reference:
        evidence.append(findings.loses_to_reference)
    best = findings.best_of
    if best is not None:
        evidence.append(
            f"best of {best.samples} samples is right for {percent(best.best)} of {best.prompts} prompts, "
            f"greedy for {percent(best.greedy)}"
        )
    within_reach = best is not None and best.difference.value > BEST_OF_GAP
    if findings.course.short:
        return _step("train_longer", f"Train longer: {findings.course.short}.", evidence)
    if findings.course.still_falling:
        reach = ", and samples find better answers" if within_reach else ""
        advice = f"Train longer (train.epochs, or train.max_steps): held-out loss was still falling{reach}."
        return _step("train_longer", advice, evidence)
    if not style and within_reach:
        advice = (
            "Preference tuning (DPO or the like): format and style hold, and better answers are within the model's "
            "reach. Make pairs of chosen and rejected answers from eval/preferences.jsonl or from samples."
        )
        return _step("preference_tuning", advice, evidence)
    kind = _weakest_group(findings.losses)
    target = f" Begin with {kind}." if kind else ""
    if style:
        named = ", ".join(sorted(style))
        advice = f"Better data: more rows that show the wanted side of {named}, and none of the other.{target}"
    else:
        advice = f"More or better data of the kind that fails.{target}"
        if best is not None:
            advice = f"More data of the kind that fails: sampling finds no better answers either.{target}"
    return _step("more_or_better_data", advice, evidence)


def _weakest_group(losses: Sequence[LossFigure]) -> str | None:
    """The source or tag with the highest loss, where there is more than one to choose from."""
    groups = [figure for figure in losses if figure.kind in ("source", "tag")]
    if len(groups) < 2:
        return None
    worst = max(groups, key=lambda figure: figure.tuned)
    return f"{worst.kind} {worst.group} (loss {worst.tuned:.2f} on {worst.rows} rows, the highest)"


def _step(action: str, advice: str, evidence: Sequence[str]) -> NextStep:
    return NextStep.model_validate({"action": action, "advice": advice, "evidence": tuple(evidence)})


def loses_to_reference(result: JudgeResult | None) -> str | None:
    """The sentence that says so, where the tuned model's answers lose to the reference beyond chance."""
    if result is None or result.against != "reference":
        return None
    rate = result.win_rate.rate
    if rate.high is None or rate.high >= 0.5:
        return None
    interval = f"95 %: {percent(rate.low)} to {percent(rate.high)}"
    return f"judge: win rate {percent(rate.value)} against the reference ({interval})"
