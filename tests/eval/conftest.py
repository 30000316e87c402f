"""The built-in model, a copy of it that was really trained for some steps, and small files to measure them on."""

import json
from pathlib import Path

import pytest
import torch

from sftctl.data.conversation import read_conversations
from sftctl.demo import paths
from sftctl.eval.config import EvalConfig
from sftctl.eval.stage import evaluate
from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.model.settings import generation_stop_ids
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset
from sftctl.tokenization.prepare import prepare_tokenizer

MODEL = ModelConfig(path=paths.MODEL, device="cpu")
DATA = DataConfig()
TRAINED_STEPS = 12


@pytest.fixture(scope="session")
def prepared():
    return prepare_tokenizer(load_tokenizer(MODEL), DATA, generation_stop_ids=generation_stop_ids(MODEL))


@pytest.fixture(scope="session")
def tiny():
    return load_model(MODEL)


@pytest.fixture(scope="session")
def tuned_folder(tmp_path_factory, prepared) -> Path:
    """The built-in model after 12 steps on rows of the desk."""
    model = load_model(MODEL, training=True)
    rows = [row for row in read_conversations(paths.data_folder() / "held_out.jsonl") if row.role == "domain"]
    encoded = encode_dataset(rows[100:164], prepared, DATA).rows
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    model.train()
    torch.manual_seed(0)
    for step in range(TRAINED_STEPS):
        batch = [encoded[(step * 8 + i) % len(encoded)] for i in range(8)]
        loss = sum(
            model(input_ids=torch.tensor([row.input_ids]), labels=torch.tensor([row.labels])).loss for row in batch
        )
        (loss / len(batch)).backward()
        optimizer.step()
        optimizer.zero_grad()
    folder = tmp_path_factory.mktemp("tuned")
    model.save_pretrained(folder)
    prepared.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def held_out(tmp_path) -> Path:
    """24 desk rows and 8 general ones, in the form of held_out.jsonl."""
    rows = list(read_conversations(paths.data_folder() / "held_out.jsonl"))
    chosen = [row for row in rows if row.role == "domain"][:24] + [row for row in rows if row.role == "general"][:8]
    path = tmp_path / "held_out.jsonl"
    path.write_text("".join(json.dumps(row.to_json()) + "\n" for row in chosen), encoding="utf-8")
    return path


@pytest.fixture
def choices(tmp_path) -> Path:
    """The first 20 built-in multiple-choice items."""
    lines = (paths.data_folder() / "choices.jsonl").read_text(encoding="utf-8").splitlines()[:20]
    path = tmp_path / "choices.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run_eval(options: dict, run_dir: Path, *, votes: Path | None = None):
    """Evaluate with short answers and no sampling unless asked for."""
    config = EvalConfig.model_validate({"max_new_tokens": 16, "best_of": 1, "prompts": 8, **options})
    return evaluate(config, MODEL, DATA, RunDir(run_dir), 17, votes=votes)
