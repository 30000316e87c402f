"""The file of `--junit` tells of this command, however it ended: never of the one before."""

import json
import os
import signal
import subprocess
import sys
import time
from xml.etree import ElementTree

import pytest

from tests.commands.shell import sftctl
from tests.test_run_dir import HOLD_THE_LOCK

YESTERDAY = '<testsuites name="sftctl"><testsuite name="sftctl eval" tests="1" errors="0"/></testsuites>\n'


@pytest.fixture
def folder(tmp_path):
    """A working folder with a recipe, its rows, and the JUnit file of an earlier command."""
    rows = [{"question": f"What is the fee of plan {n}?", "answer": f"It is {n} euros."} for n in range(40)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sources = "sources: [{name: desk, path: rows.jsonl}]"
    recipe = f"name: desk\nmodel: {{path: builtin:tiny}}\ncurate: {{{sources}, hold_out: {{rows: 5}}}}\n"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    (tmp_path / "junit.xml").write_text(YESTERDAY, encoding="utf-8")
    return tmp_path


def cases(folder):
    """Name of the one suite, and of each of its cases, with what is told of it."""
    (suite,) = ElementTree.parse(folder / "junit.xml").getroot()
    outcomes = {case.get("name"): (case[0].tag, case[0].get("message")) for case in suite}
    assert len(outcomes) == int(suite.get("tests"))
    return suite.get("name"), outcomes


def test_each_error_of_a_recipe_is_a_case(folder):
    ran = sftctl("run", "recipe.yaml", "seeed=3", "train.epochs=many", "--junit", "junit.xml", cwd=folder)
    assert ran.exit_code == 2
    name, outcomes = cases(folder)
    assert (name, list(outcomes)) == (
        "sftctl run",
        [
            "command line:1:1: unknown key `seeed` in a recipe; did you mean `seed`?",
            "command line:1:14: `train.epochs` must be a number, not 'many'",
        ],
    )
    assert outcomes["command line:1:1: unknown key `seeed` in a recipe; did you mean `seed`?"] == (
        "error",
        "command line:1:1: unknown key `seeed` in a recipe; did you mean `seed`?\n    seeed=3\n    ^",
    )


@pytest.mark.parametrize(
    ("arguments", "exit_code", "case"),
    [
        (("eval", "none.yaml"), 2, "eval"),
        (("eval", "recipe.yaml", "--run-dir", "rows.jsonl"), 2, "eval"),
        (("eval", "recipe.yaml"), 2, "eval"),
        (
            ("run", "recipe.yaml", "curate.sources.0.path=row.jsonl"),
            2,
            "command line:1:23: `curate.sources.path`: there is no file row.jsonl; did you mean rows.jsonl?",
        ),
        (("run", "recipe.yaml", "--dry-run", "model.device=cuda"), 8, "run"),
    ],
)
def test_a_command_that_is_refused_is_an_error_in_the_words_of_the_terminal(folder, arguments, exit_code, case):
    ran = sftctl(*arguments, "--json", "--junit", "junit.xml", cwd=folder)
    assert ran.exit_code == exit_code
    name, outcomes = cases(folder)
    (told,) = outcomes.values()
    assert (name, list(outcomes), told[0]) == (f"sftctl {arguments[0]}", [case], "error")
    assert told[1] in ran.document["error"]["message"]


def test_a_run_directory_that_is_held_is_an_error(folder):
    hold = [sys.executable, "-c", HOLD_THE_LOCK, str(folder / "runs/desk")]
    with subprocess.Popen(hold, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        ran = sftctl("run", "recipe.yaml", "--json", "--junit", "junit.xml", cwd=folder)
        holder.kill()
    error = ran.document["error"]
    assert (ran.exit_code, cases(folder)) == (73, ("sftctl run", {"run": ("error", error["message"])}))


def test_a_dry_run_checks_nothing_and_says_so(folder):
    ran = sftctl("run", "recipe.yaml", "--dry-run", "--junit", "junit.xml", cwd=folder)
    assert ran.exit_code == 0
    suites = list(ElementTree.parse(folder / "junit.xml").getroot())
    assert [(suite.get("name"), suite.get("skipped")) for suite in suites] == [
        (f"sftctl {stage}", "1") for stage in ("curate", "smoke-test", "train", "eval")
    ]
    assert suites[0].find("testcase/skipped").get("message") == "dry run: would run (not begun)"


def test_a_file_that_cannot_be_written_is_told_before_anything_begins(folder):
    ran = sftctl("run", "recipe.yaml", "--junit", "rows.jsonl/junit.xml", cwd=folder)
    assert (ran.exit_code, ran.stderr.startswith("error: ")) == (74, True)
    assert not (folder / "runs").exists()


def test_a_command_that_was_killed_leaves_no_result_of_an_earlier_one(folder):
    (folder / "rows.jsonl").unlink()
    os.mkfifo(folder / "rows.jsonl")
    command = [sys.executable, "-m", "sftctl", "run", "recipe.yaml", "-q", "--junit", "junit.xml"]
    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        while running.poll() is None:
            try:
                writer = os.open(folder / "rows.jsonl", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:  # curate does not read it yet
                time.sleep(0.01)
            else:
                running.send_signal(signal.SIGKILL)
                running.wait(60)
                os.close(writer)
    name, outcomes = cases(folder)
    assert (name, outcomes) == ("sftctl run", {"run": ("error", "began and did not end: it runs, or was killed")})
    manifest = json.loads((folder / "runs/desk/manifest.json").read_text())
    assert manifest["unfinished"]["curate"]["ended"] is None


def test_no_model_library_is_loaded_to_tell_of_a_recipe_error(folder):
    code = "import sys; sys.argv[1:] = ['eval', 'recipe.yaml', 'seeed=1', '--junit', 'junit.xml']\n"
    code += "from sftctl.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'transformers', 'datasets', 'numpy', 'scipy') if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    assert (ran.stdout, cases(folder)[0]) == ("[]\n", "sftctl eval")


@pytest.mark.parametrize("redirection", ["| cat", "> told.xml && cat told.xml", ">> told.xml; cat told.xml"])
def test_standard_output_holds_it_wherever_that_leads(folder, redirection):
    command = f"{sys.executable} -m sftctl run recipe.yaml --dry-run --junit /dev/stdout 2> said.txt {redirection}"
    ran = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    assert [suite.get("name") for suite in ElementTree.fromstring(ran.stdout)] == [
        "sftctl curate",
        "sftctl smoke-test",
        "sftctl train",
        "sftctl eval",
    ]


def test_what_a_shell_opened_for_it_is_written(folder):
    command = f"{sys.executable} -m sftctl eval recipe.yaml --junit /dev/fd/7 7> >(cat > told.xml; touch done)"
    ran = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    while not (folder / "done").exists():
        time.sleep(0.01)
    assert (ran.returncode, ElementTree.parse(folder / "told.xml").getroot()[0].get("errors")) == (2, "1")


def test_no_other_file_is_replaced(folder):
    recipe = (folder / "recipe.yaml").read_text(encoding="utf-8")
    ran = sftctl("run", "recipe.yaml", "--dry-run", "--junit", "recipe.yaml", cwd=folder)
    told = "error: recipe.yaml: no XML, and --junit would replace it. Give --junit another file.\n"
    assert (ran.exit_code, ran.stderr) == (2, told)
    assert (folder / "recipe.yaml").read_text(encoding="utf-8") == recipe


def test_a_link_to_itself_is_replaced_and_a_name_that_is_too_long_refused(folder):
    (folder / "junit.xml").unlink()
    (folder / "junit.xml").symlink_to("junit.xml")
    assert sftctl("eval", "recipe.yaml", "--junit", "junit.xml", cwd=folder).exit_code == 2
    assert cases(folder)[0] == "sftctl eval"
    ran = sftctl("eval", "recipe.yaml", "--junit", "x" * 300, cwd=folder)
    assert (ran.exit_code, "File name too long" in ran.stderr) == (74, True)
