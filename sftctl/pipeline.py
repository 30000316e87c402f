"""Stages in order: what each one reads, whether it is done already, running it, and recording what it made."""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

from sftctl import console, stage_records
from sftctl.errors import ExitCode, GateFailed, Interrupted, MissingInput, StorageFailed, UsageError
from sftctl.manifest import Stage, StageState, forget_attempt, state_of
from sftctl.model.use import how_to_use
from sftctl.quick_imports import quick_imports
from sftctl.recipe import resolved_yaml
from sftctl.recipe_files import misread_sources_located, require_files
from sftctl.recipe_rows import look_at_files, look_at_sources, refuse_unusable_rows, tell
from sftctl.run_dir import locked, write_text
from sftctl.session import Session
from sftctl.stage_inputs import STANDARD_INPUT, inputs_of, needed_by, with_builtin_paths
from sftctl.stage_outputs import forget_measurements, product_of, result_of


@dataclass(frozen=True)
class Ending:
    """How the command ended: the exit code, the line to print (if any), and the JSON document in its place."""

    exit_code: ExitCode
    printed: str | None
    document: dict[str, Any]
    failure: GateFailed | None = None


def run_stages(session: Session, stages: Sequence[Stage]) -> Ending:
    """Run stages in order under the lock; one that is done and unchanged is skipped; stop at the first failure.

    Raises UsageError under a launcher where the command runs in one process, MissingInput, and what stages raise.
    """
    main_process = os.environ.get("RANK", "0") == "0"
    with ExitStack() as held:
        with stage_records.refusals_in_junit(session, stages):
            _refuse_launcher(stages)
            require_files(session.loaded, stages, session.run_dir.root)
            session = replace(session, first_look=look_at_sources(session.loaded, stages))
            if main_process:
                look_at_files(session.loaded, stages)
            if session.options.dry_run:
                return _dry_run(session, stages)
            if main_process:
                held.enter_context(locked(session.run_dir, " ".join(stages)))
                console.log_to(session.run_dir.log)
        documents: dict[Stage, Any] = {}
        for stage in stages:
            try:
                ending = _run_or_skip(session, stage, main_process=main_process)
            except BaseException as error:  # Ctrl-C and a bug fail the job, too
                with suppress(StorageFailed):
                    stage_records.write_junit(session, [*documents, stage], error)
                raise
            if not ending.exit_code and stage == stages[-1]:
                console.say(_next_step(session, stage))
            documents[stage] = ending.document
            if ending.exit_code:
                break
        stage_records.write_junit(session, list(documents), ending.failure)
        if main_process and len(stages) > 1:
            console.say(f"in all: {stage_records.cost_in_short(session)}")
    document = ending.document if len(stages) == 1 else {"stages": documents, "report": str(session.run_dir.report)}
    printed = ending.printed if len(stages) == 1 else str(session.run_dir.report)
    return Ending(ending.exit_code, printed, document)


def _run_or_skip(session: Session, stage: Stage, *, main_process: bool) -> Ending:
    _require_inputs(session, stage)
    inputs = inputs_of(session.recipe, session.run_dir, stage)
    state = state_of(session.run_dir, stage, inputs)
    if _unchanged(session, state, inputs):
        console.say(f"{stage}: done already and nothing changed since; --overwrite runs it again")
        if main_process and forget_attempt(session.run_dir, stage):
            stage_records.write_report(session)
        failure = None if state.passed else GateFailed(f"{stage} failed its gate; see {session.run_dir.report}")
        return _ending(session, stage, failure)
    console.heading(f"{stage}  {session.recipe.name}" + (f"  ({_why(state)})" if state.reason else ""))
    if main_process:
        write_text(session.run_dir.input_recipe, session.loaded.text)
        write_text(session.run_dir.resolved_recipe, resolved_yaml(session.recipe))
        if session.options.overwrite:
            forget_measurements(session.run_dir, stage)
    started = time.monotonic()
    failure = interrupted = None
    try:
        if main_process:
            stage_records.record_begin(session, stage)
        _RUNNERS[stage](session)
    except GateFailed as error:
        failure = error
    except (Exception, KeyboardInterrupt) as error:
        if not isinstance(error, Interrupted) or not error.stage_done:
            if main_process:
                stage_records.record_failure(session, stage, error, time.monotonic() - started)
            raise
        interrupted = error
    if main_process:
        stage_records.record_result(session, stage, inputs, passed=failure is None, seconds=time.monotonic() - started)
    if interrupted is not None:
        raise interrupted
    return _ending(session, stage, failure)


