"""The demo's desk as files that train reads, and one call that examines a recipe on them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sftctl.data.conversation import read_conversations
from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.demo import paths
from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.smoke_test.questions import Rows
from sftctl.smoke_test.stage import examine
from sftctl.tokenization.config import DataConfig
from sftctl.train.assembly import TrainingSections
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import read_inputs
from tests.jsonl import to_jsonl

SEED = 17
TRAINING_ROWS, HELD_OUT_ROWS = 480, 32

MODEL = ModelConfig(path="builtin:tiny", method="full", device="cpu")
DATA = DataConfig()
SHORT = SmokeTestConfig(steps=24, answers=4, held_out_rows=16, max_new_tokens=32)


@dataclass(frozen=True)
class Desk:
    training: Path
    held_out: Path


def conversations_of(name):
    return ingest([Source(name="desk", path=paths.resolve(name))]).conversations


@pytest.fixture(scope="session")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    held_out = [row for row in conversations_of("builtin:demo/held_out.jsonl") if row.role == "domain"][:HELD_OUT_ROWS]
    asked = {row.prompt for row in held_out}
    training = [row for row in conversations_of("builtin:demo/domain.jsonl") if row.prompt not in asked]
    (folder / "train.jsonl").write_text(to_jsonl(training[:TRAINING_ROWS]))
    (folder / "held_out.jsonl").write_text(to_jsonl(held_out))
    return Desk(folder / "train.jsonl", folder / "held_out.jsonl")


@dataclass(frozen=True)
class Trial:
    """A recipe that is healthy unless a test changes it."""

    train: TrainConfig
    model: ModelConfig = MODEL
    data: DataConfig = DATA
    smoke_test: SmokeTestConfig = SHORT

    def rows(self, run_dir: RunDir) -> Rows:
        inputs = read_inputs(self.train, self.model, self.data, run_dir)
        files = [self.train.rows, self.train.held_out]
        return Rows(inputs, {row.id: row for path in files if path for row in read_conversations(path)})

    def examined(self, folder: Path, rows: Rows | None = None):
        run_dir = RunDir(folder)
        recipe = TrainingSections(self.train, self.model, SEED)
        return examine(self.smoke_test, recipe, self.data, rows or self.rows(run_dir), run_dir)


@pytest.fixture
def trial(desk):
    return Trial(TrainConfig(rows=desk.training, held_out=desk.held_out, learning_rate=2e-3, epochs=4, batch_size=16))
