"""The report: one self-contained page from whatever results a run directory holds."""

import html
import json
from pathlib import Path

from sftctl.errors import UsageError
from sftctl.manifest import Stage, read_manifest
from sftctl.run_dir import RunDir, write_text


def write_report(run_dir: RunDir) -> Path:
    """Write report.html from the stages that have run."""
    sections = [
        f"<h2>{stage}</h2><pre>{html.escape(json.dumps(json.loads(path.read_text(encoding='utf-8')), indent=1))}</pre>"
        for stage, path in _results(run_dir)
        if path.exists()
    ]
    write_text(run_dir.report, f"<!doctype html><meta charset=utf-8><title>sftctl</title>{''.join(sections)}")
    return run_dir.report


def write_junit(run_dir: RunDir, stage: Stage, path: Path) -> None:
    """Write a stage's checks or gates as JUnit XML."""
    record = read_manifest(run_dir).stages.get(stage)
    if record is None:
        raise UsageError(f"{stage} has not run in {run_dir.root}")
    failures = "" if record.passed else '<failure message="failed"/>'
    write_text(path, f'<testsuite name="{stage}"><testcase name="{stage}">{failures}</testcase></testsuite>\n')


def _results(run_dir: RunDir) -> list[tuple[str, Path]]:
    return [
        ("curate", run_dir.curate_result),
        ("smoke-test", run_dir.smoke_test_result),
        ("train", run_dir.train_result),
        ("eval", run_dir.eval_result),
    ]
