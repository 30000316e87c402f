"""report.md: the verdict and its gates, short enough for a pull request."""

from sftctl.report import figures
from sftctl.report.results import Results


def markdown(results: Results, name: str) -> str:
    """Raises nothing for a run without eval: it then says so."""
    result = results.eval
    if result is None:
        return f"## sftctl: {name}\n\nNot evaluated yet.\n"
    lines = [
        f"## sftctl: {name}: {result.verdict}",
        "",
        result.headline,
        "",
        "| gate | verdict | why |",
        "|---|---|---|",
    ]
    lines += [f"| {_cell(gate.name)} | {gate.verdict} | {_cell(gate.message)} |" for gate in result.gates]
    lines += [f"| {_cell(item.name)} | not measured | {_cell(item.reason)} |" for item in result.not_measured]
    if result.losses:
        lines += ["", "| held-out loss | base | tuned | difference (95 %) |", "|---|---|---|---|"]
    for loss in result.losses:
        base, tuned = figures.figure(loss.base, 3), figures.figure(loss.tuned, 3)
        lines.append(f"| {_cell(loss.group)} | {base} | {tuned} | {figures.with_interval(loss.difference, 3)} |")
    lines += ["", f"**Next:** {_cell(result.next_step.advice)}", ""]
    lines += [f"- {_cell(evidence)}" for evidence in result.next_step.evidence]
    return "\n".join(lines).rstrip() + "\n"


def _cell(text: str) -> str:
    """Text that cannot break a table or become markup."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())
