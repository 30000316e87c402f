"""Every row read is a conversation, rejected or blank; ids are stable; too many bad rows end the command."""

import gzip
import json

import pytest

from sftctl.data.control_tokens import ControlTokens
from sftctl.data.conversation import Conversation
from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.errors import DataUnusable

FEE = {"prompt": "Which fee?", "completion": "None."}
CARD = {"prompt": "Which card?", "completion": "Blue."}


def write(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return Source(name=path.stem, path=str(path))


def test_every_row_is_a_conversation_rejected_or_blank(tmp_path):
    source = write(tmp_path / "a.jsonl", FEE, "", CARD, "{", FEE, {"prompt": "x", "completion": 1}, " \t")
    read = ingest([source], max_bad_fraction=0.4)
    assert (len(read.conversations), len(read.rejected), len(read.blank), read.rows_read) == (3, 2, 2, 7)
    ids = [row.id for row in (*read.conversations, *read.rejected, *read.blank)]
    assert len(set(ids)) == 7
    assert [read.places[row.id].line for row in read.conversations] == [1, 3, 5]
    assert [row.id for row in read.blank] == [f"{source.path}:2", f"{source.path}:7"]


def test_an_unreadable_line_has_the_id_file_and_line(tmp_path):
    source = write(tmp_path / "a.jsonl", FEE, "{", CARD)
    assert ingest([source], max_bad_fraction=0.5).rejected[0].id == f"{source.path}:2"


def test_ids_depend_on_source_and_content_alone(tmp_path):
    one = ingest([write(tmp_path / "a.jsonl", FEE, CARD, FEE | {"n": 1}, FEE)]).conversations
    other = ingest([write(tmp_path / "a.jsonl", CARD, "", FEE)]).conversations
    renamed = ingest([write(tmp_path / "b.jsonl", FEE)]).conversations
    # printf 'a\\0user:10:Which fee?assistant:5:None.' | sha256sum | cut -c1-16
    assert [row.id for row in one] == [
        "62c13b554ad8ffe8",
        "1906c04641a08a9e",
        "62c13b554ad8ffe8#2",
        "62c13b554ad8ffe8#3",
    ]
    assert [row.id for row in other] == [one[1].id, one[0].id]
    assert renamed[0].id != one[0].id


def test_equal_bad_rows_have_different_ids(tmp_path):
    bad = {"prompt": "x", "completion": None}
    rejected = ingest([write(tmp_path / "a.jsonl", FEE, bad, bad)], max_bad_fraction=0.7).rejected
    assert rejected[1].id == f"{rejected[0].id}#2"


def test_conversations_come_back_from_their_own_files(tmp_path):
    turns = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "reasoning_content": "Greet."},
    ]
    row = {"messages": turns, "tools": [{"name": "balance"}], "tags": ["fees"], "n": 1}
    read = ingest([write(tmp_path / "a.jsonl", row)]).conversations[0]
    assert Conversation.from_json(json.loads(json.dumps(read.to_json()))) == read


def test_sources_keep_their_names_roles_and_order(tmp_path):
    first, second = write(tmp_path / "a.jsonl", FEE), write(tmp_path / "b.jsonl", CARD)
    read = ingest([first, second.model_copy(update={"role": "general"})])
    assert [(row.source, row.role) for row in read.conversations] == [("a", "domain"), ("b", "general")]
    assert [found.source for found in read.detected] == ["a", "b"]


def test_bad_rows_up_to_the_fraction_go_on_and_one_more_ends_the_command(tmp_path):
    good = [FEE] * 98
    assert len(ingest([write(tmp_path / "a.jsonl", *good, "{")], max_bad_fraction=0.0102).rejected) == 1
    with pytest.raises(DataUnusable, match=r"2 of 100 rows cannot be used; curate.max_bad_fraction allows 1 %") as told:
        ingest([write(tmp_path / "a.jsonl", *good, "{", "{")], max_bad_fraction=0.01)
    assert str(told.value).endswith(
        "Correct these rows, or, to go on without them, set curate.max_bad_fraction to at least 0.02"
    )


def test_the_share_that_is_named_passes(tmp_path):
    source = write(tmp_path / "a.jsonl", *[FEE] * 71, *["{"] * 29)
    with pytest.raises(DataUnusable, match=r"set curate.max_bad_fraction to at least 0.29$"):
        ingest([source], max_bad_fraction=0.28)
    assert len(ingest([source], max_bad_fraction=0.29).rejected) == 29


