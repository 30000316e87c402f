"""Rows for the tests of the filters: written here, or read from the data that lies outside the repository."""

import gzip
import hashlib
import json
import os
from pathlib import Path

import pytest

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.response_lengths import ResponseLengths
from sftctl.data.conversation import Conversation

NO_FACTS = CorpusFacts(ResponseLengths((), len))
LABELS = Path(__file__).parent / "labels"


def row(prompt, response, *, identifier="r", source="s", **extra):
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": response})
    return Conversation(id=identifier, messages=messages, source=source, extra=extra)


def words(texts):
    """Stands for a tokenizer: a token a word."""
    return [len(text.split()) for text in texts]


def reason(rule, prompt, response, **extra):
    return rule.judge(row(prompt, response, **extra), NO_FACTS)


def real_rows(name, prompt, response, *, extra=()):
    """Rows of a file of SFTCTL_TEST_DATA/data/sft; `prompt` names columns that are joined by blank lines."""
    folder = os.environ.get("SFTCTL_TEST_DATA")
    if not folder:
        pytest.skip("SFTCTL_TEST_DATA is not set")
    rows = []
    with gzip.open(Path(folder) / "data" / "sft" / name, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file):
            raw = json.loads(line)
            asked = "\n\n".join(raw[column] for column in prompt if raw[column])
            kept = {column: raw[column] for column in extra}
            rows.append(row(asked, raw[response], identifier=f"{name}-{number}", source=name, **kept))
    return rows


def answers():
    """alpaca_eval_answers, as it is."""
    return real_rows("alpaca_eval_answers.jsonl.gz", ("instruction",), "output", extra=("generator",))


def row_hash(conversation):
    """What a labelled row is known by: its text stays outside the repository."""
    text = f"{conversation.messages[0]['content']}\0{conversation.messages[1]['content']}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def labelled(name, conversations):
    """(row, label) of every label; fails when the data is not what was labelled."""
    labels = json.loads((LABELS / name).read_text(encoding="utf-8"))
    by_hash = {row_hash(conversation): conversation for conversation in conversations}
    return [(by_hash[key], label) for key, label in labels.items()]
