"""Tokens/s, MFU and peak memory of training a 7B-shaped random model: ours, plain Trainer code, and a bare loop.

python -m tests.gpu.train_benchmark                     one A100, H100 or H200 (full fine-tuning needs 141 GB)
python -m tests.gpu.train_benchmark --shape small       a minute on any GPU or CPU: shows that the program runs
"""

import argparse
import gc
import itertools
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from sftctl.model import adapters
from sftctl.model.attention import register_varlen
from sftctl.model.collate import padded_batch
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.footprint import device_peak_flops
from sftctl.tokenization.rows import EncodedRow
from sftctl.train import planning
from sftctl.train.arguments import CHECKPOINTING
from sftctl.train.assembly import TrainingSections, assemble
from sftctl.train.conductor import Attempt
from sftctl.train.config import TrainConfig
from sftctl.train.metrics import MetricsLog
from sftctl.train.monitor import Progress
from sftctl.train.signals import StopRequest
from tests.train.rows import inputs_of

SHAPES = {
    "7b": {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "vocab_size": 32_000,
    },
    "small": {
        "hidden_size": 128,
        "intermediate_size": 344,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "vocab_size": 2_000,
    },
}
LEAST_VOCABULARY, MAX_LENGTH, BATCH, STEPS, WARM_UP = 2_000, 2048, 16, 6, 2


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    name: str
    method: str
    packing: bool
    checkpointing: bool


