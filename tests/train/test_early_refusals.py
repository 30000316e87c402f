"""What cannot be done is refused before a model library is loaded, as a shell sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from sftctl.run_dir import RunDir, write_json
from sftctl.train.checkpoints import MANIFEST, CheckpointManifest
from sftctl.train.monitor import Progress
from tests.conftest import ROOT
from tests.train.rows import run_with_rows

RECIPE = """
name: refused
model: {path: builtin:tiny, device: auto}
train: {rows: %s}
"""
LOADED = """
import sys
from sftctl.__main__ import main
try:
    main()
finally:
    print(*sorted({"torch", "transformers", "trl"} & set(sys.modules)))
"""


def refused(run_dir: RunDir, *arguments: str) -> tuple[int, str, str]:
    """Exit code, the slow libraries that were loaded, and what was said."""
    recipe = run_dir.root / "r.yaml"
    recipe.write_text(RECIPE % run_dir.training_rows)
    command = [sys.executable, "-c", LOADED, "train", str(recipe), "--run-dir", str(run_dir.root), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip(), done.stderr


@pytest.fixture
def run_dir(tmp_path: Path) -> RunDir:
    return run_with_rows(tmp_path / "run", rows=4, held_out=0, general=0)


@pytest.mark.skipif(torch.cuda.is_available(), reason="with a GPU it is not refused")
def test_qlora_without_a_gpu_is_refused_once_torch_was_asked(run_dir):
    code, loaded, said = refused(run_dir, "model.method=qlora")
    assert (code, loaded) == (8, "torch")
    assert "model.method is qlora, which needs a CUDA GPU" in said


def test_a_changed_recipe_is_refused_without_any_of_them(run_dir):
    saved = run_dir.checkpoints / "checkpoint-3"
    saved.mkdir(parents=True)
    manifest = CheckpointManifest(step=3, files={}, made_from={"train.epochs": "other"}, progress=Progress(step=3))
    write_json(saved / MANIFEST, manifest.model_dump())
    code, loaded, said = refused(run_dir)
    assert (code, loaded) == (2, "")
    assert f"{saved} was made with other values of" in said.replace("\n", " ")
    assert "train.epochs" in said
