"""Forecast against actual over ten recipes: `OMP_NUM_THREADS=1 python -m tests.smoke_test.forecast_accuracy FOLDER`.

Each recipe is smoke-tested and then trained, each in a forked process. Clocks count CPU seconds of the process, so
that other work on the machine does not tell; wall seconds are printed beside them. Not a test: it takes ten minutes.
"""

import contextlib
import json
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sftctl.data.conversation import Conversation
from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.demo import paths
from sftctl.errors import GateFailed
from sftctl.model.config import ModelConfig
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.smoke_test.stage import smoke_test
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.stage import train
from tests.jsonl import to_jsonl


@dataclass(frozen=True)
class Case:
    """`turns` joins that many rows into one conversation; the random models have 60, 90 and 115 million parameters."""

    name: str
    model: str
    method: str
    packing: bool
    batch_size: int
    turns: int
    rows: int
    epochs: float
    steps: int
    learning_rate: float = 2e-3


CASES = (
    Case("tiny full packed short", "tiny", "full", True, 16, 1, 480, 2, 24),
    Case("tiny full padded short", "tiny", "full", False, 16, 1, 480, 2, 24),
    Case("60M lora padded short", "60M", "lora", False, 4, 1, 48, 1, 8, 1e-3),
    Case("tiny lora packed short", "tiny", "lora", True, 16, 1, 480, 2, 24, 5e-3),
    Case("60M full packed short", "60M", "full", True, 4, 1, 48, 1, 8, 1e-4),
    Case("tiny full packed long", "tiny", "full", True, 8, 6, 96, 3, 16),
    Case("115M full packed short", "115M", "full", True, 4, 1, 40, 1, 8, 1e-4),
    Case("tiny lora padded long", "tiny", "lora", False, 8, 6, 96, 3, 16, 5e-3),
    Case("90M lora packed long", "90M", "lora", True, 2, 4, 20, 1, 6, 1e-3),
    Case("90M full padded long", "90M", "full", False, 2, 4, 20, 1, 6, 1e-4),
)

_SHAPES = {"60M": (640, 2560, 9), "90M": (768, 3072, 9), "115M": (768, 3072, 12)}


def main() -> None:
    folder = Path(sys.argv[1])
    for case in CASES:
        for stage in ("smoke-test", "train"):
            child = os.fork()
            if child == 0:
                _run(case, stage, folder)
                sys.stdout.flush()
                os._exit(0)
            os.waitpid(child, 0)
        print(_line(case, folder), flush=True)


def _line(case: Case, folder: Path) -> str:
    run = folder / case.name.replace(" ", "-")
    expected = json.loads((run / "smoke_test" / "smoke_test.json").read_text())["forecast"]
    actual = json.loads((run / "logs" / "train.json").read_text())
    wall = json.loads((run / "wall.json").read_text())
    seconds = expected["seconds"] / actual["seconds"] - 1
    memory = expected["peak_memory_bytes"] / actual["peak_memory_bytes"] - 1
    return (
        f"| {case.name} | {expected['seconds']:.1f} | {actual['seconds']:.1f} | {seconds:+.0%} "
        f"| {expected['peak_memory_bytes'] / 2**20:.0f} | {actual['peak_memory_bytes'] / 2**20:.0f} | {memory:+.0%} "
        f"| {wall['train']:.0f} |"
    )


def _run(case: Case, stage: str, folder: Path) -> None:
    began = time.monotonic()
    time.perf_counter = time.process_time
    run = folder / case.name.replace(" ", "-")
    section, model = _recipe(case, run, folder)
    data = DataConfig(max_dropped_fraction=0.5)
    if stage == "smoke-test":
        config = SmokeTestConfig(steps=case.steps, answers=2, max_new_tokens=16, held_out_rows=8, probe_rows=4)
        with contextlib.suppress(GateFailed):  # a random model may fail a check in six steps; its forecast counts
            smoke_test(config, section, model, data, RunDir(run), 17)
    else:
        train(section, model, data, RunDir(run), 17, overwrite=True)
    wall = run / "wall.json"
    seconds = json.loads(wall.read_text()) if wall.exists() else {}
    wall.write_text(json.dumps(seconds | {stage: time.monotonic() - began}))


def _recipe(case, run: Path, folder: Path):

    run.mkdir(parents=True, exist_ok=True)
    _write_rows(case, run)
    path = "builtin:tiny" if case.model == "tiny" else str(_random_model(case.model, folder))
    section = TrainConfig(
        rows=run / "rows.jsonl",
        held_out=run / "held_out.jsonl",
        learning_rate=case.learning_rate,
        epochs=case.epochs,
        batch_size=case.batch_size,
        packing=case.packing,
        evaluations_per_epoch=1,
        checkpoints_per_epoch=1,
    )
    return section, ModelConfig(path=path, method=case.method, device="cpu")


def _write_rows(case, run: Path) -> None:

    rows = ingest([Source(name="desk", path=paths.resolve("builtin:demo/domain.jsonl"))]).conversations
    groups = [rows[i : i + case.turns] for i in range(0, len(rows) - case.turns + 1, case.turns)]
    joined = [
        Conversation(group[0].id, tuple(message for row in group for message in row.messages), "desk")
        for group in groups
    ]
    joined = joined * -(-(case.rows + 16) // len(joined))
    unique = [Conversation(f"{row.id}-{i}", row.messages, row.source) for i, row in enumerate(joined)]
    (run / "rows.jsonl").write_text(to_jsonl(unique[: case.rows]))
    (run / "held_out.jsonl").write_text(to_jsonl(unique[case.rows : case.rows + 16]))


def _random_model(name: str, folder: Path) -> Path:

    path = folder / name
    if path.exists():
        return path
    torch.manual_seed(0)
    tokenizer = load_tokenizer(ModelConfig(path="builtin:tiny"))
    hidden, intermediate, layers = _SHAPES[name]
    settings = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=hidden // 64,
        num_key_value_heads=hidden // 64,
        max_position_embeddings=2048,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    LlamaForCausalLM(settings).save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


if __name__ == "__main__":
    main()
