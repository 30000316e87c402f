"""The verdict: figures to gates, gates to one word, and the next step."""

from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.eval import verdicts
from sftctl.eval.answers import AnswerPair, marks
from sftctl.eval.behaviour_figures import (
    Scores,
    behaviour_figure,
    behaviour_scores,
    confident_and_wrong,
    confident_and_wrong_figure,
)
from sftctl.eval.benchmark_figures import benchmark_gate
from sftctl.eval.config import EvalConfig
from sftctl.eval.held_out import domain_figure, general_figure
from sftctl.eval.measured import Measured
from sftctl.eval.next_step import Course, Findings, loses_to_reference, next_step
from sftctl.eval.result import BehaviourFigure, EvalResult, Gate, SideBySide
from sftctl.eval.story import Changes, story


@dataclass(frozen=True)
class _AnswerScores:
    base: list[Scores] | None
    tuned: list[Scores]


def conclude(
    config: EvalConfig, measured: Measured, *, seed: int, seconds: float, course: Course = Course()
) -> EvalResult:
    """Figures to gates, gates to one verdict, and the next step."""
    scores = _scores(config, measured)
    behaviours = [behaviour_figure(each, scores.base, scores.tuned) for each in config.behaviours]
    for figure in behaviours:
        if figure.tuned is None:
            measured.miss(figure.id, "no answer that this behaviour applies to")
    gates = _gates(config, measured, behaviours)
    wrong = confident_and_wrong_figure(measured.pairs)
    findings = Findings(
        gates=gates,
        losses=measured.losses,
        behaviours=behaviours,
        benchmarks=measured.benchmarks,
        drift=measured.drift,
        confident_and_wrong=wrong,
        best_of=measured.best_of,
        not_measured=measured.missing,
        course=course,
        loses_to_reference=loses_to_reference(measured.judge),
    )
    return EvalResult(
        seed=seed,
        seconds=round(seconds, 3),
        base=measured.base,
        tuned=measured.tuned,
        verdict=verdicts.worst(gate.verdict for gate in gates),
        headline=verdicts.headline(gates),
        story=story(_changes(measured, [*behaviours, wrong]), gates),
        gates=tuple(gates),
        next_step=next_step(findings),
        losses=tuple(measured.losses),
        side_by_side=_side_by_side(measured, scores),
        behaviours=tuple(behaviours),
        confident_and_wrong=wrong,
        benchmarks=tuple(measured.benchmarks),
        drift=tuple(measured.drift),
        best_of=measured.best_of,
        judge=measured.judge,
        arena=measured.arena,
        spreads=tuple(measured.spreads),
        not_measured=tuple(measured.missing),
    )


def _changes(measured: Measured, behaviours: Sequence[BehaviourFigure]) -> Changes:
    """A judge that is not to be trusted, or that compares with the reference, says nothing on base against tuned."""
    judge, arena = measured.judge, measured.arena
    win_rates = {}
    if judge is not None and judge.against == "base" and not judge.warnings:
        win_rates["the judge"] = judge.win_rate.rate
    if arena is not None and arena.win_rate is not None:
        win_rates["people"] = arena.win_rate.rate
    domain, general = domain_figure(measured.losses), general_figure(measured.losses)
    return Changes(behaviours, measured.benchmarks, domain, general, win_rates)


def _scores(config: EvalConfig, measured: Measured) -> _AnswerScores:
    pairs = measured.pairs
    tuned = [behaviour_scores(config.behaviours, pair.question, pair.tuned.text) for pair in pairs]
    before = [behaviour_scores(config.behaviours, pair.question, pair.base.text) for pair in pairs if pair.base]
    return _AnswerScores(base=before if pairs and len(before) == len(pairs) else None, tuned=tuned)


def _gates(config: EvalConfig, measured: Measured, behaviours: Sequence[BehaviourFigure]) -> list[Gate]:
    gates = list(measured.failures)
    if domain := domain_figure(measured.losses):
        gates.append(verdicts.held_out_gate(domain))
    general = general_figure(measured.losses)
    if general and (gate := verdicts.general_gate(general, config.general_loss)):
        gates.append(gate)
    for figure in behaviours:
        gates += verdicts.behaviour_gates(figure)
    gates += [benchmark_gate(figure, config.benchmarks.gate) for figure in measured.benchmarks]
    return gates + verdicts.measurement_gates(measured.missing)


def _side_by_side(measured: Measured, scores: _AnswerScores) -> tuple[SideBySide, ...]:
    before: list[Scores] = scores.base if scores.base is not None else [{} for _ in measured.pairs]
    return tuple(
        _row(pair, base_scores, tuned_scores)
        for pair, base_scores, tuned_scores in zip(measured.pairs, before, scores.tuned, strict=True)
    )


def _row(pair: AnswerPair, base_scores: Scores, tuned_scores: Scores) -> SideBySide:
    row, base = pair.question.row, pair.base
    base_marks, tuned_marks = marks(base.text, pair.tuned.text) if base else ((), ())
    return SideBySide(
        id=row.id,
        source=row.source,
        role=row.role,
        tags=row.tags,
        prompt=pair.question.text,
        reference=pair.question.reference,
        base=base.text if base else None,
        tuned=pair.tuned.text,
        base_stopped=bool(base and base.stopped),
        tuned_stopped=pair.tuned.stopped,
        base_marks=base_marks,
        tuned_marks=tuned_marks,
        base_scores=base_scores,
        tuned_scores=tuned_scores,
        base_confident_and_wrong=bool(base and confident_and_wrong(base.text, pair.question.reference)),
        confident_and_wrong=bool(confident_and_wrong(pair.tuned.text, pair.question.reference)),
    )
