"""Each format's rows become exactly these messages; what is no part of them is kept."""

import json

import pytest

from sftctl.data.detect import readings
from sftctl.data.formats import Format, FormatName, make_format
from sftctl.data.ingest import ingest
from sftctl.data.source import Source

USER, ASSISTANT = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be kind."}
TOOL = {"type": "function", "function": {"name": "balance", "parameters": {}}}


def call(arguments):
    return {"id": "c1", "type": "function", "function": {"name": "balance", "arguments": arguments}}


def only_row(tmp_path, row, **source):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    read = ingest([Source(name="a", path=str(path), **source)])
    assert (read.rows_read, read.rejected, read.blank) == (1, [], [])
    return read.conversations[0]


@pytest.mark.parametrize(
    ("row", "messages"),
    [
        ({"messages": [USER, ASSISTANT]}, (USER, ASSISTANT)),
        ({"conversations": [USER, ASSISTANT]}, (USER, ASSISTANT)),
        ({"messages": [{"role": "developer", "content": "Be kind."}, USER, ASSISTANT]}, (SYSTEM, USER, ASSISTANT)),
        ({"system": "Be kind.", "messages": [USER, ASSISTANT]}, (SYSTEM, USER, ASSISTANT)),
        ({"system": "", "messages": [USER, ASSISTANT]}, (USER, ASSISTANT)),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
                    ASSISTANT,
                ]
            },
            (USER, ASSISTANT),
        ),
        (
            {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]},
            (USER, ASSISTANT),
        ),
        (
            {
                "messages": [
                    {"from": "system", "value": "Be kind."},
                    {"from": "user", "value": "Hi"},
                    {"from": "model", "value": "Hello"},
                ]
            },
            (SYSTEM, USER, ASSISTANT),
        ),
        ({"instruction": "Hi", "output": "Hello"}, (USER, ASSISTANT)),
        ({"instruction": "Hi", "input": "", "output": "Hello"}, (USER, ASSISTANT)),
        ({"instruction": "Hi", "input": None, "response": "Hello"}, (USER, ASSISTANT)),
        (
            {"instruction": "Add.", "input": "1 1", "output": "2"},
            ({"role": "user", "content": "Add.\n\n1 1"}, {"role": "assistant", "content": "2"}),
        ),
        ({"system": "Be kind.", "instruction": "Hi", "output": "Hello"}, (SYSTEM, USER, ASSISTANT)),
        ({"prompt": "Hi", "completion": "Hello"}, (USER, ASSISTANT)),
        ({"prompt": [SYSTEM, USER], "completion": [ASSISTANT]}, (SYSTEM, USER, ASSISTANT)),
        ({"prompt": [USER], "completion": "Hello"}, (USER, ASSISTANT)),
        ({"question": "Hi", "answer": "Hello"}, (USER, ASSISTANT)),
        ({"query": "Hi", "response": "Hello"}, (USER, ASSISTANT)),
        ({"prompt": "Hi", "response": "Hello"}, (USER, ASSISTANT)),
        ({"input": "Hi", "output": "Hello"}, (USER, ASSISTANT)),
        ({"text": "Hi\n"}, ({"role": "document", "content": "Hi\n"},)),
        ({"id": "7", "messages": [{"role": "document", "content": "Hi"}]}, ({"role": "document", "content": "Hi"},)),
    ],
)
def test_a_format_is_found_by_its_columns(row, messages, tmp_path):
    assert only_row(tmp_path, row).messages == messages


def test_any_two_columns_are_a_pair(tmp_path):
    row = {"ticket": "Hi", "reply": "Hello", "text": "Hi Hello"}
    conversation = only_row(tmp_path, row, fields={"prompt": "ticket", "response": "reply"})
    assert (conversation.messages, conversation.extra) == ((USER, ASSISTANT), {"text": "Hi Hello"})


def test_a_named_format_reads_other_columns(tmp_path):
    row = {"task": "Add.", "about": "1 1", "result": "2"}
    fields = {"instruction": "task", "input": "about", "output": "result"}
    conversation = only_row(tmp_path, row, format="alpaca", fields=fields)
    assert [message["content"] for message in conversation.messages] == ["Add.\n\n1 1", "2"]


