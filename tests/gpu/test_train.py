"""What only a GPU can show: bfloat16 bases, the varlen kernel, autocast, and a saved model that is the live one."""

import shutil

import pytest
import torch

from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.train import packing_check
from sftctl.train.assembly import TrainingSections, model_of, release, trainable_model
from sftctl.train.stage import train
from tests.train.rows import DATA, inputs_of, run_with_rows, short, trainer_for

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

FULL = ModelConfig(path="builtin:tiny", method="full", device="cuda")
LORA = ModelConfig(path="builtin:tiny", method="lora", device="cuda", lora=LoraConfig(r=4))


METHODS = {
    "full": (FULL, None),
    "full in bfloat16": (FULL.model_copy(update={"dtype": "bfloat16"}), "torchao"),
    "lora": (LORA, None),
    "merged": (LORA.model_copy(update={"merge": True}), None),
    "qlora": (LORA.model_copy(update={"method": "qlora"}), "bitsandbytes"),
}


@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize(("model", "needed"), METHODS.values(), ids=METHODS)
def test_a_run_learns_and_its_saved_model_is_the_live_one(model, needed, packing, tmp_path):
    if needed:
        pytest.importorskip(needed)
    result = train(short(epochs=3, packing=packing), model, DATA, run_with_rows(tmp_path / "run"), 17)
    assert result.held_out[-1].loss < result.held_out[0].loss
    assert result.reload.max_logit_difference <= result.reload.tolerance
    assert result.peak_memory_bytes > 0


@pytest.mark.parametrize("anchor", ["kl", "l2sp", "ewc"])
def test_an_anchored_run_learns(anchor, tmp_path):
    config = short(epochs=3, anchor={"kind": anchor, "strength": 0.1})
    result = train(config, FULL, DATA, run_with_rows(tmp_path / "run"), 17)
    assert result.held_out[-1].loss < result.held_out[0].loss


@pytest.mark.parametrize(("model", "needed"), METHODS.values(), ids=METHODS)
def test_a_resumed_run_draws_the_same_dropout_and_ends_alike(model, needed, tmp_path):
    """Not to the bit: the kernel's backward pass adds in any order."""
    if needed:
        pytest.importorskip(needed)
    config = short(epochs=3, checkpoints_per_epoch=2, keep_checkpoints=9)
    run_dir = run_with_rows(tmp_path / "run")
    whole = train(config, model, DATA, run_dir, 17)
    *_, newest = sorted(run_dir.checkpoints.iterdir(), key=lambda path: int(path.name.rpartition("-")[2]))
    shutil.rmtree(newest)
    shutil.rmtree(run_dir.model)
    again = train(config, model, DATA, run_dir, 17)
    assert again.held_out[-1].loss == pytest.approx(whole.held_out[-1].loss, rel=1e-2)


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
def test_packing_is_exact_on_the_gpu(model):
    inputs = inputs_of(8)
    live = trainable_model(TrainingSections(short(), model, 1), inputs)
    assert packing_check.packing_difference(live, inputs.rows) <= packing_check.packing_tolerance(live)


@pytest.mark.parametrize(("model", "needed"), METHODS.values(), ids=METHODS)
def test_a_released_model_leaves_the_gpu(model, needed, tmp_path):
    """So that the saved one fits when it is read back: a 4-bit base too."""
    if needed:
        pytest.importorskip(needed)
    assembled = trainer_for(short(), model, inputs_of(8), tmp_path)
    assembled.trainer.train()
    trained = model_of(assembled.trainer)
    release(assembled, trained)
    assert {weight.device.type for weight in trained.parameters()} == {"cpu"}
