import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from sftctl.errors import Interrupted, OutOfMemory
from sftctl.manifest import Ended, new_record, record_begin, record_failure, record_stage
from sftctl.report.first_screen import banner, cost_in_short, tiles
from sftctl.report.results import read_results
from sftctl.report.stage import write_junit, write_report
from sftctl.run_dir import RunDir, write_json
from tests.browser import browser_page
from tests.conftest import ROOT
from tests.report.made_run import HOSTILE, curated, evaluated, made_run, smoke_tested


@pytest.fixture
def report(tmp_path):
    return write_report(made_run(tmp_path / "made"))


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.names = []
        self.links = []

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.links += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]


def test_hostile_text_stays_text_and_nothing_is_fetched(report):
    text = report.read_text(encoding="utf-8")
    assert HOSTILE not in text
    elements = Elements()
    elements.feed(text)
    assert elements.links == []
    assert elements.names.count("script") == 1
    assert "img" not in elements.names
    assert re.search(r"content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-[^']+'", text)


def test_the_banner_names_the_gates_that_decide_and_how_many_they_are(tmp_path):
    results = read_results(made_run(tmp_path / "made"))
    spoilt = evaluated().gates[1].model_copy(update={"verdict": "fail"})
    failed = {"verdict": "fail", "headline": "fail: mmlu", "gates": (evaluated().gates[0], spoilt)}
    found = banner(replace(results, eval=evaluated().model_copy(update=failed)), "made")
    assert (found.tone, found.verdict, found.headline) == ("bad", "fail", "1 of 2 gates: mmlu")
    assert banner(results, "made").headline == "all 2 gates"


def test_the_benchmark_plot_has_the_recipes_own_lines(report):
    text = report.read_text(encoding="utf-8")
    plot = text[text.index("Benchmarks for forgetting") : text.index("Other signs of drift")]
    assert re.findall(r"<text [^>]*>(−[\d.]+)</text>", plot)[-2:] == ["−1.5", "−4"]
    assert "investigated from 1.5 points and fails from 4." in plot


def test_every_interval_is_written_as_low_to_high(report):
    text = re.sub(
        r"<svg.*?</svg>|<pre.*?</pre>|<style>.*?</style>|<script>.*?</script>",
        "",
        report.read_text(encoding="utf-8").replace("\u00a0", " "),
        flags=re.DOTALL,
    )
    assert re.findall(r"\[[−\d][^\]]*\]|±|\d\.\.\d", text) == []
    assert {"−2.500 (−2.600 to −2.400)", "0 % (0 % to 1.9 %)", "200 answers (95 %: 0 % to 1.9 %)"} <= set(
        re.findall(r">([^<>]* to [^<>]*)<", text)
    )


def test_repairs_flags_and_repeated_rows_are_told_in_a_line_each(report):
    text = report.read_text(encoding="utf-8")
    assert re.findall(r"<p>(.*)</p>", text[text.index("<h2>Data</h2>") :])[1:4] == [
        "1,900 training rows = 1,890 kept + 10 repeated",
        "repaired: stray_token 4",
        "flagged, which drops no row: refusal 5",
    ]


def test_a_tile_is_coloured_by_the_gates_of_its_behaviour():
    result = evaluated()
    named = result.gates[0].model_copy(update={"name": "anything", "verdict": "fail"})
    spoilt = result.model_copy(update={"gates": (named, *result.gates[1:])})
    tone = {tile.label: tile.tone for tile in tiles(spoilt)}
    assert (tone["no apology"], tone["mmlu"]) == ("bad", "good")


def test_a_run_that_has_only_begun_has_a_page_too(tmp_path):
    run_dir = RunDir(tmp_path / "begun")
    assert "Nothing has run yet" in write_report(run_dir).read_text(encoding="utf-8")