def test_tool_calls_keep_their_turns_and_get_their_arguments_as_objects(tmp_path):
    turns = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call('{"card": 1}')], "name": None},
        {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "balance"},
        {"role": "assistant", "content": "Three.", "reasoning_content": "Look it up."},
    ]
    conversation = only_row(tmp_path, {"messages": turns, "tools": [TOOL]})
    assert conversation.messages == (
        USER,
        {"role": "assistant", "content": "", "tool_calls": [call({"card": 1})]},
        {"role": "tool", "content": "3", "tool_call_id": "c1", "name": "balance"},
        {"role": "assistant", "content": "Three.", "reasoning_content": "Look it up."},
    )
    assert conversation.tools == (TOOL,)


def test_tools_may_be_json_text(tmp_path):
    assert only_row(tmp_path, {"messages": [USER, ASSISTANT], "tools": json.dumps([TOOL])}).tools == (TOOL,)


def test_every_other_column_and_key_of_a_turn_is_kept(tmp_path):
    row = {"messages": [USER | {"at": "noon"}, ASSISTANT], "id": 7, "tags": ["fees", "cards"], "meta": {"n": None}}
    conversation = only_row(tmp_path, row)
    assert conversation.messages == (USER, ASSISTANT)
    assert conversation.tags == ("fees", "cards")
    assert conversation.extra == {"id": 7, "meta": {"n": None}, "messages[0].at": "noon"}


def test_tags_that_are_no_list_of_text_stay_a_column(tmp_path):
    conversation = only_row(tmp_path, {"question": "Hi", "answer": "Hello", "tags": "fees"})
    assert (conversation.tags, conversation.extra) == ((), {"tags": "fees"})


@pytest.mark.parametrize(
    ("row", "name", "columns"),
    [
        (
            {"instruction": "a", "input": "b", "output": "c", "text": "a b c"},
            "alpaca",
            ("instruction", "input", "output"),
        ),
        (
            {"instruction": "a", "input": "b", "output": "c", "response": "c"},
            "alpaca",
            ("instruction", "input", "output"),
        ),
        ({"prompt": "a", "prompt_id": "1", "messages": [USER, ASSISTANT]}, "messages", ("messages",)),
        ({"question": "Hi", "answer": "Hello", "messages": [USER, ASSISTANT]}, "messages", ("messages",)),
        ({"text": "a", "url": "b"}, "text", ("text",)),
    ],
)
def test_a_row_that_could_be_read_in_two_ways_is_read_by_the_wider_or_when_they_agree(
    row, name, columns, tmp_path, capsys
):
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n")
    read = ingest([Source(name="a", path=str(path))])
    assert [(found.format, found.columns) for found in read.detected] == [(name, columns)]
    named = f"column{'s' if len(columns) > 1 else ''} {', '.join(columns)}"
    assert f"a: read as {name} ({named})\n" in capsys.readouterr().err


def test_two_answers_that_differ_are_two_readings():
    row = {"instruction": "a", "input": "b", "output": "c", "response": "d"}
    assert [(one.type, one.output) for one in readings([row])] == [("alpaca", "output"), ("alpaca", "response")]


def test_a_row_without_a_field_does_not_hide_the_format():
    rows = [{"question": "a"}, {"question": "b", "answer": "c"}, {"question": "d", "answer": "e"}]
    assert [one.type for one in readings(rows)] == ["pair"]


def test_the_names_of_formats_are_the_formats():
    types = [model.model_fields["type"].default for model in Format.__args__]
    assert list(FormatName.__args__) == types == [make_format(name, {}).type for name in types]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"format": "alpaca", "fields": {"outptu": "a"}},
            "format alpaca has no field outptu; it has instruction, input, output, system",
        ),
        ({"fields": {"prompt": "a"}}, "fields: name response too, or set format"),
        ({"format": "sharegtp"}, "Input should be 'auto', 'messages', 'sharegpt'"),
        ({"name": "a b"}, "String should match pattern"),
        ({"name": "../a"}, "String should match pattern"),
        ({"share": 0}, "greater than 0"),
        ({"share": 1.1}, "less than or equal to 1"),
        ({"shares": 1}, "Extra inputs are not permitted"),
    ],
)
def test_a_source_that_cannot_be_meant_is_refused(options, message):
    with pytest.raises(ValueError, match="validation error") as refused:
        Source(**{"name": "a", "path": "b.jsonl"} | options)
    assert message in str(refused.value)
