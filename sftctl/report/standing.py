"""What the results stand for now: stages that ended without one since, and results of another recipe or other files."""

from collections.abc import Iterator
from typing import get_args

from sftctl.manifest import Stage
from sftctl.report.results import Results


def warnings(results: Results) -> Iterator[tuple[str, str]]:
    """Labelled sentences for the first screen: what has happened since the results, and which are out of date."""
    manifest = results.manifest
    for stage, failure in manifest.failures.items():
        yield "failed", f"{stage}, with exit code {failure.exit_code}: {_in_one_line(failure.message)}"
    for stage, attempt in manifest.unfinished.items():
        if attempt.exit_code is None:
            yield "not ended", f"{stage}: it began at {attempt.began}, and runs or was killed"
        else:
            yield "interrupted", f"{stage}, with exit code {attempt.exit_code}: {_in_one_line(attempt.message)}"
    yield from _failed_gates(results)
    if results.out_of_date:
        yield "out of date", "; ".join(f"{stage}: {changed}" for stage, changed in results.out_of_date.items())


def _failed_gates(results: Results) -> Iterator[tuple[str, str]]:
    """Those that no other line tells, or that results are older than."""
    records = results.manifest.stages
    stages = [stage for stage in get_args(Stage) if stage in records]
    shown = "eval" if results.eval else "smoke-test" if results.smoke_test and not results.train else ""
    for place, stage in enumerate(stages):
        older = [later for later in stages[place + 1 :] if records[later].finished < records[stage].finished]
        if not records[stage].passed and (older or stage != shown):
            yield "failed", f"{stage}, at its gate" + (f"; {' and '.join(older)} ran before that" if older else "")


def since(results: Results, stage: Stage) -> str:
    """In sentences, how the stage has ended otherwise since its result, and what changed; empty where that holds."""
    attempt, sentences = results.manifest.attempt(stage), []
    if attempt is not None:
        told = f"{stage} {attempt.in_short}: {_in_one_line(attempt.message)}"
        sentences.append(f"Since then {told.removesuffix(': ').removesuffix('.')}.")
    if stage in results.out_of_date:
        sentences.append(f"It is out of date: {results.out_of_date[stage]}.")
    return " ".join(sentences)


def notes(results: Results) -> dict[Stage, str]:
    """For each stage whose result is not of its newest attempt, or is out of date: what a reader of it must know."""
    records = results.manifest.stages
    told = {stage: since(results, stage) for stage in records}
    return {stage: f"The result of {records[stage].finished}. {text}" for stage, text in told.items() if text}


def _in_one_line(message: str) -> str:
    return " ".join(message.split())
