"""Checks and gates as JUnit XML, as CI systems read it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sftctl.eval.result import EvalResult
from sftctl.smoke_test.result import SmokeTestResult

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One check: why it failed or was skipped, if it did."""

    name: str
    evidence: str
    failure: str | None = None
    skipped: str | None = None


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


def junit(suite: str, cases: list[Case], seconds: float) -> str:
    """The XML text."""
    root = Element("testsuite", name=f"sftctl {suite}", time=f"{seconds:.3f}", tests=str(len(cases)))
    root.set("failures", str(sum(case.failure is not None for case in cases)))
    root.set("skipped", str(sum(case.skipped is not None for case in cases)))
    for case in cases:
        element = SubElement(root, "testcase", classname=f"sftctl.{suite}", name=_clean(case.name))
        if case.failure is not None:
            SubElement(element, "failure", message=_clean(case.failure))
        elif case.skipped is not None:
            SubElement(element, "skipped", message=_clean(case.skipped))
        SubElement(element, "system-out").text = _clean(case.evidence)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)
