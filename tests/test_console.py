import pytest

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
