"""The rows of a run, read and tokenised."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sftctl.data.conversation import Conversation, read_conversations
from sftctl.data.ingest import ingest_file
from sftctl.errors import DataUnusable
from sftctl.model.config import ModelConfig
from sftctl.model.device import training_device
from sftctl.model.settings import context_length, generation_stop_ids
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir
from sftctl.tokenization.compact import counted_tokens_of
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import EncodedDataset, encode_dataset
from sftctl.tokenization.prepare import Prepared, prepare_tokenizer
from sftctl.tokenization.rows import EncodedRow
from sftctl.train.config import TrainConfig
from sftctl.train.row_files import row_files


@dataclass(frozen=True)
class Inputs:
    """Tokenised rows, and the tokenizer that made them."""

    prepared: Prepared
    training: EncodedDataset
    held_out: list[EncodedRow]
    hashes: dict[str, str]

    @property
    def rows(self) -> Sequence[EncodedRow]:
        return self.training.rows


def read_inputs(config: TrainConfig, model: ModelConfig, data: DataConfig, run_dir: RunDir) -> Inputs:
    """Read, tokenise and mask both sets of rows."""
    training_device(model)  # a GPU that is asked for and not there ends the run before anything is read
    files = row_files(config, run_dir)
    held_out = None if files.held_out is None else _conversations(files.held_out, "held-out")
    return encode_inputs(model, data, _conversations(files.training, "rows"), held_out, files.hashes())


def _conversations(path: Path, name: str) -> Iterable[Conversation]:
    """Rows that sftctl wrote, one by one as they are; any other file as a source of the recipe would be read."""
    if _written_by_sftctl(path):
        return read_conversations(path)
    return ingest_file(str(path), name)


def _written_by_sftctl(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8") as file:
            first = json.loads(file.readline())
    except ValueError:
        return False
    return isinstance(first, dict) and {"id", "messages", "source", "role"} <= first.keys()


def encode_inputs(
    model: ModelConfig,
    data: DataConfig,
    training: Iterable[Conversation],
    held_out: Iterable[Conversation] | None,
    hashes: dict[str, str],
) -> Inputs:
    """Tokenise and mask; raises DataUnusable where nothing is left to train on."""
    prepared = prepare_tokenizer(load_tokenizer(model), data, generation_stop_ids=generation_stop_ids(model))
    limit = context_length(model)
    encoded = encode_dataset(training, prepared, data, model_max_length=limit, what="training rows")
    if not encoded.rows:
        raise DataUnusable("no training row is left after tokenising. Look at the curate report for the reasons.")
    empty = [place for place, count in enumerate(counted_tokens_of(encoded.rows)) if not count]
    if empty:
        first = encoded.rows[empty[0]].id
        raise DataUnusable(f"{len(empty)} rows have no token to train on, such as {first}. Remove them.")
    # Not cut to the longest training row: eval will measure these rows whole, too.
    watched = (
        encode_dataset(held_out, prepared, data, model_max_length=limit, what="held-out rows").rows if held_out else []
    )
    return Inputs(prepared, encoded, list(watched), hashes)
