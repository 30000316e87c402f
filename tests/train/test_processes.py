"""Several processes do what one does."""

import json
import os
import shutil
import stat
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from sftctl.errors import UsageError
from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir
from sftctl.train import launch
from sftctl.train.result import TrainResult
from sftctl.train.stage import train
from tests.conftest import ROOT
from tests.train.forked import finish_together, weights
from tests.train.one_of_several import SETTINGS
from tests.train.one_sharded import ENVIRONMENT, train_sharded
from tests.train.rows import DATA, FULL, LORA, run_with_rows, short


def torchrun(run_dir: RunDir) -> TrainResult:
    """What two processes under torchrun leave."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29571", "-m"]
    done = subprocess.run(
        [*command, "tests.train.one_of_several", str(run_dir.root)],
        cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert "find_unused_parameters" not in done.stderr
    return result_of(run_dir)


def sharded(model: ModelConfig, run_dir: RunDir, port: int) -> TrainResult:
    """What two processes under FSDP2 leave."""
    assert finish_together(partial(train_sharded, model, run_dir), port, **ENVIRONMENT) == [0, 0]
    return result_of(run_dir)


def result_of(run_dir: RunDir) -> TrainResult:
    return TrainResult.model_validate_json(run_dir.train_result.read_bytes())


def assert_alike(two: TrainResult, one: TrainResult, folders: tuple[Path, Path]) -> None:
    assert two.plan.processes == 2
    assert [x.loss for x in two.held_out] == pytest.approx([x.loss for x in one.held_out], abs=1e-4)
    a, b = (load_file(next(folder.glob("*.safetensors"))) for folder in folders)
    assert max(float((a[name] - b[name]).abs().max()) for name in a) < 1e-4


@pytest.mark.slow
def test_two_gloo_processes_end_where_one_does(tmp_path):
    rows = 15  # two steps of 6 rows and a last one of 3
    alone, together = (run_with_rows(tmp_path / name, rows=rows, held_out=5, general=3) for name in ("one", "two"))
    one = train(short(**SETTINGS), FULL, DATA, alone, 17)
    two = torchrun(together)
    assert_alike(two, one, (together.model, alone.model))
    lines = [json.loads(line) for line in together.metrics.read_text().splitlines()]
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3]
    names = {path.name for path in (together.checkpoints / "checkpoint-3").iterdir()}
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= names


@pytest.mark.slow
def test_weights_sharded_by_fsdp2_end_where_whole_ones_do_and_resume_exactly(tmp_path):
    rows = {"rows": 15, "held_out": 5, "general": 3}
    alone, together = (run_with_rows(tmp_path / name, **rows) for name in ("one", "two"))
    one = train(short(**SETTINGS), FULL, DATA, alone, 17)
    two = sharded(FULL, together, port=29572)
    assert_alike(two, one, (together.model, alone.model))
    first = weights(together.model)
    for name in ("model", "checkpoints/checkpoint-3"):
        shutil.rmtree(together.root / name)
    assert sharded(FULL, together, port=29573).resumed_from_step == 2
    assert weights(together.model) == first
    # Killed after the last step: nothing is left to train, and the model is made from the checkpoint.
    shutil.rmtree(together.model)
    assert sharded(FULL, together, port=29574).resumed_from_step == 3
    assert weights(together.model) == first


@pytest.mark.slow
def test_an_adapter_under_fsdp2_learns_and_is_saved_whole(tmp_path):
    run_dir = run_with_rows(tmp_path / "run", rows=15, held_out=5, general=3)
    made = sharded(LORA, run_dir, port=29575)
    assert made.held_out[-1].loss < made.held_out[0].loss
    assert made.reload is not None
    assert made.reload.max_logit_difference == 0.0


@pytest.mark.parametrize(
    ("config", "environment", "said"),
    [
        ({"anchor": {"kind": "l2sp"}}, {}, "needs whole weights"),
        ({}, {"FSDP_STATE_DICT_TYPE": "SHARDED_STATE_DICT"}, "fsdp_state_dict_type: FULL_STATE_DICT"),
    ],
)
def test_what_sharded_weights_cannot_do_is_refused_at_the_start(config, environment, said, tmp_path, monkeypatch):
    for name, value in (ENVIRONMENT | environment).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=said):
        train(short(**config), FULL, DATA, RunDir(tmp_path), 17)


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
