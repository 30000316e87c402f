"""train.extra reaches SFTConfig, and only where it undoes nothing."""

import dataclasses

import pytest
from pydantic import ValidationError
from trl import SFTConfig

from sftctl.train import extra
from tests.train.rows import FULL, inputs_of, short, trainer_for


def test_the_lists_name_every_field_of_sft_config_once():
    fields = {field.name for field in dataclasses.fields(SFTConfig)}
    listed = [*extra.ALLOWED, *extra.INSTEAD, *extra.REFUSED]
    assert len(listed) == len(set(listed))
    # Names that an older or newer release lacks do no harm; a field that nobody has judged does.
    assert fields - set(listed) == set()
    assert extra.ALLOWED - fields == set()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("learning_rate", "is set by train.learning_rate"),
        ("logging_nan_inf_filter", "would undo something"),
        ("neftune_noise_alfa", "did you mean `neftune_noise_alpha`"),
    ],
)
def test_other_fields_are_refused_with_the_way_out(name, message):
    with pytest.raises(ValidationError, match=message):
        short(extra={name: 1})


def test_noise_on_embeddings_and_another_loss_reach_the_trainer(tmp_path):
    trainer = trainer_for(
        short(extra={"neftune_noise_alpha": 5, "loss_type": "dft"}), FULL, inputs_of(8), tmp_path
    ).trainer
    assert (trainer.args.neftune_noise_alpha, trainer.args.loss_type) == (5, "dft")
    trainer.train()
    assert trainer.state.global_step == 1
