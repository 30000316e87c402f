"""The most memory that was held since a starting point: on the GPU where one is used, else by the process."""

import contextlib
import ctypes
import gc
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_RESET = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


@dataclass(frozen=True, slots=True)
class MemoryMark:
    """What was held when the mark was set; set it before a model is loaded."""

    device: torch.device
    held_bytes: int

    def growth_bytes(self) -> int:
        """The highest use since the mark, above what was held at the mark."""
        return max(0, _peak_bytes(self.device) - self.held_bytes)


def mark_memory(device: torch.device) -> MemoryMark:
    """Start to watch; an earlier peak no longer counts (off Linux it still does on a CPU)."""
    if device.type == "cuda":
        gc.collect()  # what an earlier stage left in cycles would be held at the mark, and free memory later
        torch.cuda.init()  # type: ignore[no-untyped-call]  # no statistics can be reset before it
        torch.cuda.reset_peak_memory_stats(device)
        return MemoryMark(device, torch.cuda.memory_allocated(device))
    _give_back()
    try:
        _RESET.write_text(_RESET_PEAK, encoding="ascii")
    except OSError:
        return MemoryMark(device, _peak_bytes(device))
    return MemoryMark(device, _status_bytes("VmRSS"))


def _give_back() -> None:
    """What an earlier stage freed lies with the C library: held at the mark, it would hide what comes next."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # not every C library has it
        ctypes.CDLL(None).malloc_trim(0)


def device_memory_bytes(device: torch.device) -> int | None:
    """All memory of the device; of the machine for a CPU, or its control group's limit where that is lower."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    limits = [_control_group_limit(), _machine_memory()]
    return min((limit for limit in limits if limit is not None), default=None)


def free_gpu_bytes(device: torch.device) -> int:
    """What this process may still use of a GPU, or holds already, whatever others hold of it."""
    return int(torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device))


def _peak_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if _STATUS.exists():
        return _status_bytes("VmHWM")
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status_bytes(field: str) -> int:
    for line in _STATUS.read_text(encoding="ascii", errors="replace").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    return 0


def _control_group_limit() -> int | None:
    try:
        text = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _machine_memory() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemTotal:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None
