"""One process of a run with sharded weights: accelerate shards on GPUs only, so it is told of some."""

from typing import Any

from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType

from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir
from sftctl.train.stage import train
from tests.train.one_of_several import SETTINGS
from tests.train.rows import DATA, short

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


def train_sharded(model: ModelConfig, run_dir: RunDir) -> None:
    """In a process of its own: what accelerate knows of the processes before it is forgotten."""
    AcceleratorState._reset_state(reset_partial_state=True)
    AcceleratorState.__init__ = _as_on_gpus
    train(short(**SETTINGS), model, DATA, run_dir, 17)
