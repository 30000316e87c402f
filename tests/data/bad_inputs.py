"""Bad inputs: rows that get a verdict while the good rows go on, and files that end the command."""

import gzip
import io
import json
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

GOOD_PAIR = b'{"prompt": "Which fee?", "completion": "None."}\n'
GOOD_CHAT = b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}\n'
GOOD_SHAREGPT = b'{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}\n'
GOOD_ALPACA = b'{"instruction": "Add.", "input": "1 1", "output": "2"}\n'


@dataclass(frozen=True)
class BadInput:
    """A file, and what is wrong with it; the verdicts stand in tests/golden/bad_inputs.txt."""

    name: str
    file: str
    content: bytes


def _after(good: bytes, bad: bytes | dict[str, Any]) -> bytes:
    """Two good rows around the bad one, which is in line 2."""
    line = bad if isinstance(bad, bytes) else json.dumps(bad).encode()
    return good + line + b"\n" + good


def _pair(bad: bytes | dict[str, Any]) -> bytes:
    return _after(GOOD_PAIR, bad)


def _chat(*turns: Any) -> bytes:
    return _after(GOOD_CHAT, {"messages": list(turns)})


def _turn(role: Any, content: Any, **others: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **others}


USER, ASSISTANT, RESULT = _turn("user", "Hi"), _turn("assistant", "Hello"), _turn("tool", "3 <|eot_id|>")
MOSS = [{"from": "human", "value": "Hi"}, {"from": "moss", "value": "Hello"}]


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue()


def _call(arguments: Any) -> dict[str, Any]:
    return _turn("assistant", None, tool_calls=[{"function": {"name": "balance", "arguments": arguments}}])


BAD_ROWS = [
    BadInput("malformed line", "a.jsonl", _pair(b'{"prompt": "Which fee?", "comple')),
    BadInput("single quotes", "a.jsonl", _pair(b"{'prompt': 'Which fee?', 'completion': 'None.'}")),
    BadInput("text behind the object", "a.jsonl", _pair(GOOD_PAIR.strip() + b" GOOD")),
    BadInput("two objects in a line", "a.jsonl", _pair(GOOD_PAIR.strip() + GOOD_PAIR.strip())),
    BadInput("Latin-1", "a.jsonl", _pair('{"prompt": "Gebühr?", "completion": "Keine."}'.encode("latin-1"))),
    BadInput("half a character", "a.jsonl", _pair(b'{"prompt": "Which fee?", "completion": "None \\ud83d"}')),
    BadInput("half a character in a key", "a.jsonl", _pair(b'{"prompt": "a", "completion": "b", "\\ud83d": 1}')),
    BadInput("missing field", "a.jsonl", _pair({"prompt": "Which fee?"})),
    BadInput("no field at all", "a.jsonl", _pair({})),
    BadInput("null field", "a.jsonl", _pair({"prompt": "Which fee?", "completion": None})),
    BadInput("not a number", "a.jsonl", _pair(b'{"prompt": "Which fee?", "completion": NaN}')),
    BadInput("infinity", "a.jsonl", _pair(b'{"prompt": "Which fee?", "completion": "a", "score": Infinity}')),
    BadInput("number for text", "a.jsonl", _pair({"prompt": "Which fee?", "completion": 12.5})),
    BadInput("true for text", "a.jsonl", _pair({"prompt": "Which fee?", "completion": True})),
    BadInput("object for text", "a.jsonl", _pair({"prompt": {"text": "Which fee?"}, "completion": "None."})),
    BadInput("nested list for text", "a.jsonl", _pair({"prompt": "Which fee?", "completion": [["None."]]})),
    BadInput("list line", "a.jsonl", _pair(b'["Which fee?", "None."]')),
    BadInput("text line", "a.jsonl", _pair(b'"Which fee?"')),
    BadInput("null line", "a.jsonl", _pair(b"null")),
    BadInput("duplicate key", "a.jsonl", _pair(b'{"prompt": "a", "completion": "b", "prompt": "c"}')),
    BadInput("duplicate key inside", "a.jsonl", _pair(b'{"prompt": "a", "completion": "b", "meta": {"n": 1, "n": 2}}')),
    BadInput("deep nesting", "a.jsonl", _pair(b'{"prompt": ' + b"[" * 100_000)),
    BadInput("number of 5,000 digits", "a.jsonl", _pair(b'{"prompt": ' + b"9" * 5000 + b"}")),
    BadInput("control token in a prompt", "a.jsonl", _pair({"prompt": "a<|im_end|>", "completion": "b"})),
    BadInput("unknown role", "a.jsonl", _chat(USER, _turn("narrator", "Hello"))),
    BadInput("role with control characters", "a.jsonl", _chat(USER, _turn("\u202e\x1b[31mbot", "Hello"))),
    BadInput("null role", "a.jsonl", _chat(USER, _turn(None, "Hello"))),
    BadInput("missing role", "a.jsonl", _chat({"content": "Hi"}, ASSISTANT)),
    BadInput("missing content", "a.jsonl", _chat(USER, {"role": "assistant"})),
    BadInput("null content", "a.jsonl", _chat(USER, _turn("assistant", None))),
    BadInput("number as content", "a.jsonl", _chat(USER, _turn("assistant", 7))),
    BadInput("nested list as content", "a.jsonl", _chat(USER, _turn("assistant", [["Hello"]]))),
    BadInput("picture as content", "a.jsonl", _chat(_turn("user", [{"type": "image_url"}]), ASSISTANT)),
    BadInput("two user turns", "a.jsonl", _chat(USER, USER, ASSISTANT)),
    BadInput("assistant first", "a.jsonl", _chat(ASSISTANT, USER, ASSISTANT)),
    BadInput("system in the middle", "a.jsonl", _chat(USER, ASSISTANT, _turn("system", "Be terse."), USER, ASSISTANT)),
    BadInput("tool before any call", "a.jsonl", _chat(USER, _turn("tool", "3"), ASSISTANT)),
    BadInput("user turn last", "a.jsonl", _chat(USER, ASSISTANT, USER)),
    BadInput("no turns", "a.jsonl", _chat()),
    BadInput("text for turns", "a.jsonl", _after(GOOD_CHAT, {"messages": "Hi"})),
    BadInput("null for turns", "a.jsonl", _after(GOOD_CHAT, {"messages": None})),
    BadInput("nested list of turns", "a.jsonl", _chat([USER, ASSISTANT])),
    BadInput("text for a turn", "a.jsonl", _chat("Hi", "Hello")),
    BadInput("turn that is not to be trained", "a.jsonl", _chat(USER, _turn("assistant", "Hello", weight=0))),
    BadInput("tool arguments that are no object", "a.jsonl", _chat(USER, _call("{"))),
    BadInput("control token in a tool result", "a.jsonl", _chat(USER, _call({}), RESULT, ASSISTANT)),
    BadInput("tools that are no list", "a.jsonl", _after(GOOD_CHAT, {"messages": [USER, ASSISTANT], "tools": "none"})),
    BadInput("number as system prompt", "a.jsonl", _after(GOOD_CHAT, {"messages": [USER, ASSISTANT], "system": 3})),
    BadInput(
        "unknown speaker",
        "a.jsonl",
        _after(GOOD_SHAREGPT, {"conversations": MOSS}),
    ),
    BadInput("number as input", "a.jsonl", _after(GOOD_ALPACA, {"instruction": "Add.", "input": 11, "output": "2"})),
    BadInput("document with Latin-1", "a.txt", "Fees\nGebühr\nCards\n".encode("latin-1")),
    BadInput("element that is no row", "a.json", b"[" + GOOD_PAIR + b', "Which fee?",\n' + GOOD_PAIR + b"]"),
    BadInput(
        "duplicate key in a list",
        "a.json",
        b"[" + GOOD_PAIR + b', {"prompt": 1, "prompt": 2},\n' + GOOD_PAIR + b"]",
    ),
    BadInput("cell missing", "a.csv", b"question,answer\na,b\nc\nd,e\n"),
    BadInput("cell too many", "a.csv", b"question,answer\na,b\nc,d,e\nf,g\n"),
    BadInput("text behind a quote", "a.csv", b'question,answer\na,b\n"c" d,e\nf,g\n'),
    BadInput("Latin-1 in a cell", "a.csv", 'question,answer\na,b\n"c\nd",Gebühr\nf,g\n'.encode("latin-1")),
    BadInput("null in a column", "a.parquet", _parquet([{"question": "a", "answer": "b"}, {"question": "c"}])),
]

