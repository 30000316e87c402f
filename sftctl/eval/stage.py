"""Eval: base and tuned on the same held-out rows, answers and benchmarks -> figures with intervals, one verdict."""

import time
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from sftctl import console
from sftctl.data.conversation import Conversation, read_conversations
from sftctl.data.ingest import ingest_file
from sftctl.data.read import read_rows
from sftctl.data.rows import RawRow
from sftctl.errors import GateFailed, MissingInput
from sftctl.eval.answers import write_generations
from sftctl.eval.conclusion import conclude
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.config import HfEngine, VllmEngine
from sftctl.eval.interruption import progress_saved
from sftctl.eval.next_step import Course
from sftctl.eval.on_answers import measure_answers
from sftctl.eval.on_weights import measure_weights
from sftctl.eval.preferred import ask_who_is_preferred, set_up
from sftctl.eval.result import EvalResult, Gate
from sftctl.eval.sides import find_sides
from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir, write_json
from sftctl.tokenization.config import DataConfig
from sftctl.train.result import TrainResult


def evaluate(
    config: EvalConfig,
    model: ModelConfig,
    data: DataConfig,
    run_dir: RunDir,
    seed: int,
    *,
    votes: Path | None = None,
) -> EvalResult:
    """Measure, judge and write eval.json. Raises GateFailed after writing, for `fail` and what `fail_on` names."""
    started = time.monotonic()
    rows = held_out_rows(config, run_dir)
    booth = set_up(config, run_dir, seed, rows, votes)
    engine = config.engine
    with progress_saved(run_dir.eval_progress):
        if isinstance(engine, HfEngine | VllmEngine):
            sides = find_sides(config, model, run_dir)
            measured = measure_weights(config, sides, data, rows, run_dir=run_dir, seed=seed)
        else:
            measured = measure_answers(config, engine, data, rows, run_dir=run_dir, seed=seed)
        unreachable = ask_who_is_preferred(booth, measured)
        write_generations(run_dir, measured.pairs)
        seconds = time.monotonic() - started
        result = conclude(config, measured, seed=seed, seconds=seconds, course=course_of_training(config, run_dir))
        write_json(run_dir.eval_result, result.model_dump(mode="json"))
    _announce(result, () if unreachable else _stopping_gates(result, config))
    if unreachable is not None:
        raise unreachable
    _raise_for(result, config, run_dir)
    console.say(f"all figures: {run_dir.eval_result}")
    return result


def held_out_rows(config: EvalConfig, run_dir: RunDir) -> list[Conversation]:
    """The run's held-out rows, or those of the file that the recipe names. Raises MissingInput without either."""
    if config.held_out is not None:
        if not Path(config.held_out).exists():
            raise MissingInput(f"eval.held_out: there is no file {config.held_out}.")
        if Path(config.held_out).stat().st_size == 0:
            console.warn(f"{config.held_out} is empty: there is nothing held out to measure on")
            return []
        if _written_by_us(config.held_out):
            return list(read_conversations(Path(config.held_out)))
        return ingest_file(config.held_out, "held_out", on_control_tokens="keep")
    if not run_dir.held_out_rows.exists():
        raise MissingInput(
            f"{run_dir.held_out_rows}: there are no held-out rows yet. Run `sftctl curate` with this recipe first, "
            "or set eval.held_out to a file of rows that were not trained on."
        )
    return list(read_conversations(run_dir.held_out_rows))


def _written_by_us(path: str) -> bool:
    """Whether the file is the held_out.jsonl of a run: its rows keep their id, source and role."""
    first = next((row for row in read_rows(path) if isinstance(row, RawRow)), None)
    return first is not None and {"id", "messages", "source", "role"} <= first.value.keys()


def course_of_training(config: EvalConfig, run_dir: RunDir) -> Course:
    """Nothing is known of it where another model is judged than the one that was trained here."""
    if not config.needs_training:
        return Course()
    try:
        trained = TrainResult.model_validate_json(run_dir.train_result.read_bytes())
    except (OSError, ValidationError):
        return Course()
    plan = trained.plan
    return Course(
        still_falling=None if trained.overfitting is None else trained.overfitting.still_falling,
        short=f"{plan.steps} optimizer steps are few; {plan.way_to_more_steps}" if plan.few_steps else None,
    )


def _stopping_gates(result: EvalResult, config: EvalConfig) -> list[Gate]:
    return [gate for gate in result.gates if gate.verdict in {"fail", *config.fail_on}]


def _announce(result: EvalResult, left_to_the_error: Sequence[Gate]) -> None:
    for gate in result.gates:
        if gate not in left_to_the_error:
            console.say(f"  {gate.verdict:<12}  {console.safe(gate.name)}: {console.safe(gate.message)}")
    if not left_to_the_error and result.verdict in ("investigate", "inconclusive"):
        console.warn(f"eval: {result.headline}")
    elif not left_to_the_error:
        console.say(result.headline)
    for label, text in (*result.story.items(), ("to do", result.next_step.advice)):
        console.say(f"  {label:<12}  {console.safe(text)}")


def _raise_for(result: EvalResult, config: EvalConfig, run_dir: RunDir) -> None:
    failed = _stopping_gates(result, config)
    if failed or result.verdict in config.fail_on:
        lines = [f"  {gate.name}: {gate.verdict}, {gate.message}" for gate in failed] or [f"  {result.headline}"]
        raise GateFailed("\n".join(["eval did not pass:", *lines, f"All figures are in {run_dir.eval_result}."]))
