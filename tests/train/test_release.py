"""What must be off the device when the saved model is read back."""

import gc
import weakref

from sftctl.train.assembly import model_of, release
from tests.train.rows import FULL, inputs_of, short, trainer_for


def test_the_optimizer_and_its_moments_are_freed(tmp_path):
    assembled = trainer_for(short(), FULL, inputs_of(8, held_out=0, general=0), tmp_path)
    assembled.trainer.train()
    model = model_of(assembled.trainer)
    weight = next(model.parameters())
    moment = weakref.ref(assembled.trainer.optimizer.state[weight]["exp_avg"])
    assert moment() is not None
    release(assembled, model)
    gc.collect()
    assert moment() is None
    assert all(weight.grad is None for weight in model.parameters())
