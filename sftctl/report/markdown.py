"""report.md: the verdict and its gates, short enough for a pull request."""

from collections.abc import Sequence

from sftctl.eval.arena.result import ArenaResult
from sftctl.eval.judge.result import JudgeResult
from sftctl.eval.result import EvalResult
from sftctl.report import figures, preferred
from sftctl.report.first_screen import banner
from sftctl.report.results import Results
from sftctl.report.view import loss_rows


def markdown(results: Results, name: str) -> str:
    """What the page says first; with eval's results its gates and figures too."""
    result, top = results.eval, banner(results, name)
    lines = [
        f"## sftctl: {name}: {top.verdict}",
        "",
        _cell(top.headline),
        "",
        *(f"- **{label}:** {_cell(text)}" for label, text in top.lines),
        *(f"  - {_cell(evidence)}" for evidence in top.evidence),
    ]
    if results.smoke_test is not None and results.smoke_test.cut_short:
        lines.append(f"- **smoke test:** {_cell(results.smoke_test.cut_short)}")
    return "\n".join([*lines, *(_figures(result) if result is not None else [])]).rstrip() + "\n"


def _figures(result: EvalResult) -> list[str]:
    lines = ["", "| gate | verdict | why |", "|---|---|---|"]
    lines += [f"| {_cell(gate.name)} | {gate.verdict} | {_cell(gate.message)} |" for gate in result.gates]
    lines += [f"| {_cell(item.name)} | not measured | {_cell(item.reason)} |" for item in result.not_measured]
    losses = loss_rows(result)
    if losses:
        lines += ["", "| held-out loss, nats per token | base | tuned | difference (95 %) |", "|---|---|---|---|"]
    for group, loss in losses:
        base, tuned = figures.figure(loss.base, 3), figures.figure(loss.tuned, 3)
        difference = figures.with_interval(loss.difference, 3, said="")
        lines.append(f"| {_cell(group)} | {base} | {tuned} | {difference} |")
    lines += _judge(result.judge) if result.judge is not None else []
    return lines + (_arena(result.arena) if result.arena is not None else [])


def _judge(judge: JudgeResult) -> list[str]:
    lines = ["", f"### Judge {_cell(judge.judge)}: tuned against {_cell(judge.against)}", ""]
    lines += [f"- **not to be trusted:** {_cell(warning)}" for warning in judge.warnings]
    lines += _facts(preferred.judge_facts(judge))
    if judge.grades:
        lines += ["", "| grades (1 to 10) | answers | base | tuned | difference (95 %) |", "|---|---|---|---|---|"]
    for item in judge.grades:
        base, tuned = figures.figure(item.base, 2), figures.figure(item.tuned, 2)
        difference = preferred.grade_difference(item)
        lines.append(f"| {_cell(item.category)} | {item.items} | {base} | {tuned} | {difference} |")
    return lines


def _arena(arena: ArenaResult) -> list[str]:
    facts = _facts(preferred.arena_facts(arena))
    return ["", "### People", "", *(facts or ["Nobody has voted yet."])]


def _facts(facts: Sequence[tuple[str, str]]) -> list[str]:
    return [f"- {_cell(name)}: {_cell(value)}" for name, value in facts]


def _cell(text: str) -> str:
    """Text that cannot break a table or become markup, typeset as on the page."""
    text = figures.typeset(text)
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
