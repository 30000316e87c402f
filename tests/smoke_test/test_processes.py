"""The smoke test under torchrun: process 0 speaks for all of them."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.jsonl import to_jsonl
from tests.train.rows import conversations

RECIPE = """\
name: two
model: {path: builtin:tiny}
smoke_test: {steps: 6, answers: 2, max_new_tokens: 8, probe_rows: 4, held_out_rows: 4}
train: {rows: rows.jsonl, held_out: held_out.jsonl, batch_size: 8, learning_rate: 5e-4}
"""


@pytest.mark.slow
def test_a_failed_check_of_two_processes_is_written_and_said_once(tmp_path):
    (tmp_path / "rows.jsonl").write_text(to_jsonl(conversations(48)))
    (tmp_path / "held_out.jsonl").write_text(to_jsonl(conversations(8, skip=60)))
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=29583"]
    done = subprocess.run(
        [*launcher, "-m", "sftctl", "smoke-test", "recipe.yaml"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1, done.stderr[-3000:]
    result = json.loads((tmp_path / "runs/two/smoke_test/smoke_test.json").read_text())
    failed = [check["name"] for check in result["checks"] if check["verdict"] == "fail"]
    assert "output.stop" in failed
    assert done.stderr.count("error: ") == 1
    assert f"error: {len(failed)} of {len(result['checks'])} checks failed" in done.stderr
    assert json.loads((tmp_path / "runs/two/manifest.json").read_text())["stages"]["smoke-test"]["passed"] is False
