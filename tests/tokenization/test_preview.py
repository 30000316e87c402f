"""What people see of the mask: the same stretches in the terminal and in the report."""

from sftctl.tokenization.encode import Encoded, Span
from sftctl.tokenization.preview import Piece, pieces, preview_html, preview_terminal

ENCODED = Encoded([], [], "Q: <b>?\nA: ja\x1b[2J.</s>\n", (Span(1, 10, 21, True, False),))


def test_pieces_are_the_whole_text_in_order() -> None:
    assert list(pieces(ENCODED)) == [
        Piece("Q: <b>?\nA:", False),
        Piece(" ja\x1b[2J.</s", True),
        Piece(">\n", False),
    ]


def test_the_terminal_shows_trained_text_in_green_and_no_control_character() -> None:
    drawn = preview_terminal(ENCODED)
    assert drawn.plain == "Q: <b>?\nA: ja.</s>\n"
    styles = [(drawn.plain[span.start : span.end], str(span.style)) for span in drawn.spans]
    assert styles == [("Q: <b>?\nA:", "dim"), (" ja.</s", "bold green"), (">\n", "dim")]


def test_the_report_shows_escaped_spans() -> None:
    assert preview_html(ENCODED) == (
        '<div class="mask-preview" style="white-space: pre-wrap">'
        '<span class="masked">Q: &lt;b&gt;?\nA:</span><span class="trained"> ja.&lt;/s</span>'
        '<span class="masked">&gt;\n</span></div>'
    )


def test_a_long_row_is_cut_with_a_note() -> None:
    assert preview_terminal(ENCODED, max_characters=12).plain == "Q: <b>?\nA: j… 11 characters more"
    assert "… 11 characters more" in preview_html(ENCODED, max_characters=12)
