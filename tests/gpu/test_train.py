"""What only a GPU can show: bfloat16 bases, the varlen kernel, autocast, and a saved model that is the live one."""

import pytest
import torch

from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.train import packing_check
from sftctl.train.assembly import TrainingSections, trainable_model
from sftctl.train.stage import train
from tests.train.rows import DATA, inputs_of, run_with_rows, short

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

FULL = ModelConfig(path="builtin:tiny", method="full", device="cuda")
LORA = ModelConfig(path="builtin:tiny", method="lora", device="cuda", lora=LoraConfig(r=4))


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
def test_a_run_learns_and_its_saved_model_is_the_live_one(model, tmp_path):
    result = train(short(epochs=3), model, DATA, run_with_rows(tmp_path / "run"), 17)
    assert result.held_out[-1].loss < result.held_out[0].loss
    assert result.reload.max_logit_difference <= result.reload.tolerance
    assert result.peak_memory_bytes > 0


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
def test_packing_is_exact_on_the_gpu(model):
    inputs = inputs_of(8)
    live = trainable_model(TrainingSections(short(), model, 1), inputs)
    assert packing_check.packing_difference(live, inputs.rows) <= packing_check.packing_tolerance(live)
