"""The same rows give the same gradient, however they are batched, packed or recomputed."""

import pytest

from tests.train.rows import FULL, LORA, gradients, inputs_of, relative_difference, short

ROWS = 20  # two steps of 8 rows and a last one of 4


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(ROWS)


@pytest.fixture(scope="module")
def one_by_one(inputs, tmp_path_factory):
    return gradients(short(packing=False, micro_batch=1), FULL, inputs, tmp_path_factory.mktemp("one"))


@pytest.mark.parametrize("micro_batch", [4, 8])
@pytest.mark.parametrize("packing", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_accumulation_and_packing_do_not_change_the_gradient(inputs, one_by_one, micro_batch, packing, tmp_path):
    found = gradients(short(packing=packing, micro_batch=micro_batch), FULL, inputs, tmp_path)
    assert len(found) == len(one_by_one) == 3
    assert [relative_difference(a, b) < 1e-6 for a, b in zip(found, one_by_one, strict=True)] == [True] * 3


def test_gradient_checkpointing_does_not_change_the_gradient(inputs, one_by_one, tmp_path):
    found = gradients(short(packing=False, micro_batch=1, gradient_checkpointing=True), FULL, inputs, tmp_path)
    assert [relative_difference(a, b) for a, b in zip(found, one_by_one, strict=True)] == [0.0] * 3


@pytest.mark.slow
def test_gradient_checkpointing_does_not_change_the_gradient_of_adapters(inputs, tmp_path):
    on, off = (gradients(short(gradient_checkpointing=on), LORA, inputs, tmp_path / str(on)) for on in (True, False))
    assert [relative_difference(a, b) for a, b in zip(on, off, strict=True)] == [0.0] * 3


def test_steps_of_tokens_have_one_gradient_however_they_are_batched(inputs, tmp_path):
    longest = max(len(row.input_ids) for row in inputs.rows)
    steps = {"batch_size": None, "batch_tokens": 4 * longest}
    apart, packed = (
        gradients(short(packing=packing, micro_batch=micro, **steps), FULL, inputs, tmp_path)
        for packing, micro in ((False, 1), (True, 2))
    )
    assert len(packed) == len(apart) > 3
    assert max(relative_difference(a, b) for a, b in zip(packed, apart, strict=True)) < 1e-6