def synthetic_rows(count: int, longest: int) -> list[EncodedRow]:
    """Lengths like those of chat data: log-normal around 300 tokens; the second half of a row is trained."""
    rng = random.Random(5)
    rows = []
    for number in range(count):
        length = max(16, min(longest, round(rng.lognormvariate(5.7, 0.8))))
        ids = [rng.randrange(LEAST_VOCABULARY) for _ in range(length)]
        rows.append(EncodedRow(str(number), "made", "domain", ids, [-100] * (length // 2) + ids[length // 2 :]))
    return rows


def fresh_model(shape: str, device: torch.device, method: str, attention: str) -> Any:
    config = LlamaConfig(max_position_embeddings=MAX_LENGTH, attn_implementation=attention, **SHAPES[shape])
    dtype = torch.float32 if method == "full" or device.type == "cpu" else torch.bfloat16
    with device:
        torch.set_default_dtype(dtype)
        model = LlamaForCausalLM(config)
        torch.set_default_dtype(torch.float32)
    return model if method == "full" else adapters.attach(model, LoraConfig(r=16), base_path="")


def ours(case: Case, shape: str, device: torch.device, rows: list[EncodedRow]) -> Iterator[tuple[float, int]]:
    """Seconds and real tokens of each step."""
    attention = register_varlen() if case.packing else "sdpa"
    model = fresh_model(shape, device, case.method, attention)
    made = inputs_of(2, held_out=0, general=0)
    inputs = made.__class__(
        made.prepared, made.training.__class__(rows, [], made.training.facts, MAX_LENGTH, []), [], {}
    )
    config = TrainConfig(
        max_steps=STEPS, epochs=1000, batch_size=BATCH, packing=case.packing, checkpoints_per_epoch=0,
        gradient_checkpointing=case.checkpointing, micro_batch=4 if case.packing else 8,
    )  # fmt: skip
    section = ModelConfig(path="builtin:tiny", method=case.method, device=device.type)  # type: ignore[arg-type]
    recipe = TrainingSections(config, section, 17)
    plan = planning.make_plan(config, section, planning.scale_of(inputs, device, 1), seed=17, packing=case.packing)
    with tempfile.TemporaryDirectory() as folder:
        attempt = Attempt(Path(folder), lambda step, progress: None, MetricsLog(None), StopRequest(), Progress())
        assembled = assemble(recipe, inputs, model, plan, attempt)
        assembled.trainer.train()
    per_step = [
        sum(len(assembled.trainer.feed.rows[row].input_ids) for process in window for group in process for row in group)
        for window in itertools.chain.from_iterable(
            assembled.trainer.feed.batches_of(epoch).windows for epoch in range(1 + STEPS * BATCH // len(rows))
        )
    ]
    yield from zip(assembled.conductor.step_seconds, per_step, strict=False)


def plain_trainer(case: Case, shape: str, device: torch.device, rows: list[EncodedRow]) -> Iterator[tuple[float, int]]:
    """What a tutorial shows: transformers' Trainer on padded batches, and the model's own loss."""
    model = fresh_model(shape, device, case.method, "sdpa")
    if case.checkpointing and case.method != "full":
        model.enable_input_require_grads()
    tokens: list[int] = []

    def collate(batch: list[dict[str, EncodedRow]]) -> dict[str, torch.Tensor]:
        tokens.append(sum(len(item["row"].input_ids) for item in batch))
        return padded_batch([item["row"] for item in batch], 0)

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=8, gradient_accumulation_steps=BATCH // 8, max_steps=STEPS,
            bf16=device.type == "cuda", use_cpu=device.type == "cpu", report_to="none", save_strategy="no",
            logging_strategy="no", disable_tqdm=True, remove_unused_columns=False,
            **{CHECKPOINTING: case.checkpointing},
        )  # fmt: skip
        data = [{"row": row} for row in rows]
        trainer = Trainer(model, arguments, train_dataset=data, data_collator=collate)  # type: ignore[arg-type]
        trainer.remove_callback(PrinterCallback)
        clock = StepClock()
        trainer.add_callback(clock)
        trainer.train()
    per_step = [sum(tokens[first : first + BATCH // 8]) for first in range(0, len(tokens), BATCH // 8)]
    yield from zip(clock.seconds, per_step, strict=False)


class StepClock(TrainerCallback):  # type: ignore[misc]
    """Seconds of each optimizer step, the device's work included."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - self._began)


def bare_loop(case: Case, shape: str, device: torch.device, rows: list[EncodedRow]) -> Iterator[tuple[float, int]]:
    """PyTorch alone: padded batches, autocast, fused AdamW."""
    model = fresh_model(shape, device, case.method, "sdpa").train()
    if case.checkpointing:
        model.gradient_checkpointing_enable()
        model.enable_input_require_grads()
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-5, fused=True)
    for step in range(STEPS):
        began, tokens = time.perf_counter(), 0
        for half in range(2):
            chosen = [rows[(step * BATCH + half * 8 + i) % len(rows)] for i in range(8)]
            tokens += sum(len(row.input_ids) for row in chosen)
            batch = padded_batch(chosen, 0, device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = model(**batch).loss / 2
            loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()
        yield time.perf_counter() - began, tokens


def measure(name: str, run: Callable[[], Iterator[tuple[float, int]]], shape: str, device: torch.device) -> None:
    """One line; an out-of-memory error is a result too."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        steps = list(run())[WARM_UP:]
    except torch.OutOfMemoryError:
        print(f"{name:52} out of memory")
        return
    tokens_per_second = sum(tokens for _, tokens in steps) / sum(seconds for seconds, _ in steps)
    with torch.device("meta"):
        parameters = sum(w.numel() for w in LlamaForCausalLM(LlamaConfig(**SHAPES[shape])).parameters())
    peak = device_peak_flops(torch.cuda.get_device_name()) if device.type == "cuda" else None
    mfu = f"{6 * parameters * tokens_per_second / peak:6.1%}" if peak else "     -"
    held = f"{torch.cuda.max_memory_allocated() / 2**30:6.1f} GiB" if device.type == "cuda" else "-"
    print(f"{name:52} {tokens_per_second:10,.0f} tokens/s  MFU {mfu}  peak {held}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, default="7b")
    parser.add_argument("--methods", nargs="+", default=["full", "lora"])
    options = parser.parse_args()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = synthetic_rows(STEPS * BATCH, MAX_LENGTH if device.type == "cuda" else 256)
    print(
        f"{options.shape}, {STEPS - WARM_UP} of {STEPS} steps of {BATCH} rows, "
        f"{torch.cuda.get_device_name() if device.type == 'cuda' else 'CPU'}, torch {torch.__version__}"
    )
    for method, checkpointing in itertools.product(options.methods, (True, False)):
        told = f"{method}, checkpointing {'on' if checkpointing else 'off'}"
        for packing in (True, False):
            case = Case(told, method, packing, checkpointing)
            how = "packed" if packing else "padded"
            measure(f"sftctl {how}: {told}", lambda c=case: ours(c, options.shape, device, rows), options.shape, device)
        case = Case(told, method, False, checkpointing)
        measure(
            f"plain Trainer: {told}",
            lambda c=case: plain_trainer(c, options.shape, device, rows),
            options.shape,
            device,
        )
        measure(
            f"bare PyTorch loop: {told}",
            lambda c=case: bare_loop(c, options.shape, device, rows),
            options.shape,
            device,
        )


if __name__ == "__main__":
    main()
