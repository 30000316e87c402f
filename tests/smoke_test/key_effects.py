"""What each key of the `smoke_test` section changes in what is trained, scored or answered."""

import random
from pathlib import Path
from typing import Any

from sftctl.data.conversation import read_conversations
from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.demo import paths
from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.run_dir import RunDir
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.smoke_test.questions import Rows, questions_of
from sftctl.smoke_test.snapshot import Snapshot, take_snapshot
from sftctl.smoke_test.stage import examine
from sftctl.tokenization.config import DataConfig
from sftctl.train.assembly import TrainingSections
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import read_inputs
from tests.jsonl import to_jsonl
from tests.key_effect import KeyEffect

_MODEL, _DATA = ModelConfig(path="builtin:tiny", method="full", device="cpu"), DataConfig()
_SHORT = {"answers": 1, "max_new_tokens": 4, "probe_rows": 4, "held_out_rows": 4}


def _train(folder: Path) -> TrainConfig:
    rows = ingest([Source(name="desk", path=paths.resolve("builtin:demo/domain.jsonl"))]).conversations
    (folder / "held_out.jsonl").write_text(to_jsonl(rows[:8]))
    (folder / "train.jsonl").write_text(to_jsonl(rows[8:40]))
    return TrainConfig(rows=folder / "train.jsonl", held_out=folder / "held_out.jsonl", batch_size=4)


def _rows(train: TrainConfig, folder: Path) -> Rows:
    inputs = read_inputs(train, _MODEL, DataConfig(max_dropped_fraction=0.9), RunDir(folder))
    files = [path for path in (train.rows, train.held_out) if path is not None]
    return Rows(inputs, {row.id: row for path in files for row in read_conversations(path)})


def _steps(**options: Any) -> int:
    folder = options.pop("folder")
    train = _train(folder)
    config = SmokeTestConfig(**_SHORT | options)
    return examine(config, TrainingSections(train, _MODEL, 17), _DATA, _rows(train, folder), RunDir(folder)).steps


def _failed(*, stand_in: bool, folder: Path) -> list[str]:
    train = _train(folder)
    config = SmokeTestConfig(**_SHORT, steps=4, stand_in=stand_in)
    result = examine(config, TrainingSections(train, _MODEL, 17), _DATA, _rows(train, folder), RunDir(folder))
    return [check.name for check in result.failed]


def _snapshot(folder: Path, **options: Any) -> Snapshot:
    rows = _rows(_train(folder), folder)
    questions = questions_of(SmokeTestConfig(**_SHORT | options), _MODEL, _DATA, rows, random.Random(1))
    return take_snapshot(load_model(_MODEL), rows.inputs.prepared, questions)


KEY_EFFECTS = [
    KeyEffect("smoke_test.stand_in", False, True, lambda value, folder: _failed(stand_in=value, folder=folder)),
    KeyEffect("smoke_test.steps", 4, 5, lambda value, folder: _steps(steps=value, folder=folder)),
    KeyEffect(
        "smoke_test.time_limit_minutes",
        5.0,
        1e-6,
        lambda value, folder: _steps(steps=4, time_limit_minutes=value, folder=folder),
    ),
    KeyEffect("smoke_test.probe_rows", 4, 6, lambda value, folder: len(_snapshot(folder, probe_rows=value).probe)),
    KeyEffect(
        "smoke_test.held_out_rows", 4, 6, lambda value, folder: len(_snapshot(folder, held_out_rows=value).held_out)
    ),
    KeyEffect("smoke_test.answers", 1, 2, lambda value, folder: len(_snapshot(folder, answers=value).answers)),
    KeyEffect(
        "smoke_test.max_new_tokens",
        1,
        3,
        lambda value, folder: len(_snapshot(folder, max_new_tokens=value).answers[0].token_ids),
    ),
]
