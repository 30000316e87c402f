"""What each key of a source changes in what is read from it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from tests.key_effect import KeyEffect

TWO_WAYS = {"prompt": "Which fee?", "completion": "None.", "question": "Which card?", "answer": "Blue."}


def _read(folder: Path, **options: Any) -> list[tuple[Any, ...]]:
    (folder / "rows.jsonl").write_text(json.dumps(TWO_WAYS) + "\n")
    (folder / "others.jsonl").write_text(json.dumps({"question": "Which bank?", "answer": "Ours."}) + "\n")
    source = {"name": "domain", "path": "rows.jsonl", "format": "pair"} | options
    read = ingest([Source(**source | {"path": str(folder / source["path"])})])
    return [(row.source, row.role, row.messages) for row in read.conversations]


def _read_by_type(file_type: Any, folder: Path) -> list[tuple[Any, ...]]:
    (folder / "rows").write_text('{"text": "Fees"}\n')
    read = ingest([Source(name="domain", path=str(folder / "rows"), file_type=file_type)])
    return [row.messages for row in read.conversations]


def _asked_of_the_hub(key: str) -> Callable[[Any, Path], Any]:
    """The call that would fetch the rows."""

    def observe(value: Any, folder: Path) -> Any:
        with mock.patch("sftctl.data.read_hub.datasets.load_dataset", return_value=[TWO_WAYS]) as load_dataset:
            ingest([Source(**{"name": "domain", "path": "org/fees", "format": "pair", key: value})])
        return load_dataset.call_args

    return observe


def _read_with(key: str) -> Callable[[Any, Path], Any]:
    return lambda value, folder: _read(folder, **{key: value})


KEY_EFFECTS = [
    KeyEffect("curate.sources.name", "domain", "fees", _read_with("name")),
    KeyEffect("curate.sources.path", "rows.jsonl", "others.jsonl", _read_with("path")),
    KeyEffect("curate.sources.role", "domain", "general", _read_with("role")),
    KeyEffect("curate.sources.format", "pair", "prompt_completion", _read_with("format")),
    KeyEffect("curate.sources.fields", {}, {"prompt": "answer", "response": "question"}, _read_with("fields")),
    KeyEffect("curate.sources.file_type", "jsonl", "txt", _read_by_type),
    KeyEffect("curate.sources.split", "train", "test", _asked_of_the_hub("split")),
    KeyEffect("curate.sources.subset", None, "german", _asked_of_the_hub("subset")),
    KeyEffect("curate.sources.revision", "main", "v2", _asked_of_the_hub("revision")),
]
