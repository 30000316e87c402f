"""Packing is used only where it is exact."""

import pytest
import torch

from sftctl.errors import UsageError
from sftctl.train import packing_check, planning
from sftctl.train.assembly import TrainingSections, trainable_model
from tests.train.rows import FULL, LORA, inputs_of, short


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(8)


def an_all_ones_mask(rows):
    batch = packing_check_packed(rows)
    batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return batch


packing_check_packed = packing_check.packed_batch


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
@pytest.mark.parametrize("attention", ["auto", "sdpa", "eager"])
def test_packed_and_apart_give_the_same_gradients(model, attention, inputs):
    live = trainable_model(TrainingSections(short(), model.model_copy(update={"attention": attention}), 1), inputs)
    assert packing_check.packing_difference(live, inputs.rows) < 1e-5
    assert all(weight.grad is None for weight in live.parameters())


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
def test_float32_weights_under_autocast_are_packed_as_on_a_gpu(model, inputs, monkeypatch):
    monkeypatch.setattr(packing_check, "_under_autocast", lambda model: True)
    sdpa = model.model_copy(update={"attention": "sdpa"})
    live = trainable_model(TrainingSections(short(), sdpa, 1), inputs)
    assert packing_check.packing_difference(live, inputs.rows) > 1e-4  # half precision it was
    assert planning.decide_packing(short(packing=True), live, inputs) is True
    monkeypatch.setattr(packing_check, "packed_batch", an_all_ones_mask)
    with pytest.raises(UsageError, match=r"train\.packing"):
        planning.decide_packing(short(packing=True), live, inputs)


def test_auto_pads_rows_of_like_length_on_a_cpu(inputs):
    # 8 rows in one step: padded to the longest of 8.
    lengths = [len(row.input_ids) for row in inputs.rows]
    share = 1 - sum(lengths) / (8 * max(lengths))
    assert planning.padding_share(short(), inputs) == pytest.approx(share)
    assert share < 0.25
    live = trainable_model(TrainingSections(short(), FULL, 1), inputs)
    assert planning.decide_packing(short(packing="auto"), live, inputs) is False
    assert planning.decide_packing(short(packing=True), live, inputs) is True


def test_rows_that_look_at_each_other_are_found(inputs, monkeypatch, capsys):
    live = trainable_model(TrainingSections(short(), FULL.model_copy(update={"attention": "sdpa"}), 1), inputs)
    monkeypatch.setattr(packing_check, "packed_batch", an_all_ones_mask)
    assert packing_check.packing_difference(live, inputs.rows) > 0.01
    monkeypatch.setattr(planning, "padding_share", lambda config, inputs: 0.5)
    assert planning.decide_packing(short(packing="auto"), live, inputs) is False
    assert "rows are padded instead" in capsys.readouterr().err
    with pytest.raises(UsageError, match=r"train\.packing"):
        planning.decide_packing(short(packing=True), live, inputs)
