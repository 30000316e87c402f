"""What `init` writes is valid, says what it took from the example, and runs as it stands."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from sftctl.demo.paths import resolve
from sftctl.starter import installed_from, write_workflow
from tests.commands.shell import sftctl

WORKFLOW = ".github/workflows/smoke-test.yml"


def test_init_writes_a_recipe_that_is_valid_and_refuses_to_replace_one(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"question": "Which fee?", "answer": "None."}\n')
    made = sftctl("init", "--model", "builtin:tiny", "--data", "rows.jsonl", cwd=tmp_path)
    assert (made.exit_code, made.stdout) == (0, "recipe.yaml\n")
    plan = sftctl("run", "recipe.yaml", "--dry-run", "--json", cwd=tmp_path)
    assert (plan.exit_code, plan.document["run_dir"]) == (0, "runs/my-assistant")
    assert not (tmp_path / "runs").exists()
    again = sftctl("init", cwd=tmp_path)
    assert (again.exit_code, "--overwrite replaces it" in again.stderr) == (2, True)


def test_a_workflow_names_where_sftctl_comes_from_or_asks_for_it(tmp_path):
    made = sftctl("init", "--ci", cwd=tmp_path)
    assert (made.exit_code, made.stdout) == (0, f"{WORKFLOW}\n")
    assert made.stderr == (
        "warning: no package index has sftctl: put its source into the folder ./vendor/sftctl of your repository, "
        f"or change SFTCTL at the top of {WORKFLOW}\n"
    )
    assert yaml.safe_load((tmp_path / WORKFLOW).read_text())["env"] == {"SFTCTL": "./vendor/sftctl"}
    source = "sftctl @ git+https://example.org/team/sftctl@4f0c"
    known = yaml.safe_load(write_workflow(tmp_path, source, overwrite=True).read_text())
    assert known["env"] == {"SFTCTL": source}
    assert 'pip install "$SFTCTL"' in shell_lines(known)


def shell_lines(workflow) -> list[str]:
    return [step["run"] for step in workflow["jobs"]["smoke-test"]["steps"] if "run" in step]


@pytest.mark.parametrize(
    ("recorded", "source"),
    [
        (None, None),
        ({"url": "file:///home/me/sftctl", "dir_info": {"editable": True}}, None),
        ({"url": "file:///home/me/sftctl", "vcs_info": {"vcs": "git", "commit_id": "4f0c"}}, None),
        (
            {"url": "https://example.org/team/sftctl", "vcs_info": {"vcs": "git", "commit_id": "4f0c"}},
            "sftctl @ git+https://example.org/team/sftctl@4f0c",
        ),
        (
            {"url": "https://example.org/sftctl-0.1.0-py3-none-any.whl", "archive_info": {}},
            "sftctl @ https://example.org/sftctl-0.1.0-py3-none-any.whl",
        ),
        (
            {
                "url": "https://example.org/team/tools",
                "vcs_info": {"vcs": "git", "commit_id": "4f0c"},
                "subdirectory": "python/sftctl",
            },
            "sftctl @ git+https://example.org/team/tools@4f0c#subdirectory=python/sftctl",
        ),
    ],
)
def test_only_what_another_machine_can_reach_is_a_source(recorded, source):
    assert installed_from(json.dumps(recorded) if recorded else None) == source


@pytest.mark.slow
def test_the_workflows_own_lines_run_in_a_shell(tmp_path):
    rows = Path(resolve("builtin:demo/domain.jsonl")).read_bytes().splitlines(keepends=True)[:600]
    (tmp_path / "rows.jsonl").write_bytes(b"".join(rows))
    sftctl("init", "--data", "rows.jsonl", cwd=tmp_path)
    workflow = yaml.safe_load(write_workflow(tmp_path, None, overwrite=False).read_text())
    install, *lines = shell_lines(workflow)
    assert install == 'pip install "$SFTCTL"'
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    for line in lines:
        ran = subprocess.run(["bash", "-e", "-c", line], cwd=tmp_path, env={**os.environ, "PATH": path}, check=False)
        assert ran.returncode == 0, line
    assert (tmp_path / "smoke-test.xml").read_text().startswith("<?xml")
