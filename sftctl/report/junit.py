"""Checks and gates as JUnit XML, as CI systems read it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sftctl.errors import GateFailed, SftctlError
from sftctl.eval.result import EvalResult
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


def failed_stage(stage: str, error: BaseException) -> Case:
    """A stage without checks that failed, or one that ended before any: an `error` unless a gate failed."""
    if isinstance(error, GateFailed):
        return Case(stage, "", failure=str(error))
    told = str(error) if isinstance(error, SftctlError) else f"{type(error).__name__}: {error}".removesuffix(": ")
    return Case(stage, "", error=told)


@dataclass(frozen=True)
class Suite:
    """One stage's cases, and the seconds that it took."""

    stage: str
    cases: list[Case]
    seconds: float


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