def test_a_page_without_figures_to_draw_loads_nothing_that_draws(tmp_path):
    run_dir = RunDir(tmp_path / "begun")
    write_json(run_dir.curate_result, curated().model_dump())
    wrote = (
        "import sys\nfrom pathlib import Path\nfrom sftctl.report.stage import write_report\n"
        "from sftctl.run_dir import RunDir\nwrite_report(RunDir(Path(sys.argv[1])))\n"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", wrote, run_dir.root], check=True)
    assert "Data curated" in run_dir.report.read_text(encoding="utf-8")


def test_the_page_is_the_same_for_the_same_results(tmp_path, report):
    assert write_report(RunDir(report.parent)).read_bytes() == report.read_bytes()


def test_in_a_browser_the_page_filters_answers_and_runs_no_foreign_script(report):
    with browser_page() as page:
        problems = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(report.as_uri())
        assert page.title() == "made: pass"
        assert page.locator("article:visible").count() == 2
        assert page.locator("article").first.locator(".badge").inner_text() == "confidently wrong"

        page.fill("#search", "fee 47")
        assert page.locator("#shown").inner_text() == "1 of 2"
        assert "What is the fee? " + HOSTILE in page.locator("article:visible .prompt").inner_text()

        page.fill("#search", "")
        page.select_option("#kind", "miss")
        assert page.locator("article:visible .prompt").inner_text() == "general Name a colour"
        assert page.locator("figure svg").count() == 3
        assert (problems, page.fetched) == ([], [report.as_uri()])
        assert page.title() == "made: pass"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast_in_light_and_dark(report, scheme):
    # WCAG 2.1, 1.4.3: at least 4.5 to 1.
    contrast = """() => {
        const luminance = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number).map((c) => c / 255)
            .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = (e) => { while (e) { const c = getComputedStyle(e).backgroundColor;
            if (!c.endsWith(", 0)") && c !== "transparent") return c; e = e.parentElement; }
            return "rgb(255, 255, 255)"; };
        return Math.min(...[...document.querySelectorAll("p, td, th, h1, h2, .badge, figcaption")].map((e) => {
            const [a, b] = [luminance(getComputedStyle(e).color), luminance(behind(e))];
            return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); }));
    }"""
    with browser_page(color_scheme=scheme) as page:
        page.goto(report.as_uri())
        assert page.evaluate(contrast) >= 4.5


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_window(report, width):
    with browser_page(viewport={"width": width, "height": 800}) as page:
        page.goto(report.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_a_wide_table_scrolls_in_its_own_box_and_its_names_stay(report):
    with browser_page(viewport={"width": 400, "height": 800}) as page:
        page.goto(report.as_uri())
        table = page.locator("table", has_text="perplexity")
        assert table.evaluate("table => table.scrollWidth > table.clientWidth")
        assert "linear-gradient" in table.evaluate("table => getComputedStyle(table).backgroundImage")
        name = table.locator("tbody td").first
        before = name.bounding_box()["x"]
        table.evaluate("table => table.scrollLeft = 1000")
        assert (table.evaluate("table => table.scrollLeft") > 0, name.bounding_box()["x"]) == (True, before)


def test_on_paper_is_what_the_screen_shows_and_no_control(report):
    with browser_page() as page:
        page.goto(report.as_uri())
        page.emulate_media(media="print")
        assert page.locator("button:visible, input:visible, details:visible").count() == 0
        page.locator("details").first.evaluate("details => details.open = true")
        assert page.locator("details:visible").count() == 1


def test_the_first_screen_says_better_forgotten_cost_and_what_to_do(report):
    with browser_page(viewport={"width": 1280, "height": 720}) as page:
        page.goto(report.as_uri())
        lines = dict(
            zip(page.locator("dt").all_inner_texts(), page.locator("dd:not(.note)").all_inner_texts(), strict=True)
        )
        assert lines == {
            "better": f"no-apology 100\u00a0% to 0\u00a0% {HOSTILE}",
            "worse": "nothing beyond chance",
            "forgotten": "nothing; kept: mmlu 45.9 to 45.2 points",
            "cost": "$0.02, 12 s (curate 12 s $0.02)",
            "to do": "Ship it.",
        }
        assert page.locator("dd").last.bounding_box()["y"] < 720


def test_the_first_screen_says_first_what_has_failed_since(tmp_path):
    run_dir = made_run(tmp_path / "made")
    record_failure(run_dir, "train", OutOfMemory("needs 3 GiB\nmore"), Ended(17, passed=False, seconds=1.0))
    told = banner(read_results(run_dir), "made")
    assert (told.verdict, told.tone) == ("pass", "warn")
    assert told.lines[0] == ("failed", "train, with exit code 6: needs 3 GiB more")


def test_a_stage_that_was_interrupted_or_killed_is_told_before_an_earlier_result(tmp_path):
    run_dir = made_run(tmp_path / "made")
    record_begin(run_dir, "train")
    record_failure(run_dir, "train", Interrupted("stopped after step 3"), Ended(17, passed=False, seconds=1.0))
    record_begin(run_dir, "eval")
    told = banner(read_results(run_dir), "made").lines
    assert told[0] == ("interrupted", "train, with exit code 75: stopped after step 3")
    assert (told[1][0], told[1][1].startswith("eval: it began at 20")) == ("not ended", True)
    write_report(run_dir)
    assert "Loss of each step" not in run_dir.report.read_text(encoding="utf-8")
    assert '<error message="Since then eval did not end." />' in run_dir.junit_report.read_text(encoding="utf-8")


def test_a_stage_that_is_out_of_date_is_named_and_costs_this_run_nothing(tmp_path):
    run_dir = made_run(tmp_path / "made")
    for stage, seconds, usd in (("train", 60.0, 0.03), ("eval", 20.0, None)):
        ended = Ended(17, passed=True, seconds=seconds, cost_usd=usd)
        record_stage(run_dir, stage, new_record(run_dir, ended, inputs={}, outputs=[]))
    assert cost_in_short(read_results(run_dir)) == "$0.05, 92 s (curate 12 s $0.02, train 60 s $0.03, eval 20 s)"
    older = {"train": "train.epochs changed", "eval": "seed changed"}
    results = read_results(run_dir, older)
    cost = "$0.02, 12 s (curate 12 s $0.02); out of date and not added: train 60 s $0.03, eval 20 s"
    assert cost_in_short(results) == cost
    told = banner(results, "made")
    assert (told.tone, told.verdict) == ("warn", "pass (out of date)")
    assert told.lines[0] == ("out of date", "train: train.epochs changed; eval: seed changed")
    write_report(run_dir, older)
    assert re.search(
        r"<p class=.note.>The result of 20\S+ It is out of date: train.epochs changed.", run_dir.report.read_text()
    )
    assert cost_in_short(read_results(run_dir, {**older, "curate": "seed changed"})).startswith("nothing yet")


def test_steps_that_the_time_limit_left_undone_are_told_in_page_and_markdown(tmp_path):
    run_dir = made_run(tmp_path / "made")
    write_json(run_dir.smoke_test_result, {**smoke_tested().model_dump(), "steps": 40, "steps_not_reached": 60})
    write_report(run_dir)
    told = "ended the steps after 40 of 100: checks and forecast rest on those"
    assert f"smoke_test.time_limit_minutes {told}" in run_dir.report.read_text(encoding="utf-8")
    assert told in run_dir.markdown_report.read_text(encoding="utf-8")


@pytest.mark.parametrize(("failed", "after"), [("05:00", "; train and eval ran before that"), ("03:00", "")])
def test_the_first_screen_says_that_a_gate_failed_and_which_results_are_older(tmp_path, failed, after):
    run_dir = made_run(tmp_path / "made")
    for stage, passed, finished in (("train", True, "04:00"), ("eval", True, "04:10"), ("smoke-test", False, failed)):
        record = new_record(run_dir, Ended(17, passed=passed, seconds=1.0), inputs={}, outputs=[])
        record_stage(run_dir, stage, record.model_copy(update={"finished": f"2026-11-23T{finished}:00+00:00"}))
    told = banner(read_results(run_dir), "made")
    assert told.lines[0] == ("failed", f"smoke-test, at its gate{after}")


def test_the_first_screen_of_a_failed_smoke_test_says_what_to_do(tmp_path):
    results = replace(read_results(made_run(tmp_path / "made")), train=None, eval=None)
    told = banner(results, "made")
    assert (told.verdict, told.headline) == ("Smoke test failed", "1 of 3 checks failed.")
    assert told.lines[0] == ("output.stop", f"{HOSTILE}. Train the stop token")


def test_markdown_for_a_pull_request(golden, report):
    golden(ROOT / "tests/golden/report.md", (report.parent / "eval/report.md").read_text(encoding="utf-8"))


def test_junit_of_each_gating_stage(golden, report, tmp_path):
    write_junit(RunDir(report.parent), ["smoke-test"], tmp_path / "smoke.xml")
    golden(ROOT / "tests/golden/smoke_test.junit.xml", (tmp_path / "smoke.xml").read_text(encoding="utf-8"))
    golden(ROOT / "tests/golden/eval.junit.xml", (report.parent / "eval/junit.xml").read_text(encoding="utf-8"))
