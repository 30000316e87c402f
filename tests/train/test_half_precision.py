"""What a GPU does by default, here on a CPU: bfloat16 under autocast, and TRL's fused head over every token."""

import pytest

from sftctl.train.stage import train
from tests.gpu.on_a_cpu import train_as_on_a_gpu
from tests.train.rows import DATA, FULL, LORA, run_with_rows, short

METHODS = {
    "full": FULL,
    "lora": LORA,
    "lora on bfloat16": LORA.model_copy(update={"dtype": "bfloat16"}),
    "merged": LORA.model_copy(update={"merge": True}),
}


@pytest.fixture
def as_on_a_gpu(monkeypatch):
    train_as_on_a_gpu(monkeypatch.setattr)


@pytest.mark.slow
@pytest.mark.parametrize("packing", [True, False], ids=["packed", "padded"])
@pytest.mark.parametrize("model", METHODS.values(), ids=METHODS)
def test_the_saved_model_is_the_live_one(model, packing, as_on_a_gpu, tmp_path):
    config = short(batch_size=4, packing=packing, gradient_checkpointing=True)
    result = train(config, model, DATA, run_with_rows(tmp_path / "run", rows=16, held_out=4, general=0), 17)
    assert result.held_out[-1].loss < result.held_out[0].loss
    assert result.reload.max_logit_difference <= result.reload.tolerance


def test_autocast_does_not_stay_on_the_model(as_on_a_gpu, tmp_path):
    rows = run_with_rows(tmp_path / "run", rows=8, held_out=0, general=0)
    result = train(short(), FULL, DATA, rows, 17)
    assert (result.reload.max_logit_difference, result.reload.tolerance) == (0.0, 0.0)
