"""The report: one self-contained page, a text for pull requests and XML for CI, from whatever stages have run."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import jinja2
from markupsafe import Markup

from sftctl.errors import GateFailed
from sftctl.manifest import Stage
from sftctl.report import figures, first_screen, preferred, standing, view
from sftctl.report.diversity import diversity_rows
from sftctl.report.junit import Case, Suite, eval_cases, junit, smoke_test_cases, suite_of_error
from sftctl.report.markdown import markdown
from sftctl.report.results import Results, read_results
from sftctl.run_dir import RunDir, write_text
from sftctl.units import duration, percent

_PAGE = Path(__file__).parent / "page"


def write_report(run_dir: RunDir, out_of_date: Mapping[Stage, str] = MappingProxyType({})) -> Path:
    """Write report.html, and with eval's results report.md and junit.xml too. Raises StorageFailed."""
    results = read_results(run_dir, out_of_date)
    write_text(run_dir.report, page(results, run_dir.root.name))
    if results.eval is not None:
        write_text(run_dir.markdown_report, markdown(results, run_dir.root.name))
        since = standing.since(results, "eval")
        cases = [*eval_cases(results.eval), *([Case("eval", "", error=since)] if since else [])]
        write_text(run_dir.junit_report, junit([Suite("eval", cases, results.eval.seconds)]))
    return run_dir.report


def write_junit(run_dir: RunDir, stages: Sequence[Stage], path: Path, error: BaseException | None = None) -> None:
    """Write one suite a stage where the user wants it: checks, gates, and `error` where the last stage has neither."""
    results = read_results(run_dir)
    checked = stages if error is None or isinstance(error, GateFailed) else stages[:-1]
    suites = []
    if "smoke-test" in checked and results.smoke_test is not None:
        suites.append(Suite("smoke-test", smoke_test_cases(results.smoke_test), results.smoke_test.seconds))
    if "eval" in checked and results.eval is not None:
        suites.append(Suite("eval", eval_cases(results.eval), results.eval.seconds))
    if error is not None and stages[-1] not in [suite.stage for suite in suites]:
        suites.append(suite_of_error(stages[-1], error))
    write_text(path, junit(suites))


def page(results: Results, name: str) -> str:
    """The HTML text. Everything from data is escaped; the one script is named by its hash, and nothing is fetched."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_PAGE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    for function in (
        figures.tone,
        figures.figure,
        figures.shortest,
        figures.with_interval,
        percent,
        figures.share_interval,
        figures.thousands,
        figures.typeset,
        duration,
        figures.pretty,
        preferred.grade_difference,
    ):
        environment.filters[function.__name__] = function
    script = (_PAGE / "page.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    answers = view.answer_rows(results.eval)
    top = first_screen.banner(results, name)
    record = next(reversed(results.manifest.stages.values()), None)
    return environment.get_template("page.html.jinja").render(
        results=results,
        title=f"{name}: {top.verdict}",
        style=Markup((_PAGE / "page.css").read_text(encoding="utf-8")),
        script=Markup(script),
        script_hash=f"sha256-{digest}",
        banner=top,
        tiles=first_screen.tiles(results.eval),
        loss_rows=view.loss_rows(results.eval),
        plots=_plots(results),
        benchmark_limits=view.benchmark_limits(results.eval),
        behaviour_legend=view.behaviour_legend(results.eval),
        behaviours=_behaviours(results),
        judge_facts=preferred.judge_facts(results.eval.judge if results.eval else None),
        arena_facts=preferred.arena_facts(results.eval.arena if results.eval else None),
        answers=answers,
        sources=sorted({row.source for row in answers}),
        notes=standing.notes(results),
        training_facts=view.training_facts(results.train),
        forecast_rows=view.forecast_against_actual(results.train),
        verdicts=view.verdict_columns(results),
        diversity=diversity_rows(results.curate.diversity if results.curate else None),
        versions=", ".join(f"{package} {version}" for package, version in record.versions.items()) if record else "",
    )


def _plots(results: Results) -> view.Plots:
    """What draws takes half a second to load, and is where there is something to draw: not yet after curate."""
    if results.train is None and results.eval is None:
        return view.Plots()
    from sftctl.report.plots import draw

    return draw(results)


def _behaviours(results: Results) -> list[object]:
    if results.eval is None:
        return []
    extra = results.eval.confident_and_wrong
    return [*results.eval.behaviours, *([extra] if extra else [])]
