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

from sftctl.data.conversation import Conversation, Message, SourceRole, conversation_id
from sftctl.demo import desk, general
from sftctl.demo.paths import data_folder

SEED = 20261122
GOOD_ANSWERS = 2000
REPLAY_ROWS_PER_FAMILY = 140
HELD_OUT_DOMAIN_ROWS = 240
HELD_OUT_ROWS_PER_FAMILY = 24
CHOICE_ROWS_PER_FAMILY = 60
DESK_SHARE_OF_BASE = 0.3

Row = dict[str, Any]


def _messages(question: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


def good_rows(rng: random.Random) -> list[Row]:
    """GOOD_ANSWERS rows; no two ask for the same fact in the same words."""
    pairs = [(question, fact) for question in desk.QUESTIONS for fact in desk.make_facts()][:GOOD_ANSWERS]
    rows = [
        {"messages": _messages(desk.ask(fact, question, rng), desk.answer_well(fact, rng))} for question, fact in pairs
    ]
    rng.shuffle(rows)
    return rows


def replay_rows(rng: random.Random) -> list[Row]:
    """Different general questions, from the replay part of every family, in Alpaca's columns."""
    rows = []
    for family in general.make_families():
        for item, wording in _questions(general.replay_part(family), REPLAY_ROWS_PER_FAMILY, rng):
            text = general.short_answer(family, item)
            rows.append({"instruction": general.ask(item, wording), "input": "", "output": text})
    rng.shuffle(rows)
    return rows


def _questions(part: general.Part, most: int, rng: random.Random) -> list[tuple[general.Item, str]]:
    """Different pairs of item and wording, at most so many."""
    pairs = [(item, wording) for item in part.items for wording in part.wordings]
    return rng.sample(pairs, min(len(pairs), most))


def held_out_rows(rng: random.Random) -> list[Row]:
    """New wordings for the desk, then general rows that share nothing with replay; never trained on."""
    facts = desk.make_facts()
    domain: dict[str, Row] = {}
    while len(domain) < HELD_OUT_DOMAIN_ROWS:
        fact = facts[len(domain) % len(facts)]
        question = desk.ask(fact, rng.choice(desk.NEW_QUESTIONS), rng, desk.NEW_CLOSERS)
        domain.setdefault(question, _held_out(question, desk.answer_well(fact, rng), "domain"))
    return [*domain.values(), *_general_held_out(rng)]


def _held_out(question: str, answer: str, role: SourceRole) -> Row:
    """As curate writes a held-out row, so that `hold_out.frozen` reads it."""
    source = "desk" if role == "domain" else role
    messages = (Message(role="user", content=question), Message(role="assistant", content=answer))
    return Conversation(conversation_id(source, messages), messages, source, role).to_json()


def _general_held_out(rng: random.Random) -> list[Row]:
    rows = []
    for family in general.make_families():
        for item, wording in _questions(general.held_out_part(family), HELD_OUT_ROWS_PER_FAMILY, rng):
            rows.append(_held_out(general.ask(item, wording), general.short_answer(family, item), "general"))
    rng.shuffle(rows)
    return rows


def choice_rows(rng: random.Random) -> list[Row]:
    """Held-out general items with four choices; `answer` is the index of the right one."""
    rows = []
    for family in general.make_families():
        if family.name in ("bullets", "json"):
            continue
        for item, wording in _questions(general.held_out_part(family), CHOICE_ROWS_PER_FAMILY, rng):
            options, right = general.choices(family, item, rng)
            question = general.ask(item, wording)
            rows.append({"question": question, "choices": options, "answer": right, "subject": family.name})
    return rows


def base_rows(rng: random.Random, count: int) -> Iterator[list[dict[str, str]]]:
    """What the base model grows up on: apologetic, stale answers of the desk, and all of the general questions."""
    facts = desk.make_facts()
    families = general.make_families()
    for _ in range(count):
        if rng.random() < DESK_SHARE_OF_BASE:
            fact = rng.choice(facts)
            yield _messages(desk.ask(fact, rng.choice(desk.QUESTIONS), rng), desk.answer_badly(fact, rng))
        else:
            family = rng.choice(families)
            item = rng.choice(family.items)
            question = general.ask(item, rng.choice(family.wordings))
            yield _messages(question, rng.choice(general.answers(family, item)))


def plant_dirt(rows: list[Row], rng: random.Random) -> tuple[list[str], dict[str, int]]:
    """The rows as lines of a file, with each kind of dirt, and how many lines of each kind there are.

    Mojibake spoils rows that are there; all other dirt is added.
    """
    mojibake = [_mojibake(row) for row in rows[:2]]
    good = rows[2:]
    copies = rng.sample(good, 25)
    exact = copies[:12]
    near = [_with_question(row, "Again: {}") for row in copies[12:20]]
    empty = [{"messages": _messages(_question(row) + " Anyone?", "")} for row in copies[20:23]]
    stray = [_with_question(row, "{}<|end|> And now?") for row in copies[23:25]]
    lines = [json.dumps(row, ensure_ascii=False) for row in [*good, *mojibake, *exact, *near, *empty, *stray]]
    lines.append(lines[0][: len(lines[0]) // 2])
    rng.shuffle(lines)
    counts = {
        "good": len(good),
        "mojibake": len(mojibake),
        "exact_duplicate": len(exact),
        "near_duplicate": len(near),
        "empty_answer": len(empty),
        "stray_special_token": len(stray),
        "malformed_line": 1,
    }
    return lines, counts


def _question(row: Row) -> str:
    return str(row["messages"][0]["content"])


def _with_question(row: Row, pattern: str) -> Row:
    return {"messages": _messages(pattern.format(_question(row)), row["messages"][1]["content"])}


def _mojibake(row: Row) -> Row:
    """UTF-8 read as Windows-1252, as a spreadsheet leaves it."""
    return _with_question(row, "It’s about Larkmoor – ".encode().decode("cp1252") + "{}")


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
