"""arena.html in a real headless browser: votes come back as cast, answers stay text, nothing is fetched."""

import json

import pytest

from sftctl.eval.arena.ballot import Entry, make_ballot
from sftctl.eval.arena.render import arena_page
from sftctl.eval.arena.votes import Sheet
from sftctl.eval.judge.contest import Task
from tests.browser import browser_page

ATTACK = '</script><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


def ballot(count=4, repeat_share=0.25, models=("base", "tuned")):
    entries = [
        Entry(
            Task(f"row-{i}", (f"Prompt {i}?",)),
            {
                name: (f"{ATTACK} {i}" if name == "tuned" else f"Plain answer {i}.\n\n<b>not bold</b>",)
                for name in models
            },
        )
        for i in range(count)
    ]
    return make_ballot(entries, models, repeat_share=repeat_share, seed=17)


@pytest.fixture(scope="module")
def browser():
    with browser_page() as page:
        yield page.context.browser


@pytest.fixture
def opened(browser, tmp_path):
    """The page as a file, and every request and error that it caused."""
    made = ballot()
    path = tmp_path / "arena.html"
    path.write_text(arena_page(made), encoding="utf-8")
    context = browser.new_context(accept_downloads=True)
    page = context.new_page()
    page.requests, page.faults = [], []
    page.on("request", lambda request: page.requests.append(request.url))
    page.on("console", lambda message: page.faults.append(message.text))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(path.as_uri())
    page.ballot, page.path = made, path
    yield page
    context.close()


def _export(page):
    with page.expect_download() as download:
        page.click("#export:visible")
    return Sheet.model_validate(json.loads(open(download.value.path()).read()))


def test_votes_by_key_and_by_click_come_back_as_cast(opened):
    opened.fill("#voter", "Ann B")
    opened.click("h1")
    opened.keyboard.press("1")
    opened.keyboard.press("t")
    opened.fill("#comment", "Both say <nothing> & more")
    opened.click("[data-choice=both_bad]")
    opened.click("#right")
    opened.keyboard.press("ArrowLeft")
    opened.keyboard.press("2")
    opened.keyboard.press("1")
    sheet = _export(opened)
    assert (sheet.arena, sheet.voter) == (opened.ballot.key.arena, "Ann B")
    assert [vote.item for vote in sheet.votes] == [comparison.id for comparison in opened.ballot.comparisons]
    assert [vote.choice for vote in sheet.votes] == ["left", "tie", "both_bad", "right", "left"]
    assert sheet.votes[2].comment == "Both say <nothing> & more"
    assert opened.is_visible("#done")


def test_hostile_answers_stay_text_and_nothing_is_fetched(opened):
    for _ in opened.ballot.comparisons:
        shown = {opened.inner_text("#left .text"), opened.inner_text("#right .text")}
        assert any(text.startswith(ATTACK) for text in shown)
        assert any("<b>not bold</b>" in text for text in shown)
        opened.keyboard.press("t")
    assert opened.title() == "Which answer is better?"
    assert opened.locator("img").count() == 0
    assert opened.requests == [opened.path.as_uri()]
    assert opened.faults == []


def test_progress_is_kept_over_a_reload(opened):
    opened.fill("#voter", "Ann")
    opened.click("h1")
    opened.keyboard.press("1")
    opened.keyboard.press("b")
    opened.reload()
    assert opened.inner_text("#position") == "3 of 5"
    assert opened.input_value("#voter") == "Ann"
    assert [vote.choice for vote in _export(opened).votes] == ["left", "both_bad"]


def test_typing_a_comment_casts_no_vote_and_a_nameless_export_asks_for_the_name(opened):
    opened.click("#comment")
    opened.keyboard.type("1 2 t b")
    assert opened.inner_text("#position") == "1 of 5"
    opened.click("#export")
    assert opened.inner_text("#notice") == "Enter your name first."


def test_a_phone_sees_all_buttons_without_scrolling_sideways(opened):
    opened.set_viewport_size({"width": 360, "height": 640})
    opened.wait_for_function("window.innerWidth === 360")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 360
    for choice in ("left", "tie", "both_bad", "right"):
        box = opened.locator(f"[data-choice={choice}]").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360
        assert box["height"] >= 40


def test_no_model_name_is_in_the_page():
    made = ballot(models=("base", "tuned", "mistral-7b"))
    page = arena_page(made)
    for name in ("base", "tuned", "mistral"):
        # `base-uri` is a word of the content security policy.
        assert name not in page.replace("base-uri", "")
    assert ATTACK not in page
    assert {item.left for item in made.key.items.values()} == {"base", "tuned", "mistral-7b"}
