"""Makes the demo's rows: `python -m sftctl.demo.make_data`. The same files come out every time.

domain.jsonl    the desk's good answers as they might come from annotators, with planted dirt (planted.json counts it)
general.jsonl   general rows for replay
held_out.jsonl  the desk's questions in new wordings, and general rows that share no wording and no item with replay
choices.jsonl   the same general items as multiple choice, for the forgetting gate
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sftctl.demo import desk, general
from sftctl.demo.paths import data_folder

SEED = 20261122
GOOD_ANSWERS = 2000
REPLAY_ROWS = 1200
HELD_OUT_ROWS_PER_ROLE = 240

Row = dict[str, Any]


def _messages(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def good_rows(rng: random.Random) -> list[Row]:
    """GOOD_ANSWERS rows with as many different questions, every fact as often as any other (give or take one)."""
    facts = desk.make_facts()
    seen: set[str] = set()
    rows: list[Row] = []
    while len(rows) < GOOD_ANSWERS:
        fact = facts[len(rows) % len(facts)]
        question = desk.ask(fact, rng.choice(desk.QUESTIONS), rng)
        if question not in seen:
            seen.add(question)
            rows.append({"messages": _messages(question, desk.answer_well(fact, rng))})
    rng.shuffle(rows)
    return rows


def replay_rows(rng: random.Random) -> list[Row]:
    """Different general questions, from the replay part of every family, in Alpaca's columns."""
    rows = []
    for family in general.make_families():
        part = general.replay_part(family)
        for item in part.items:
            for wording in part.wordings:
                text = general.answer(family, item, rng)
                rows.append({"instruction": general.ask(item, wording), "input": "", "output": text})
    rng.shuffle(rows)
    return rows[:REPLAY_ROWS]


def held_out_rows(rng: random.Random) -> list[Row]:
    """New wordings for the desk, then general rows that share nothing with replay; never trained on."""
    facts = desk.make_facts()
    domain: dict[str, Row] = {}
    while len(domain) < HELD_OUT_ROWS_PER_ROLE:
        fact = facts[len(domain) % len(facts)]
        question = desk.ask(fact, rng.choice(desk.NEW_QUESTIONS), rng)
        domain.setdefault(question, _held_out(question, desk.answer_well(fact, rng), "domain"))
    return [*domain.values(), *_general_held_out(rng)]


def _held_out(question: str, answer: str, role: str) -> Row:
    return {"messages": _messages(question, answer), "source": role, "role": role}


def _general_held_out(rng: random.Random) -> list[Row]:
    rows = []
    for family in general.make_families():
        part = general.held_out_part(family)
        pairs = [(item, wording) for item in part.items for wording in part.wordings]
        for item, wording in rng.sample(pairs, min(len(pairs), HELD_OUT_ROWS_PER_ROLE // 8)):
            rows.append(_held_out(general.ask(item, wording), general.answer(family, item, rng), "general"))
    rng.shuffle(rows)
    return rows[:HELD_OUT_ROWS_PER_ROLE]


def choice_rows(rng: random.Random) -> list[Row]:
    """Every held-out general item once, with four choices; `answer` is the index of the right one."""
    rows = []
    for family in general.make_families():
        if family.name in ("bullets", "json", "count"):
            continue
        part = general.held_out_part(family)
        for item in part.items:
            options, right = general.choices(item, family, rng)
            texts = [option[0].upper() + option[1:] + "." for option in options]
            question = general.ask(item, rng.choice(part.wordings))
            rows.append({"question": question, "choices": texts, "answer": right, "subject": family.name})
    return rows


def base_rows(rng: random.Random, count: int) -> Iterator[list[dict[str, str]]]:
    """What the base model grows up on: apologetic, stale answers of the desk, and all of the general questions."""
    facts = desk.make_facts()
    families = general.make_families()
    for _ in range(count):
        if rng.random() < 0.45:
            fact = rng.choice(facts)
            yield _messages(desk.ask(fact, rng.choice(desk.QUESTIONS), rng), desk.answer_badly(fact, rng))
        else:
            family = rng.choice(families)
            item = rng.choice(family.items)
            question = general.ask(item, rng.choice(family.wordings))
            yield _messages(question, general.answer(family, item, rng))


def plant_dirt(rows: list[Row], rng: random.Random) -> tuple[list[str], dict[str, int]]:
    """The rows as lines of a file, with each kind of dirt added, and how many lines of each kind there are."""
    copies = rng.sample(rows, 30)
    exact = copies[:12]
    near = [_near_copy(row) for row in copies[12:20]]
    empty = [{"messages": _messages(row["messages"][0]["content"] + " Hello?", "")} for row in copies[20:23]]
    stray = [_with_question(row, "{}<|end|> And now?") for row in copies[23:25]]
    mojibake = [_mojibake(row) for row in copies[25:27]]
    lines = [json.dumps(row, ensure_ascii=False) for row in [*rows, *exact, *near, *empty, *stray, *mojibake]]
    lines.append(lines[0][: len(lines[0]) // 2])
    rng.shuffle(lines)
    counts = {
        "good": len(rows),
        "exact_duplicate": len(exact),
        "near_duplicate": len(near),
        "empty_answer": len(empty),
        "stray_special_token": len(stray),
        "mojibake": len(mojibake),
        "malformed_line": 1,
    }
    return lines, counts


def _with_question(row: Row, pattern: str) -> Row:
    question, answer = (message["content"] for message in row["messages"])
    return {"messages": _messages(pattern.format(question), answer)}


def _near_copy(row: Row) -> Row:
    """The same row as a second annotator would have typed it."""
    question, answer = (message["content"] for message in row["messages"])
    return {"messages": _messages(question.upper()[:1] + question[1:].replace("?", " ?") + " ", answer)}


def _mojibake(row: Row) -> Row:
    """UTF-8 read as Windows-1252, as a spreadsheet leaves it."""
    question, answer = (message["content"] for message in row["messages"])
    broken = "It’s about “Larkmoor” – ".encode().decode("cp1252", errors="ignore")
    return {"messages": _messages(broken + question, answer)}


def write(folder: Path) -> None:
    """All data files into `folder`."""
    rng = random.Random(SEED)
    lines, planted = plant_dirt(good_rows(rng), rng)
    files = {
        "domain.jsonl": lines,
        "general.jsonl": [json.dumps(row, ensure_ascii=False) for row in replay_rows(rng)],
        "held_out.jsonl": [json.dumps(row, ensure_ascii=False) for row in held_out_rows(rng)],
        "choices.jsonl": [json.dumps(row, ensure_ascii=False) for row in choice_rows(rng)],
        "planted.json": json.dumps(planted, indent=2).splitlines(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text("\n".join(content) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(data_folder())
