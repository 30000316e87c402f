"""What the run stands on: versions, devices, free space, trackers."""

import importlib.metadata
import importlib.util
import netrc
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from sftctl.model.peak_memory import device_memory_bytes

_SHOWN = ("torch", "transformers", "trl", "peft", "accelerate")


@dataclass(frozen=True)
class Machine:
    """`trackers` maps a tracker to what it lacks, or to None where it is ready."""

    versions: dict[str, str]
    device: str
    device_name: str
    device_memory_bytes: int | None
    bfloat16: bool
    free_disk_bytes: int
    trackers: dict[str, str | None]


def look_at_machine(device: torch.device, folder: Path, report_to: Sequence[str]) -> Machine:
    """Reads only; `folder` need not exist yet."""
    cuda = device.type == "cuda"
    return Machine(
        versions={name: importlib.metadata.version(name) for name in _SHOWN},
        device=device.type,
        device_name=torch.cuda.get_device_name(device) if cuda else "CPU",
        device_memory_bytes=device_memory_bytes(device),
        bfloat16=not cuda or torch.cuda.is_bf16_supported(),
        free_disk_bytes=free_disk_bytes(folder),
        trackers={name: _missing(name) for name in report_to},
    )


def free_disk_bytes(folder: Path) -> int:
    """Space for a user on the disk that holds `folder`, or would hold it."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def _missing(tracker: str) -> str | None:
    if importlib.util.find_spec(tracker) is None:
        return f"{tracker} is not installed: pip install {tracker}"
    offline = os.environ.get("WANDB_MODE", "") in ("offline", "disabled")
    if tracker == "wandb" and not offline and not os.environ.get("WANDB_API_KEY") and not _in_netrc("api.wandb.ai"):
        return "wandb is not logged in: run `wandb login`, or set WANDB_API_KEY or WANDB_MODE=offline"
    return None


def _in_netrc(host: str) -> bool:
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False
