"""Rows for the tests of curation."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerFast

from sftctl.curate.config import CurateConfig
from sftctl.curate.result import CurateResult
from sftctl.curate.stage import curate
from sftctl.data.conversation import Conversation
from sftctl.demo.paths import model_folder
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import Prepared, prepare_tokenizer


def conversation(prompt: str, response: str, row_id: str = "", **options: Any) -> Conversation:
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": response})
    return Conversation(row_id or f"{prompt}|{response}", messages, **{"source": "domain", **options})


class Losses:
    """Stands for a model: a loss by rule, and what it was asked for, call by call."""

    def __init__(self, of: Callable[[Conversation], float], identity: str = "a model") -> None:
        self.of = of
        self.identity = identity
        self.asked: list[list[Conversation]] = []

    def __call__(self, rows: Sequence[Conversation], /) -> list[float]:
        self.asked.append(list(rows))
        return [self.of(row) for row in rows]


@lru_cache(maxsize=1)
def tiny_tokenizer() -> Prepared:
    return prepare_tokenizer(PreTrainedTokenizerFast.from_pretrained(model_folder()), DataConfig())


def write_rows(path: Path, rows: Iterable[tuple[str, str]]) -> Path:
    lines = [json.dumps({"prompt": prompt, "completion": response}) for prompt, response in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_curate(folder: Path, *, seed: int = 17, run: str = "run", score: Any = None, **section: Any) -> CurateResult:
    """Curates `folder`/rows.jsonl, or the sources that are given."""
    section.setdefault("sources", [{"name": "domain", "path": str(folder / "rows.jsonl")}])
    config = CurateConfig(**section)
    return curate(config, tiny_tokenizer(), RunDir(folder / run), seed, score=score)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def made_up_rows(count: int) -> list[tuple[str, str]]:
    """Distinct questions of nine words and their answers."""
    things = ["card", "loan", "account", "transfer", "mortgage", "deposit", "cheque", "invoice", "refund", "limit"]
    places = ["Aston", "Bexley", "Camden", "Derby", "Epsom", "Fulham", "Gower", "Hull", "Ilford", "Jarrow", "Kendal"]
    rows = []
    for n in range(count):
        thing, place = things[n % 10], places[n % 11]
        rows.append(
            (f"How is {thing} number {n} of {place} branch paid?", f"{place} pays {thing} {n} on day {n % 28}.")
        )
    return rows