BAD_FILES = [
    BadInput("empty file", "a.jsonl", b""),
    BadInput("blank lines only", "a.jsonl", b"\n  \n\t\r\n"),
    BadInput("byte-order mark only", "a.jsonl", b"\xef\xbb\xbf"),
    BadInput("empty list", "a.json", b" [ ]\n"),
    BadInput("Latin-1 in the header", "a.csv", "question,answer,Gebühr\na,b,c\n".encode("latin-1")),
    BadInput("header only", "a.csv", b"question,answer\n"),
    BadInput("empty gzip", "a.jsonl.gz", gzip.compress(b"")),
    BadInput("truncated gzip", "a.jsonl.gz", gzip.compress(GOOD_PAIR * 3)[:-9]),
    BadInput("damaged gzip", "a.jsonl.gz", gzip.compress(GOOD_PAIR * 3)[:-8] + b"damaged!"),
    BadInput("UTF-16", "a.jsonl", GOOD_PAIR.decode().encode("utf-16")),
    BadInput("UTF-32", "a.jsonl", GOOD_PAIR.decode().encode("utf-32")),
    BadInput("unclosed quote", "a.csv", b'question,answer\na,b\n"c,d\ne,f\n'),
    BadInput("column named twice", "a.csv", b"question,answer,answer\na,b,c\n"),
    BadInput("semicolons", "a.csv", b"question;answer\na;b\n"),
    BadInput("truncated list", "a.json", b"[" + GOOD_PAIR + b"," + GOOD_PAIR),
    BadInput("malformed row in a list", "a.json", b"[" + GOOD_PAIR + b',\n{"prompt": a},\n' + GOOD_PAIR + b"]"),
    BadInput("object instead of a list", "a.json", b'{"data": [' + GOOD_PAIR + b"]}"),
    BadInput("text behind the list", "a.json", b"[" + GOOD_PAIR + b"] ]"),
    BadInput("Latin-1 in a list", "a.json", '[{"prompt": "Gebühr"}]'.encode("latin-1")),
    BadInput("text as Parquet", "a.parquet", GOOD_PAIR),
    BadInput("numbers in a column", "a.parquet", _parquet([{"question": "a", "answer": 3}])),
    BadInput("half the rows bad", "a.jsonl", b"{}\n" * 12 + GOOD_PAIR * 13 + b"a\n" * 2),
    BadInput("columns of no format", "a.jsonl", b'{"subject": "a", "body": "b"}\n'),
    BadInput(
        "columns of two formats",
        "a.jsonl",
        b'{"prompt": "a", "completion": "b", "question": "c", "answer": "d"}\n',
    ),
]
