"""Checks and gates as JUnit XML, as CI systems read it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sftctl.errors import GateFailed, RecipeError, StorageFailed, UsageError, told
from sftctl.eval.result import EvalResult
from sftctl.run_dir import is_stream, storage_errors, write_text
from sftctl.smoke_test.result import SmokeTestResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One check: why it failed or was skipped, if it did. `error`: what kept the stage from checking at all."""

    name: str
    evidence: str
    failure: str | None = None
    skipped: str | None = None
    error: str | None = None


def smoke_test_cases(result: SmokeTestResult) -> list[Case]:
    """One case a check."""
    return [
        Case(
            check.name,
            check.evidence,
            failure=f"{check.evidence} {check.advice}".strip() if check.verdict == "fail" else None,
            skipped=check.evidence if check.verdict == "skipped" else None,
        )
        for check in result.checks
    ]


def eval_cases(result: EvalResult, fail_on: Iterable[str] = ()) -> list[Case]:
    """One case a gate, and one for each measurement that did not run."""
    failing = {"fail", *fail_on}
    cases = [
        Case(f"{gate.section}.{gate.name}", gate.message, failure=gate.message if gate.verdict in failing else None)
        for gate in result.gates
    ]
    return cases + [Case(item.name, item.reason, skipped=item.reason) for item in result.not_measured]


@dataclass(frozen=True)
class Suite:
    """One stage's cases, and the seconds that it took; or what a command ended with before any stage."""

    stage: str
    cases: list[Case]
    seconds: float = 0.0


def suite_of_error(name: str, error: BaseException) -> Suite:
    """A stage without checks that failed, or what ended before any: errors unless a gate failed."""
    if isinstance(error, GateFailed):
        return Suite(name, [Case(name, "", failure=str(error))])
    if isinstance(error, RecipeError):
        return Suite(name, [Case(problem.partition("\n")[0], "", error=problem) for problem in error.problems])
    return Suite(name, [Case(name, "", error=told(error).message)])


def begin(path: Path, stages: Sequence[str]) -> None:
    """Replace the file of an earlier command, which would outlive this one if it were killed.

    Raises StorageFailed, and UsageError for any other file, such as the recipe: it would be lost.
    """
    with storage_errors(path):
        if is_stream(path):
            return
        if path.is_file() and not _may_be_xml(path):
            raise UsageError(f"{path}: no XML, and --junit would replace it. Give --junit another file.")
    name = _command(stages)
    write_text(path, junit([Suite(name, [Case(name, "", error="began and did not end: it runs, or was killed")])]))


def _may_be_xml(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(1024).removeprefix(b"\xef\xbb\xbf").lstrip()
    return not start or start.startswith(b"<")


@contextmanager
def refusals_in(path: Path, stages: Sequence[str]) -> Iterator[None]:
    """Write what a command ends with before its first stage."""
    try:
        yield
    except BaseException as error:
        with suppress(StorageFailed):
            write_text(path, junit([suite_of_error(_command(stages), error)]))
        raise


def write_dry_run(path: Path, would: Mapping[str, str]) -> None:
    """Each stage is skipped, with what the command would do."""
    text = junit([Suite(stage, [Case(stage, "", skipped=f"dry run: {what}")]) for stage, what in would.items()])
    write_text(path, text)


def _command(stages: Sequence[str]) -> str:
    return stages[0] if len(stages) == 1 else "run"


def junit(suites: list[Suite]) -> str:
    """The XML text."""
    root = Element("testsuites", name="sftctl")
    for suite in suites:
        _add(root, suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _add(root: Element, suite: Suite) -> None:
    cases = suite.cases
    element = SubElement(root, "testsuite", name=f"sftctl {suite.stage}", time=f"{suite.seconds:.3f}")
    element.set("tests", str(len(cases)))
    element.set("failures", str(sum(case.failure is not None for case in cases)))
    element.set("errors", str(sum(case.error is not None for case in cases)))
    element.set("skipped", str(sum(case.skipped is not None for case in cases)))
    for case in cases:
        test = SubElement(element, "testcase", classname=f"sftctl.{suite.stage}", name=_clean(case.name))
        if case.error is not None:
            SubElement(test, "error", message=_clean(case.error))
        elif case.failure is not None:
            SubElement(test, "failure", message=_clean(case.failure))
        elif case.skipped is not None:
            SubElement(test, "skipped", message=_clean(case.skipped))
        SubElement(test, "system-out").text = _clean(case.evidence)


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
