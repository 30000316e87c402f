"""Steps per CPU second against TRL's own trainer, in one run; ratios only."""

import time

import pytest
import torch
from datasets import Dataset
from transformers import PrinterCallback
from trl import SFTConfig, SFTTrainer

from sftctl.model.loading import load_model
from sftctl.train import assembly
from tests.train.rows import FULL, inputs_of, short, trainer_for

pytestmark = pytest.mark.performance

ROWS, STEPS, BATCH = 160, 8, 32


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(ROWS, held_out=0, general=0)


def trl_seconds(inputs, folder, **settings) -> float:
    """CPU seconds of STEPS steps of TRL's trainer on the same tokens."""
    torch.manual_seed(1)
    rows = {"input_ids": [row.input_ids for row in inputs.rows], "labels": [row.labels for row in inputs.rows]}
    config = SFTConfig(
        str(folder), use_cpu=True, max_steps=STEPS, report_to="none", save_strategy="no", disable_tqdm=True,
        logging_steps=1, learning_rate=1e-3, **settings,
    )  # fmt: skip
    trainer = SFTTrainer(
        load_model(FULL, training=True), config, train_dataset=Dataset.from_dict(rows),
        processing_class=inputs.prepared.tokenizer,
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    return timed(trainer)


def our_seconds(inputs, folder, *, guarded: bool = True, **settings) -> float:
    config = short(epochs=STEPS * BATCH / ROWS, batch_size=BATCH, evaluations_per_epoch=0, checkpoints_per_epoch=0)
    assembled = trainer_for(config.model_copy(update=settings), FULL, inputs, folder)
    if not guarded:
        assembled.trainer.remove_callback(assembly.FiniteGuard)
        assembled.trainer.remove_callback(assembly.LearningGuard)
    return timed(assembled.trainer)


def timed(trainer) -> float:
    began = time.process_time()
    trainer.train()
    assert trainer.state.global_step == STEPS
    return time.process_time() - began


def fastest(measure, repeats: int = 2) -> float:
    return min(measure() for _ in range(repeats))


def test_speed_beside_trl(inputs, tmp_path, capsys):
    same = {
        "per_device_train_batch_size": BATCH,
        "gradient_checkpointing": False,
        "max_length": None,
        "bf16": False,  # on by default, also on a CPU
    }
    bare = fastest(lambda: trl_seconds(inputs, tmp_path, **same))
    defaults = fastest(
        lambda: trl_seconds(inputs, tmp_path, per_device_train_batch_size=8, gradient_accumulation_steps=4)
    )
    padded = fastest(lambda: our_seconds(inputs, tmp_path, packing=False, micro_batch=BATCH))
    unguarded = fastest(lambda: our_seconds(inputs, tmp_path, guarded=False, packing=False, micro_batch=BATCH))
    packed = fastest(lambda: our_seconds(inputs, tmp_path, packing=True))
    with capsys.disabled():
        print(
            f"\nCPU seconds for {STEPS} steps: bare {bare:.2f}, TRL's defaults {defaults:.2f}, "
            f"ours padded {padded:.2f} "
            f"(without guards {unguarded:.2f}), ours packed {packed:.2f}; steps/s: same settings {bare / padded:.2f}x, "
            f"guards {unguarded / padded:.2f}x, TRL's defaults {defaults / min(packed, padded):.2f}x"
        )
    assert bare / padded >= 0.97
    assert defaults / packed >= 1.5
