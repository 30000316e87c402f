"""What a shell may do to standard input, output and error, and what the command then does."""

import json
import subprocess
import sys

import pytest

SFTCTL = f"{sys.executable} -m sftctl"


def shell(line, cwd):
    return subprocess.run(["bash", "-c", line], cwd=cwd, capture_output=True, text=True, timeout=100, check=False)


def test_a_full_standard_error_does_not_end_the_work(tmp_path):
    rows = [{"question": f"What is the fee of plan number {n}?", "answer": f"It is {n} euros."} for n in (1, 2)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    curate = "curate: {sources: [{name: desk, path: rows.jsonl}], hold_out: {rows: 0}}"
    (tmp_path / "recipe.yaml").write_text(f"name: desk\nmodel: {{path: builtin:tiny}}\n{curate}\n", encoding="utf-8")
    ran = shell(f"{SFTCTL} curate recipe.yaml 2>/dev/full", tmp_path)
    assert (ran.returncode, ran.stdout) == (0, "runs/desk/data/train.jsonl\n")
    assert "kept" in (tmp_path / "runs/desk/logs/run.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("standard_error", ["2>&-", "2>/dev/full", "2> >(true)"])
def test_a_standard_error_that_takes_nothing_does_not_change_the_exit_code(tmp_path, standard_error):
    assert shell(f"{SFTCTL} curate builtin:demo a.b=1 {standard_error}", tmp_path).returncode == 2


def test_closed_standard_input_is_empty_and_closed_standard_output_is_not_written(tmp_path):
    ran = shell(f"{SFTCTL} curate - <&-", tmp_path)
    assert ran.returncode == 2
    assert "standard input: the recipe is empty" in ran.stderr
    ran = shell(f"{SFTCTL} init <&- >&-", tmp_path)
    assert ran.returncode == 0
    assert "builtin:tiny" in (tmp_path / "recipe.yaml").read_text(encoding="utf-8")


def test_help_that_cannot_be_written_is_74_without_a_traceback(tmp_path):
    ran = shell(f"{SFTCTL} --help >/dev/full", tmp_path)
    assert (ran.returncode, ran.stderr) == (74, "error: standard output: No space left on device.\n")


def test_a_reader_that_goes_away_is_named_as_such(tmp_path):
    ran = shell(f"{SFTCTL} schema > >(true)", tmp_path)
    expected = "error: standard output: nobody reads it any more (Broken pipe).\n"
    assert (ran.returncode, ran.stderr) == (74, expected)


def test_json_is_utf_8_whatever_the_locale(tmp_path):
    python = "PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=POSIX PYTHONIOENCODING=ascii"
    ran = shell(f"{python} {SFTCTL} curate läuft.yaml --json", tmp_path)
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["error"]["message"].startswith("läuft.yaml: no such recipe")
