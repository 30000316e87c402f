"""Whether this process is one of several, and which; read from the launcher's environment, without torch."""

import os
import shutil
import subprocess


def rank() -> int:
    """Number of this process among all; 0 without a launcher. Process 0 alone writes and prints."""
    return int(os.environ.get("RANK", "0"))


def processes() -> int:
    """How many processes a launcher has started for this run; 1 without one."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_rank() -> int:
    """Number of this process on its machine: the GPU that it uses."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def sharded() -> bool:
    """Whether each process holds only a part of the weights: FSDP, or DeepSpeed's stage 3."""
    fsdp = os.environ.get("ACCELERATE_USE_FSDP", "").lower() == "true"
    deepspeed = os.environ.get("ACCELERATE_USE_DEEPSPEED", "").lower() == "true"
    return fsdp or (deepspeed and os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE") == "3")


def use_one_gpu(command: str) -> str | None:
    """Without a launcher on a machine of several GPUs: keep to the first, and return the line that would use them all.

    Call it before torch is imported, since torch looks at the GPUs only once. None where nothing had to be done.
    """
    if "WORLD_SIZE" in os.environ:
        return None
    visible = _visible_gpus()
    if len(visible) < 2:
        return None
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[0]
    return f"torchrun --nproc-per-node={len(visible)} -m sftctl {command}"


def _visible_gpus() -> list[str]:
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip()]
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    try:
        listed = subprocess.run([program, "-L"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(number) for number, line in enumerate(listed.stdout.splitlines()) if line.startswith("GPU ")]
