"""What falls into a loop, and what repeats itself because it is a table, a board, a song or what was asked for."""

import json

import pytest

from sftctl.curate.filters.loops import Loops
from tests.curate.filters.rows import reason

PROSE = (
    "The harbour froze early that winter. Boats lay still for weeks, and the men who lived by them mended nets in the "
    "church hall. When the thaw came, the first boat to leave was the oldest. "
)


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Here are some. " + "inventive, " * 60, "loop_at_end"),
        ("Names:\n" + "".join(f"{n}. Apple Pie and Cream\n" for n in range(1, 30)), "loop_at_end"),
        (PROSE + "GATC" * 200, "loop_at_end"),
        (PROSE + "I know, " * 80 + "and that is all I can say. " + PROSE, "loop_inside"),
        (PROSE * 3, None),
        ("".join(f"| {n} | {n * n} |\n" for n in range(60)), None),
        ("-" * 900, None),
        (PROSE + "\n".join(f"https://example.org/item/{n}" for n in range(9)), None),
        ("La la la la", None),
    ],
)
def test_loops(response, expected):
    assert reason(Loops(), "Tell me.", response) == expected


LISTINGS = {
    "inserts": "\n".join(f"INSERT INTO users VALUES ({n}, 'user{n}', 'user{n}@x.org');" for n in range(200)),
    "addresses": "\n".join(f"https://example.org/item/{n}" for n in range(100)),
    "sums": "\n".join(f"7 x {n} = {7 * n}" for n in range(1, 121)),
    "numbers": ", ".join(str(n) for n in range(2, 3000, 2)),
    "tests": "\n\n".join(f"def test_add_{n}():\n    assert add({n}, 1) == {n + 1}" for n in range(30)),
    "table": "\n".join(f"| {n} | {n * n} | {n**3} |" for n in range(150)),
    "hosts": "\n".join(f"- name: host{n}\n  state: present\n  become: true" for n in range(40)),
    "json": json.dumps([{"id": n, "ok": True, "tags": []} for n in range(60)], indent=1),
    "markup": "<svg>" + "".join(f'<rect x="{n}0" y="0" width="9"/>' for n in range(60)) + "</svg>",
}


@pytest.mark.parametrize("name", LISTINGS)
def test_listings_that_count_are_no_loops(name):
    assert reason(Loops(), "Make test data.", LISTINGS[name]) is None


def test_a_listing_that_counts_until_it_is_cut_off_is_a_loop():
    turns = "\n".join(f"{n}. Turn left onto Elm Street\n{n + 1}. Turn right onto Oak Street" for n in range(1, 99, 2))
    assert reason(Loops(), "How do I get there?", turns + "\n99. Turn le") == "loop_at_end"


def test_repetition_that_was_asked_for_is_no_loop():
    text = "I must not talk. " * 50
    assert reason(Loops(), "Write: I must not talk, 50 times", text) is None
    assert reason(Loops(), "Write a poem.", text) == "loop_at_end"


CELLS = '  <div class="cell"></div>\n'
BOTTLES = "".join(
    f"{n} jars of jam on the wall, {n} jars of jam. Take one, {n - 1} are left.\n" for n in range(99, 0, -1)
)
WHOLE = {
    "board": f'<!DOCTYPE html>\n<div class="board">\n{CELLS * 64}</div>\n</html>',
    "form in a fence": "```html\n<form>\n" + '<input type="text" maxlength="1">\n' * 81 + "</form>\n```",
    "empty users": "```json\n[\n" + ",\n".join(['  {"name": "", "active": false}'] * 40) + "\n]\n```",
    "bytes": "unsigned char buffer[256] = {\n" + "    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,\n" * 32 + "};",
    "table": "| Feature | A | B |\n|---|---|---|\n" + "| Yes | Yes | No |\n" * 12,
    "sheet": "Name: ____________________  Signature: ____________________  Date: __________\n" * 25,
    "asserts": "def test_sum():\n" + "    assert add(1, 1) == 2\n" * 12,
    "counting song": BOTTLES + "No jar is on the wall.",
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_repeats_its_parts_and_closes_is_no_loop(name):
    assert reason(Loops(), "Make it.", WHOLE[name]) is None


@pytest.mark.parametrize(
    "text",
    [
        f'<div class="board">\n{CELLS * 64}  <div cla',
        "| Pen | 4.4/5 |\n" * 40 + "| Pen | 4.4/",
        BOTTLES + "0 jars of",
    ],
)
def test_the_same_cut_off_is_a_loop(text):
    assert reason(Loops(), "Make it.", text) is not None


REFRAIN = "Oh do not let the river take me\n"


@pytest.mark.parametrize(
    "prompt",
    ["Write a song about a river.", "A prayer, please.", "Schreib ein Lied über den Fluss", "写一首关于河的歌"],
)
def test_a_refrain_of_a_song_is_no_loop_until_it_is_endless(prompt):
    song = "I saw the river rise and fall\nand heard the ferryman call.\n\n"
    assert reason(Loops(), prompt, song + REFRAIN * 8) is None
    assert reason(Loops(), prompt, song + REFRAIN * 60) == "loop_at_end"
    assert reason(Loops(), prompt, song + REFRAIN * 8 + REFRAIN[:20]) == "loop_at_end"
    assert reason(Loops(), "Describe a river.", song + REFRAIN * 8) == "loop_at_end"


@pytest.mark.parametrize(
    "prompt",
    [
        "Write ha a hundred times.",
        "Give me 50 copies of it.",
        "Log the same line for a test.",
        "把它写50遍。",
        "Wiederhole es.",
    ],
)
def test_repetition_may_be_asked_for_in_other_words(prompt):
    assert reason(Loops(), prompt, "ha ha " * 100) is None
