"""What a GPU does by default, on a CPU: `python -m tests.gpu.on_a_cpu run builtin:demo model.method=full`.

Full fine-tuning keeps float32 weights under bfloat16 autocast, all else loads bfloat16 weights, and the loss comes from
TRL's fused head. The kernels are the CPU's, so this shows what fails or drifts in that precision, and no speed.
"""

from collections.abc import Callable
from typing import Any

import torch
from trl import SFTConfig

from sftctl.model import loading
from sftctl.train import arguments, packing_check, planning, precision, trainer

Set = Callable[[Any, str, Any], None]


def train_as_on_a_gpu(put: Set) -> None:
    """`put(owner, name, value)` replaces an attribute: setattr, or a monkeypatch's."""
    made = trainer.GuardedTrainer.__init__

    def with_the_fused_head(self, *args, **options):
        made(self, *args, **options)
        self._compact = False

    put(arguments, "SFTConfig", lambda **settings: SFTConfig(**settings | {"bf16": True}))
    put(trainer.GuardedTrainer, "__init__", with_the_fused_head)
    put(packing_check, "_under_autocast", lambda model: True)


def load_as_on_a_gpu(put: Set) -> None:
    """Weights in bfloat16, but for those that full fine-tuning moves."""
    pick = loading.pick_dtype

    def of_a_gpu(config, device, *, training=False):
        return pick(config, torch.device("cuda"), training=training)

    for module in (loading, planning, precision):
        put(module, "pick_dtype", of_a_gpu)


if __name__ == "__main__":
    from sftctl.cli import main

    train_as_on_a_gpu(setattr)
    load_as_on_a_gpu(setattr)
    main()