def _why(state: StageState) -> str:
    """Of a stage that runs again. A failure is told as of the last time, for it stands over what happens now."""
    return state.reason if state.state == "stale" else f"last time it {state.reason}"


def _unchanged(session: Session, state: StageState, inputs: Mapping[str, str]) -> bool:
    """Whether the stage need not run: done, from the same inputs, and nothing on the command line asks for it anew."""
    asked = session.options.overwrite or session.options.votes is not None or STANDARD_INPUT in inputs.values()
    return state.state == "done" and not asked


def _ending(session: Session, stage: Stage, failure: GateFailed | None) -> Ending:
    """Of process 0. The others end well: a launcher stops all at the first failure, and process 0 has yet to write."""
    if os.environ.get("RANK", "0") != "0":
        return Ending(ExitCode.OK, None, {})
    if failure is not None:
        console.error(str(failure))
    document = json.loads(result_of(session.run_dir, stage).read_text(encoding="utf-8"))
    product = product_of(session.run_dir, stage)
    return Ending(ExitCode.OK if failure is None else ExitCode.GATE_FAILED, str(product), document, failure)


def _require_inputs(session: Session, stage: Stage) -> None:
    """Raise MissingInput, with the command to run, when an earlier stage's result is missing, stale or failed."""
    recipe = session.recipe
    for earlier in needed_by(recipe, stage):
        state = state_of(session.run_dir, earlier, inputs_of(recipe, session.run_dir, earlier))
        if state.state == "done" and state.passed:
            continue
        why = {
            "stale": f"is stale ({state.reason})",
            "not begun": state.reason or "has not run",
            "done": "failed its gate",
        }[state.state]
        raise MissingInput(
            f"{stage} needs {earlier}, which {why} in {session.run_dir.root}. Run: {session.command(earlier)}"
        )


def _refuse_launcher(stages: Sequence[Stage]) -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and not set(stages) <= {"smoke-test", "train"}:
        raise UsageError(
            f"only train and smoke-test run under torchrun or accelerate launch; start {stages[0]} plainly"
        )


def _curate(session: Session) -> None:
    recipe = session.recipe
    if recipe.curate is None:
        raise UsageError(f"{session.loaded.argument}: there is no `curate` section; name its `sources` to curate them")
    refuse_unusable_rows(session.first_look, recipe.curate.max_bad_fraction)
    with quick_imports():
        from sftctl.curate.stage import curate
        from sftctl.model.settings import generation_stop_ids
        from sftctl.model.tokenizer import load_tokenizer
        from sftctl.tokenization.prepare import prepare_tokenizer

    tokenizer, stop_ids = load_tokenizer(recipe.model), generation_stop_ids(recipe.model)
    prepared, score = prepare_tokenizer(tokenizer, recipe.data, generation_stop_ids=stop_ids), None
    if recipe.curate.quality.score != "off":
        from sftctl.model.response_losses import ResponseLosses

        score = ResponseLosses(recipe.model, prepared, recipe.data)
    with misread_sources_located(session.loaded):
        config, begun = with_builtin_paths(recipe.curate), session.first_look.begun
        curate(config, prepared, session.run_dir, recipe.seed, score=score, begun=begun)


def _smoke_test(session: Session) -> None:
    _refuse_device(session)
    with quick_imports():
        from sftctl.smoke_test.stage import smoke_test

    recipe, run_dir = session.recipe, session.run_dir
    smoke_test(recipe.smoke_test, with_builtin_paths(recipe.train), recipe.model, recipe.data, run_dir, recipe.seed)


