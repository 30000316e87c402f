"""Each anchor keeps general ability that training without it loses."""

import pytest

from sftctl.errors import DataUnusable
from sftctl.train.monitor import GENERAL_ROLE
from tests.train.rows import FULL, LORA, inputs_of, short, trainer_for

ANCHORS = {
    "l2sp": {"kind": "l2sp", "strength": 0.3},
    "ewc": {"kind": "ewc", "strength": 1000.0, "fisher_rows": 16},
    "kl": {"kind": "kl", "strength": 3.0},
}


def losses_after(model, anchor, inputs, folder) -> tuple[float, float]:
    """General and domain held-out loss after 12 steps that learn the domain alone."""
    config = short(epochs=4, learning_rate=3e-3, anchor=anchor, evaluations_per_epoch=0)
    assembled = trainer_for(config, model, inputs, folder)
    assembled.trainer.train()
    metrics = assembled.trainer.measure_held_out()
    return metrics[f"eval_role_{GENERAL_ROLE}"], metrics["eval_role_domain"]


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(24, held_out=16, general=32)


@pytest.fixture(scope="module")
def unanchored(inputs, tmp_path_factory):
    return losses_after(FULL, None, inputs, tmp_path_factory.mktemp("unanchored"))


@pytest.mark.parametrize(
    "kind", [pytest.param("l2sp", marks=pytest.mark.slow), pytest.param("ewc", marks=pytest.mark.slow), "kl"]
)
def test_an_anchor_lowers_forgetting_and_the_domain_is_still_learned(kind, inputs, unanchored, tmp_path):
    before = trainer_for(short(), FULL, inputs, tmp_path).trainer.measure_held_out()
    general, domain = losses_after(FULL, ANCHORS[kind], inputs, tmp_path)
    assert unanchored[0] > before["eval_role_general"] + 0.1
    assert general < unanchored[0] - 0.05
    assert domain < before["eval_role_domain"] - 0.2


def test_an_anchor_that_needs_general_rows_says_so(tmp_path):
    with pytest.raises(DataUnusable, match="role: general"):
        trainer_for(short(anchor=ANCHORS["ewc"]), FULL, inputs_of(8, general=0), tmp_path)


@pytest.mark.slow
def test_kl_compares_an_adapter_with_its_own_base(inputs, tmp_path):
    assembled = trainer_for(short(epochs=1, anchor=ANCHORS["kl"]), LORA, inputs, tmp_path)
    assembled.trainer.train()
    assert assembled.trainer.state.global_step == 3
