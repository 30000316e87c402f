"""What a command writes of its stages as they begin, and however they end: manifest, report, JUnit file; their cost."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress

from sftctl import console, manifest
from sftctl.errors import StorageFailed
from sftctl.manifest import Ended, Stage
from sftctl.quick_imports import quick_imports
from sftctl.session import Session
from sftctl.stage_inputs import out_of_date
from sftctl.stage_outputs import outputs_of
from sftctl.units import cost_usd, dollars, duration


def record_begin(session: Session, stage: Stage) -> None:
    """Into the manifest, and into a page that is there: what it shows is no longer the newest, even after a kill."""
    manifest.record_begin(session.run_dir, stage)
    if session.run_dir.report.exists():
        with suppress(StorageFailed):
            write_report(session)


def record_result(session: Session, stage: Stage, inputs: Mapping[str, str], *, passed: bool, seconds: float) -> None:
    """Into the manifest and the report; and a line of what it took, with the price of the devices that it held.

    A training that was resumed counts its earlier starts too, as its own result does.
    """
    if stage == "train":
        seconds = max(seconds, json.loads(session.run_dir.train_result.read_text(encoding="utf-8"))["seconds"])
    ended = _ended(session, stage, passed=passed, seconds=seconds)
    record = manifest.new_record(session.run_dir, ended, inputs=inputs, outputs=outputs_of(session.run_dir, stage))
    manifest.record_stage(session.run_dir, stage, record)
    write_report(session)
    console.say(f"{stage}: {duration(seconds)}" + ("" if ended.cost_usd is None else f", {dollars(ended.cost_usd)}"))


def record_failure(session: Session, stage: Stage, error: BaseException, seconds: float) -> None:
    """A stage without a result: into the manifest; the report shows what was made before, and how this ended.

    Such as a judge that cannot be reached: what was measured before it is shown all the same.
    """
    with suppress(StorageFailed):
        ended = _ended(session, stage, passed=False, seconds=seconds)
        manifest.record_failure(session.run_dir, stage, error, ended)
        write_report(session)


def _ended(session: Session, stage: Stage, *, passed: bool, seconds: float) -> Ended:
    devices = int(os.environ.get("WORLD_SIZE", "1"))
    price = None if stage == "curate" else session.recipe.train.gpu_hour_usd
    return Ended(session.recipe.seed, passed, seconds, cost_usd(seconds, price, devices))


def write_report(session: Session) -> None:
    """The page for people."""
    with quick_imports():
        from sftctl.report.stage import write_report

    write_report(session.run_dir, out_of_date(session.recipe, session.run_dir))


def cost_in_short(session: Session) -> str:
    """As the page has it: the stages whose results hold, whenever they ran, and the judge."""
    from sftctl.report.first_screen import cost_in_short
    from sftctl.report.results import read_results

    return cost_in_short(read_results(session.run_dir, out_of_date(session.recipe, session.run_dir)))


def refusals_in_junit(session: Session, stages: Sequence[Stage]) -> AbstractContextManager[None]:
    """What ends the command before its first stage, in the file that was asked for."""
    if session.options.junit is None:
        return nullcontext()
    from sftctl.report.junit import refusals_in

    return refusals_in(session.options.junit, stages)


def write_junit(session: Session, stages: Sequence[Stage], error: BaseException | None) -> None:
    """What the stages of this command checked, and how the last one failed, in the file that was asked for."""
    if session.options.junit is None:
        return
    from sftctl.report.stage import write_junit

    write_junit(session.run_dir, stages, session.options.junit, error)
