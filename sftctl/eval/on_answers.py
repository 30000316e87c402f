"""Measurements on answers alone, from a server or from files: no weights, so no losses and no benchmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from sftctl.data.conversation import Conversation
from sftctl.eval import drift
from sftctl.eval.answers import answer, paired
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.config import AnswersEngine, EndpointEngine
from sftctl.eval.engines.opening import open_remote
from sftctl.eval.engines.reply import Engine
from sftctl.eval.judge.answering import Ask, collect
from sftctl.eval.judge.tasks import choose_tasks
from sftctl.eval.ledger import Ledger
from sftctl.eval.measured import Measured
from sftctl.eval.prompts import Question, choose_rows
from sftctl.eval.result import Side
from sftctl.manifest import hash_value
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig


def measure_answers(
    config: EvalConfig,
    engine: EndpointEngine | AnswersEngine,
    data: DataConfig,
    rows: Sequence[Conversation],
    *,
    run_dir: RunDir,
    seed: int,
) -> Measured:
    """Answers, behaviours and signs in the text; benchmarks that the recipe asks for are named as not measured."""
    source = open_remote(config, engine, data)
    journals = run_dir.eval_progress
    base, tuned = _side(source, engine, "base"), _side(source, engine, "tuned")
    if tuned is None:
        raise AssertionError("an engine always has a tuned side")
    measured = Measured(base=base, tuned=tuned)
    questions = [Question(row, None) for row in choose_rows(rows, config.prompts, seed)]
    before = answer(source, "base", questions, Ledger(journals / f"replies.{base.fingerprint}.jsonl")) if base else []
    after = answer(source, "tuned", questions, Ledger(journals / f"replies.{tuned.fingerprint}.jsonl"))
    answered = paired(questions, before or [None] * len(questions), after, has_base=base is not None)
    measured.pairs = answered.pairs
    if answered.unanswered:
        share = f"{len(answered.unanswered)} of {len(questions)} prompts have no answer"
        measured.miss("answers", f"{share} (first: row {answered.unanswered[0]})")
    elif not questions:
        measured.miss("answers", "there are no held-out prompts")
    if config.judge is not None:
        judged = choose_tasks(config.judge, rows, run_dir, seed)
        measured.contests = collect(config.judge, judged, _asker(source, journals))
    measured.miss("held-out loss", f"engine {engine.kind} gives answers, not losses", asked=False)
    for task in config.benchmarks.tasks:
        measured.miss(task.id, f"engine {engine.kind} gives answers, not likelihoods; use engine hf")
    if measured.pairs:
        texts = [pair.base.text for pair in measured.pairs if pair.base is not None]
        measured.drift = drift.text_signs(texts or None, [pair.tuned.text for pair in measured.pairs])
    return measured


def _asker(source: Engine, journals: Path) -> Ask:
    def ask(side: Literal["base", "tuned"], rows: Sequence[Conversation]) -> list[str | None]:
        questions = [Question(row, None) for row in rows]
        fingerprint = hash_value(source.identity(side))[:16]
        replies = answer(source, side, questions, Ledger(journals / f"replies.{fingerprint}.jsonl"))
        return [None if reply is None else reply.text for reply in replies]

    return ask


def _side(source: Engine, engine: EndpointEngine | AnswersEngine, name: Literal["base", "tuned"]) -> Side | None:
    identity = source.identity(name)
    if identity is None:
        return None
    if isinstance(engine, AnswersEngine):
        path = engine.base if name == "base" else engine.tuned
    else:
        path = f"{engine.url}#{engine.base_model if name == 'base' else engine.tuned_model}"
    return Side(path=path or "", fingerprint=hash_value(identity)[:16])
