"""Several processes do what one does."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sftctl.train import launch
from sftctl.train.stage import train
from tests.train.one_of_several import SETTINGS
from tests.train.rows import DATA, FULL, run_with_rows, short


@pytest.mark.slow
def test_two_gloo_processes_end_where_one_does(tmp_path):
    rows = 15  # two steps of 6 rows and a last one of 3
    alone, together = (run_with_rows(tmp_path / name, rows=rows, held_out=5, general=3) for name in ("one", "two"))
    one = train(short(**SETTINGS), FULL, DATA, alone, 17)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29571"]
    done = subprocess.run(
        [*command, "-m", "tests.train.one_of_several", str(together.root)],
        cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "find_unused_parameters" not in done.stderr
    two = json.loads(together.train_result.read_text())
    assert two["plan"]["processes"] == 2
    assert [x["loss"] for x in two["held_out"]] == pytest.approx([x.loss for x in one.held_out], abs=1e-4)
    a, b = (load_file(each.model / "model.safetensors") for each in (alone, together))
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 1e-4
    lines = [json.loads(line) for line in together.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]
    names = {path.name for path in (together.checkpoints / "checkpoint-3").iterdir()}
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= names


def test_one_gpu_is_used_without_a_launcher_and_the_line_for_all_is_given(tmp_path, monkeypatch):
    program = tmp_path / "nvidia-smi"
    program.write_text('#!/bin/sh\nfor i in 0 1 2 3; do echo "GPU $i: made up"; done\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "x")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert launch.use_one_gpu("train r.yaml") == "torchrun --nproc-per-node=4 -m sftctl train r.yaml"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0"
    assert launch.use_one_gpu("train r.yaml") is None
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert launch.use_one_gpu("train r.yaml") == "torchrun --nproc-per-node=2 -m sftctl train r.yaml"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert launch.use_one_gpu("train r.yaml") is None
    assert not torch.cuda.is_initialized()
