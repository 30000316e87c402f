"""What torchrun starts in the test of sharded weights: accelerate shards on GPUs only, so it is told of some."""

import sys
from pathlib import Path
from typing import Any

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from sftctl.run_dir import RunDir
from sftctl.train.stage import train
from tests.train.one_of_several import SETTINGS
from tests.train.rows import DATA, FULL, LORA, short

ENVIRONMENT = {
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_STATE_DICT_TYPE": "FULL_STATE_DICT",
    "FSDP_RESHARD_AFTER_FORWARD": "true",
}
_INIT = AcceleratorState.__init__


def _as_on_gpus(self: Any, mixed_precision: str | None = None, cpu: bool = False, *args: Any, **options: Any) -> None:
    if not PartialState._shared_state:
        PartialState(cpu=True)
    if PartialState._shared_state["distributed_type"] == DistributedType.MULTI_CPU:
        PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    _INIT(self, mixed_precision, False, *args, **options)


if __name__ == "__main__":
    AcceleratorState.__init__ = _as_on_gpus
    train(short(**SETTINGS), {"full": FULL, "lora": LORA}[sys.argv[2]], DATA, RunDir(Path(sys.argv[1])), 17)
