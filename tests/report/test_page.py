import re
from html.parser import HTMLParser

import pytest

from sftctl.manifest import Manifest
from sftctl.report.results import Results
from sftctl.report.stage import write_junit, write_report
from sftctl.report.view import tiles
from sftctl.run_dir import RunDir
from tests.browser import browser_page
from tests.conftest import ROOT
from tests.report.made_run import HOSTILE, evaluated, made_run


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


def test_the_benchmark_plot_has_the_recipes_own_lines(report):
    text = report.read_text(encoding="utf-8")
    plot = text[text.index("Benchmarks for forgetting") : text.index("Other signs of drift")]
    assert re.findall(r"<text [^>]*>(−[\d.]+)</text>", plot)[-2:] == ["−1.5", "−4"]
    assert "investigated from 1.5 points and fails from 4." in plot


def test_every_interval_is_written_as_low_to_high(report):
    text = re.sub(
        r"<svg.*?</svg>|<pre.*?</pre>|<style>.*?</style>|<script>.*?</script>",
        "",
        report.read_text(encoding="utf-8"),
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
        "flagged: refusal 5",
    ]


def test_a_tile_is_coloured_by_the_gates_of_its_behaviour():
    result = evaluated()
    named = result.gates[0].model_copy(update={"name": "anything", "verdict": "fail"})
    spoilt = result.model_copy(update={"gates": (named, *result.gates[1:])})
    tone = {tile.label: tile.tone for tile in tiles(_only(spoilt))}
    assert (tone["no apology"], tone["mmlu"]) == ("bad", "good")


def _only(result):
    return Results(Manifest(sftctl="0"), None, None, None, result, (), "")


def test_a_run_that_has_only_begun_has_a_page_too(tmp_path):
    run_dir = RunDir(tmp_path / "begun")
    assert "Nothing has run yet" in write_report(run_dir).read_text(encoding="utf-8")


def test_the_page_is_the_same_for_the_same_results(tmp_path, report):
    assert write_report(RunDir(report.parent)).read_bytes() == report.read_bytes()


def test_in_a_browser_the_page_filters_answers_and_runs_no_foreign_script(report):
    with browser_page() as page:
        problems = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.goto(report.as_uri())
        assert page.title() == "made: pass"
        assert page.locator("article:visible").count() == 2
        assert page.locator("article").first.locator(".badge").inner_text() == "confident and wrong"

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


def test_markdown_for_a_pull_request(golden, report):
    golden(ROOT / "tests/golden/report.md", (report.parent / "eval/report.md").read_text(encoding="utf-8"))


def test_junit_of_each_gating_stage(golden, report, tmp_path):
    write_junit(RunDir(report.parent), ["smoke-test"], tmp_path / "smoke.xml")
    golden(ROOT / "tests/golden/smoke_test.junit.xml", (tmp_path / "smoke.xml").read_text(encoding="utf-8"))
    golden(ROOT / "tests/golden/eval.junit.xml", (report.parent / "eval/junit.xml").read_text(encoding="utf-8"))