def _train(session: Session) -> None:
    from sftctl.train.launch import use_one_gpu

    launch_line = use_one_gpu(session.command("train").removeprefix("sftctl "))
    if launch_line is not None:
        console.say(f"several GPUs are here, and one is used; for all of them: {launch_line}")
    recipe, options = session.recipe, session.options
    config, model, data = with_builtin_paths(recipe.train), recipe.model, recipe.data
    if options.resume == "auto" and not options.overwrite:
        from sftctl.train.resuming import refuse_changed

        refuse_changed(config, model, data, session.run_dir, recipe.seed)
    _refuse_device(session)
    with quick_imports():
        from sftctl.train.stage import train

    resume, overwrite = options.resume, options.overwrite
    train(config, model, data, session.run_dir, recipe.seed, resume=resume, overwrite=overwrite)


def _refuse_device(session: Session) -> None:
    """What this machine cannot train ends the command in the time that torch takes to load, not all else too."""
    with quick_imports():
        from sftctl.model.device import training_device

    training_device(session.recipe.model)


def _evaluate(session: Session) -> None:
    with quick_imports():
        from sftctl.eval.stage import evaluate

    recipe, votes = session.recipe, session.options.votes
    evaluate(with_builtin_paths(recipe.eval), recipe.model, recipe.data, session.run_dir, recipe.seed, votes=votes)


_RUNNERS: Mapping[Stage, Callable[[Session], None]] = {
    "curate": _curate,
    "smoke-test": _smoke_test,
    "train": _train,
    "eval": _evaluate,
}


def _next_step(session: Session, stage: Stage) -> str:
    following: dict[Stage, str] = {
        "curate": session.command("smoke-test"),
        "smoke-test": session.command("train"),
        "train": session.command("eval"),
        "eval": f"open {session.run_dir.report}",
    }
    model = session.run_dir.model
    uses = how_to_use(session.recipe.model, model) if stage in ("train", "eval") and model.exists() else ()
    return "\n".join([*uses, f"next: {following[stage]}"])


def _dry_run(session: Session, stages: Sequence[Stage]) -> Ending:
    """Say what each stage would do now, with advice; write nothing."""
    document: dict[str, Any] = {"run_dir": str(session.run_dir.root), "stages": {}}
    runs_before: list[Stage] = []
    would: dict[str, str] = {}
    for stage in stages:
        inputs = inputs_of(session.recipe, session.run_dir, stage)
        state = state_of(session.run_dir, stage, inputs)
        because = [earlier for earlier in runs_before if earlier in ("curate", "train")]
        skipped = _unchanged(session, state, inputs) and not because
        reason = state.reason or (f"{because[0]} runs again" if because else "asked for anew")
        why = state.state if state.state == "not begun" else reason
        would[stage] = "would " + ("skip: done and unchanged" if skipped else f"run ({why})")
        console.say(f"{stage}: {would[stage]}")
        document["stages"][stage] = {"would": "skip" if skipped else "run", "reason": "" if skipped else why}
        runs_before += [] if skipped else [stage]
        if stage == "curate" and not skipped and session.recipe.curate is not None:
            document["sources"] = tell(session.first_look, session.recipe.curate.max_bad_fraction)
    if "train" in stages or "smoke-test" in stages:
        _refuse_device(session)
        recipe = session.recipe
        try:
            _require_inputs(session, "train")
            from sftctl.train.planning import plan_run

            train, model, data = with_builtin_paths(recipe.train), recipe.model, recipe.data
            planned = plan_run(train, model, data, session.run_dir, recipe.seed)
            document["plan"] = planned.model_dump(mode="json")
        except MissingInput as missing:
            console.say(f"no plan of the training yet: {missing}")
    if session.options.junit is not None:
        from sftctl.report.junit import write_dry_run

        write_dry_run(session.options.junit, would)
    return Ending(ExitCode.OK, None, document)
