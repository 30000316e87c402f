import pytest
from rich.text import Text

from sftctl import console


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain text\n", "plain text\n"),
        ("\x1b[2J\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("bell\x07", "bell�"),
        ("a\u202eb", "a�b"),
        ("\x9b31m", "�31m"),
    ],
)
def test_text_from_data_cannot_move_the_cursor_or_reorder_a_line(hostile, shown):
    assert console.safe(hostile) == shown


def test_markup_in_data_stays_text(capsys):
    console.configure()
    console.say("[red]not a colour[/red]")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "[red]not a colour[/red]\n")


def test_quiet_keeps_warnings_and_drops_sentences(capsys):
    console.configure("quiet")
    try:
        console.say("a sentence")
        console.warn("lower the learning rate")
    finally:
        console.configure()
    assert capsys.readouterr().err == "warning: lower the learning rate\n"


def test_a_table_aligns_its_columns_and_cleans_its_cells(capsys):
    console.configure()
    console.table("sources", ["source", "rows"], [["domain", "2,000"], ["gen\x1b[1meral", "50"]])
    assert capsys.readouterr().err == "sources\n  source    rows\n  domain   2,000\n  general     50\n"


@pytest.fixture
def forced_terminal(monkeypatch):
    """Standard error counts as a terminal with colours; the settings come back after the test."""
    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    console.configure()
    yield monkeypatch
    monkeypatch.undo()
    console.configure()


def test_a_terminal_shows_text_as_it_is_written(forced_terminal, capsys):
    console.say("recipe.yaml:100:5: no key :x: in [bold]C:\\")
    console.error("rows.jsonl:100: a \\[row] :ok:")
    assert capsys.readouterr().err == (
        "recipe.yaml:100:5: no key :x: in [bold]C:\\\n\x1b[1;31merror:\x1b[0m rows.jsonl:100: a \\[row] :ok:\n"
    )


def test_no_color_leaves_no_escape_code_at_all(forced_terminal, capsys):
    forced_terminal.setenv("NO_COLOR", "1")
    console.configure()
    console.heading("train  demo")
    console.error("no rows")
    console.show(Text("trained", style="bold green"))
    assert capsys.readouterr().err == "train  demo\nerror: no rows\ntrained\n"


def test_ci_shows_colour_only_where_that_is_forced(forced_terminal, capsys):
    forced_terminal.setenv("CI", "true")
    console.configure()
    console.success("done")
    forced_terminal.delenv("FORCE_COLOR")
    forced_terminal.setattr("sys.stderr.isatty", lambda: True)
    console.configure()
    console.success("done")
    assert capsys.readouterr().err == "\x1b[32mdone\x1b[0m\ndone\n"