def test_a_file_that_no_source_of_the_recipe_names_is_told_of_no_key_that_would_not_help(tmp_path):
    with pytest.raises(
        DataUnusable, match=r"1 of 2 rows cannot be used; at most 1 % may be bad.*(?s:.*)Correct these rows$"
    ):
        ingest([write(tmp_path / "a.jsonl", FEE, "{")])


def test_a_small_bad_source_is_not_hidden_by_a_large_good_one(tmp_path):
    sources = [write(tmp_path / "large.jsonl", *[FEE] * 1000), write(tmp_path / "small.jsonl", CARD, "{", CARD)]
    with pytest.raises(DataUnusable, match=r"source small .*: 1 of 3 rows cannot be used"):
        ingest(sources)


def test_a_torn_archive_ends_the_command_whatever_is_allowed(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(FEE) + "\n").encode() * 2000)[:-20])
    with pytest.raises(DataUnusable, match=r"its rows cannot be read to the end.\n.*truncated_gzip"):
        ingest([Source(name="a", path=str(path))], max_bad_fraction=1)


def test_a_torn_archive_is_told_before_a_column_that_its_lost_rows_may_have(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress((json.dumps(FEE) + "\n").encode() * 2000)[:-20])
    fields = {"system": "persona"}
    with pytest.raises(DataUnusable, match=r"its rows cannot be read to the end"):
        ingest([Source(name="a", path=str(path), format="prompt_completion", fields=fields)])


@pytest.mark.parametrize(
    ("messages", "rejected"),
    [
        ([("user", "a <|im_start|> b"), ("assistant", "c")], 1),
        ([("system", "<|im_start|>"), ("user", "b"), ("assistant", "c")], 1),
        ([("user", "a"), ("assistant", "b <|im_start|>")], 0),
        ([("user", "a"), ("assistant", "<|im_start|>"), ("user", "c"), ("assistant", "d")], 0),
        ([("user", "a <s> </s> <|im start|> b"), ("assistant", "c")], 0),
    ],
)
def test_control_tokens_are_refused_in_what_the_model_is_told(messages, rejected, tmp_path):
    turns = {"messages": [{"role": role, "content": content} for role, content in messages]}
    good = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    source = write(tmp_path / "a.jsonl", good, turns)
    assert len(ingest([source], max_bad_fraction=0.5).rejected) == rejected
    assert ingest([source], on_control_tokens="keep").rejected == []


def test_tokens_of_the_tokenizer_are_refused_beside_the_well_known(tmp_path):
    source = write(
        tmp_path / "a.jsonl",
        FEE,
        {"prompt": "a [END] b", "completion": "c"},
        {"prompt": "<|im_end|>", "completion": "c"},
    )
    read = ingest([source], control_tokens=("[E", "[END]"), max_bad_fraction=0.9)
    found = [row.message.split(" in ")[0] for row in read.rejected]
    assert found == ["the control token [END]", "the control token <|im_end|>"]


def test_of_tokens_that_begin_alike_the_longest_is_found():
    tokens = ControlTokens(["<|a", "<|a|>", "<|ab|>", "<|b|>", "[/INST]", "[INST]", "</s>", "<s>", ""])
    texts = ["x <|ab|>", "x <|a|> <|b|>", "<|a", "[INST [/INST]", "a < b [c] </s>", "<|c|> <S> [inst]", ""]
    assert [tokens.first_in(text) for text in texts] == ["<|ab|>", "<|a|>", "<|a", "[/INST]", "</s>", None, None]
    assert ControlTokens([]).first_in("<|im_start|>") is None


@pytest.mark.slow
def test_every_supervised_file_of_the_data_folder_is_read_whole(test_data):
    expected = {
        "alpaca_eval_answers": ("alpaca", ("instruction", "output"), 24_146),
        "codealpaca_new": ("alpaca", ("instruction", "input", "output"), 4_535),
        "gpteacher_codegen": ("alpaca", ("instruction", "input", "response"), 4_535),
        "gsm8k_train": ("pair", ("question", "answer"), 7_473),
        "gsm8k_test": ("pair", ("question", "answer"), 1_319),
        "t0": ("prompt_completion", ("prompt", "completion"), 48_410),
    }
    sources = [Source(name=name, path=str(test_data / "data" / "sft" / f"{name}.jsonl.gz")) for name in expected]
    read = ingest(sources)
    assert {found.source: (found.format, found.columns) for found in read.detected} == {
        name: (format_name, columns) for name, (format_name, columns, _) in expected.items()
    }
    counts = {name: sum(row.source == name for row in read.conversations) for name in expected}
    assert counts == {name: rows for name, (*_, rows) in expected.items()}
    assert (read.rejected, read.blank, read.rows_read) == ([], [], sum(counts.values()))
