"""Every exit code that needs no trained model, as a shell sees it."""

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

QUESTIONS = [f"What is the fee of plan number {n}, please?" for n in range(40)]


@pytest.fixture
def folder(tmp_path):
    """A working folder with forty good rows and a recipe for them."""
    rows = [{"question": question, "answer": f"It is {n} euros a month."} for n, question in enumerate(QUESTIONS)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    sources = "sources: [{name: desk, path: rows.jsonl}]"
    recipe = f"name: desk\nmodel: {{path: builtin:tiny}}\ncurate: {{{sources}, hold_out: {{rows: 5}}}}\n"
    (tmp_path / "recipe.yaml").write_text(recipe, encoding="utf-8")
    return tmp_path


def test_0_and_the_path_of_what_was_made_alone_on_standard_output(folder):
    ran = sftctl("curate", "recipe.yaml", cwd=folder)
    assert (ran.exit_code, ran.stdout) == (0, "runs/desk/data/train.jsonl\n")
    assert "next: sftctl smoke-test recipe.yaml" in ran.stderr
    rows = (folder / "runs/desk/data/train.jsonl").read_text(encoding="utf-8").splitlines()
    held_out = (folder / "runs/desk/data/held_out.jsonl").read_text(encoding="utf-8").splitlines()
    assert (len(rows), len(held_out)) == (35, 5)

    again = sftctl("curate", "recipe.yaml", cwd=folder)
    assert "done already and nothing changed since" in again.stderr

    document = sftctl("curate", "recipe.yaml", "--json", "-q", cwd=folder)
    assert (document.exit_code, document.stderr) == (0, "")
    assert document.document["schema_version"] == 1


def test_1_when_the_gate_on_dropped_rows_fails_and_the_result_is_there(folder):
    long_answers = [" ".join(f"Part {k} of plan {n} costs {k * n + 7} euros." for k in range(8)) for n in range(40)]
    answers = ["Yes." if n % 4 else answer for n, answer in enumerate(long_answers)]
    rows = [{"question": question, "answer": answer} for question, answer in zip(QUESTIONS, answers, strict=True)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    ran = sftctl("curate", "recipe.yaml", "curate.filters=[{rule: length, min_tokens: 20}]", cwd=folder)
    assert ran.exit_code == 1
    assert "curate.max_dropped_fraction" in ran.stderr
    assert (folder / "runs/desk/data/curate.json").exists()
    assert "in all" not in ran.stderr

    again = sftctl("run", "recipe.yaml", "curate.filters=[{rule: length, min_tokens: 20}]", cwd=folder)
    assert "error: curate failed its gate; see runs/desk/report.html" in again.stderr
    took = ran.stderr.splitlines()[-2].removeprefix("curate: ")
    assert (again.exit_code, again.stderr.splitlines()[-1]) == (1, f"in all: {took} (curate {took})")


def test_2_for_a_recipe_with_an_unknown_key(folder):
    ran = sftctl("train", "recipe.yaml", "train.lerning_rate=1", cwd=folder)
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "unknown key `lerning_rate` in `train`; did you mean `learning_rate`?" in ran.stderr
    assert not (folder / "runs").exists()


def test_2_for_a_file_that_is_not_there_before_anything_begins_and_in_a_dry_run_too(folder):
    for extra in ((), ("--dry-run",)):
        ran = sftctl("run", "recipe.yaml", "curate.sources.0.path=row.jsonl", *extra, cwd=folder)
        assert ran.exit_code == 2
        assert "command line:1:23: `curate.sources.path`: there is no file row.jsonl; did you mean rows.jsonl?" in (
            ran.stderr
        )
    assert not (folder / "runs").exists()


def test_an_error_document_is_utf_8_though_what_it_quotes_is_not(folder):
    command = [sys.executable, "-m", "sftctl", "curate", b"gr\xfc\xdfe.yaml", "--json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    told = json.loads(ran.stdout.decode("utf-8"))["error"]
    assert (ran.returncode, told["exit_code"], told["message"][:13]) == (2, 2, "gr\udcfc\udcdfe.yaml: n")


def test_2_for_a_command_line_that_cannot_be_read_as_json_where_that_was_asked_for(folder):
    ran = sftctl("curate", "recipe.yaml", "--ovrwrite", "--json", cwd=folder)
    assert ran.exit_code == 2
    assert ran.document["error"] == {
        "kind": "UsageError",
        "exit_code": 2,
        "message": "No such option: --ovrwrite (Possible options: --overwrite)",
    }


def test_2_for_a_column_that_the_rows_do_not_have_at_its_place_in_the_recipe(folder):
    recipe = (folder / "recipe.yaml").read_text()
    recipe = recipe.replace("path: rows.jsonl", "path: rows.jsonl, fields: {prompt: question, response: anser}")
    (folder / "recipe.yaml").write_text(recipe)
    ran = sftctl("curate", "recipe.yaml", "--json", cwd=folder)
    line, column = 3, recipe.splitlines()[2].index("anser") + 1
    error = ran.document["error"]
    assert (ran.exit_code, error["kind"], error["exit_code"]) == (2, "RecipeError", 2)
    assert error["message"].splitlines()[:2] == [
        "the recipe has 1 problem",
        f"recipe.yaml:{line}:{column}: rows.jsonl has no column 'anser'; did you mean 'answer'? "
        "It has question, answer",
    ]
    other = ("curate.sources.0.fields=null", "curate.sources.0.format=messages")
    ran = sftctl("curate", "recipe.yaml", *other, cwd=folder)
    assert ran.exit_code == 2
    assert "command line:1:25: rows.jsonl is not in the format messages (messages)" in ran.stderr


def test_2_for_every_source_that_the_recipe_misreads_before_any_is_read_whole(folder):
    (folder / "mail.jsonl").write_text(json.dumps({"id": "1", "mail_question": "Hi", "mail_reply": "Hello"}) + "\n")
    sources = ["path: rows.jsonl", "path: mail.jsonl", "path: rows.jsonl, format: messages"]
    items = "".join(f"    - {{name: s{n}, {source}}}\n" for n, source in enumerate(sources))
    (folder / "three.yaml").write_text(f"name: t\nmodel: {{path: builtin:tiny}}\ncurate:\n  sources:\n{items}")
    for arguments in (("curate",), ("curate", "--dry-run"), ("run",)):
        ran = sftctl(arguments[0], "three.yaml", *arguments[1:], cwd=folder)
        assert (ran.exit_code, ran.stdout, ran.stderr.splitlines()[:2]) == (
            2,
            "",
            [
                "error: the recipe has 2 problems",
                "three.yaml:6:24: mail.jsonl: no known format fits its columns (id, mail_question, mail_reply). "
                "Write beside its path: fields: {prompt: mail_question, response: mail_reply}",
            ],
        )
        assert "three.yaml:7:44: rows.jsonl is not in the format messages" in ran.stderr
    assert not (folder / "runs").exists()


def test_4_for_every_source_that_is_seen_to_be_unusable_before_any_is_read_whole(folder):
    (folder / "empty.jsonl").touch()
    sources = "curate.sources=[{name: a, path: empty.jsonl}, {name: b, path: rows.jsonl}, {name: c, path: empty.jsonl}]"
    ran = sftctl("run", "recipe.yaml", sources, "--json", cwd=folder)
    told = ran.document["error"]["message"].splitlines()
    assert (ran.exit_code, [line.partition(":")[0] for line in told]) == (
        4,
        ["source a (empty.jsonl)", "source c (empty.jsonl)"],
    )
    assert "curate  desk" in ran.stderr
    assert "read as" not in ran.stderr
    dry = sftctl("run", "recipe.yaml", sources, "--dry-run", cwd=folder)
    assert (dry.exit_code, dry.stderr.count("it holds no rows")) == (4, 2)


def test_a_dry_run_says_how_each_source_is_read_and_shows_a_bad_row(folder):
    rows = (folder / "rows.jsonl").read_text() * 3
    (folder / "bad.jsonl").write_text('{"question": "And this?"}\n' + rows)
    piped = "curate.sources.0.path=-"
    ran = sftctl("curate", "recipe.yaml", piped, "--dry-run", cwd=folder, stdin=rows)
    read = "pair (columns question, answer); 100 of the first 100 rows can be used"
    assert (ran.exit_code, ran.stderr) == (0, f"curate: would run (not begun)\n  desk: {read}\n")
    ran = sftctl("run", "recipe.yaml", "curate.sources.0.path=bad.jsonl", "--dry-run", "--json", cwd=folder)
    verdict = "bad.jsonl:1: answer: the field is missing; the row has question [missing_field]"
    assert ran.document["sources"] == [
        {
            "source": "desk",
            "format": "pair",
            "columns": ["question", "answer"],
            "rows_looked_at": 100,
            "usable": 99,
            "first_bad": verdict,
            "not_looked_at_because": None,
        }
    ]
    strict = ("curate.sources.0.path=bad.jsonl", "curate.max_bad_fraction=0")
    ran = sftctl("curate", "recipe.yaml", *strict, "--dry-run", "-q", cwd=folder)
    assert (ran.exit_code, ran.stderr) == (
        0,
        "warning: source desk: 1 of its first 100 rows cannot be used, and curate.max_bad_fraction allows 0 % of all: "
        f"{verdict}\n",
    )


def test_2_for_an_option_that_is_a_key_of_the_recipe_with_how_to_give_it(folder):
    ran = sftctl("train", "recipe.yaml", "--epochs", "3", "--json", cwd=folder)
    hint = "Keys of the recipe are given without dashes: train.epochs=3"
    assert (ran.exit_code, ran.document["error"]["message"]) == (2, f"No such option: --epochs\n{hint}")
    assert ran.stderr.endswith(f"Error: No such option: --epochs\n{hint}\n")


def test_2_for_a_recipe_that_is_not_there_with_a_like_name(folder):
    ran = sftctl("train", "recipe.yml", cwd=folder)
    assert (ran.exit_code, "Did you mean recipe.yaml?" in ran.stderr) == (2, True)


def test_2_for_a_run_directory_that_is_a_file(folder):
    ran = sftctl("curate", "recipe.yaml", "--run-dir", "rows.jsonl", cwd=folder)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: rows.jsonl: a file, and a run needs a folder. Give the run another --run-dir.\n",
    )


def test_2_for_a_run_directory_that_is_not_utf_8(folder):
    ran = sftctl("curate", "recipe.yaml", "--run-dir", "caf\udce9", cwd=folder)
    assert (ran.exit_code, ran.stderr) == (
        2,
        "error: b'caf\\xe9': not a name in UTF-8. Give the run another --run-dir.\n",
    )


def test_74_for_a_damaged_manifest_with_what_to_do(folder):
    (folder / "runs/desk").mkdir(parents=True)
    (folder / "runs/desk/manifest.json").write_text("{")
    ran = sftctl("curate", "recipe.yaml", cwd=folder)
    assert ran.exit_code == 74
    assert ran.stderr.startswith("error: runs/desk/manifest.json: damaged, or written by another version of sftctl: ")
    assert ran.stderr.endswith("Remove it and every stage runs again, or give the run another --run-dir.\n")


def test_2_for_a_stage_whose_input_is_missing_with_the_command_to_run(folder):
    ran = sftctl("train", "recipe.yaml", "seed=3", cwd=folder)
    assert ran.exit_code == 2
    assert "train needs curate, which has not run in runs/desk. Run: sftctl curate recipe.yaml seed=3" in ran.stderr


def test_2_for_a_stage_whose_input_is_stale_naming_what_changed(folder):
    assert sftctl("curate", "recipe.yaml", "-q", cwd=folder).exit_code == 0
    ran = sftctl("train", "recipe.yaml", "curate.hold_out.rows=6", cwd=folder)
    assert ran.exit_code == 2
    assert "train needs curate, which is stale (curate.hold_out.rows changed since)" in ran.stderr


def test_2_under_a_launcher_for_a_command_of_one_process(folder):
    ran = sftctl("curate", "recipe.yaml", cwd=folder, env={"WORLD_SIZE": "2", "RANK": "0"})
    assert ran.exit_code == 2
    assert "only train and smoke-test run under torchrun" in ran.stderr


def test_4_when_too_many_rows_are_bad_with_their_verdicts(folder):
    bad = "".join("{not json\n" for _ in range(20))
    (folder / "rows.jsonl").write_text(bad + (folder / "rows.jsonl").read_text())
    ran = sftctl("run", "recipe.yaml", "--json", "--junit", "junit.xml", cwd=folder)
    assert ran.exit_code == 4
    assert ran.document["error"]["kind"] == "DataUnusable"
    assert ran.document["error"]["exit_code"] == 4
    assert "rows.jsonl" in ran.stderr
    (suite,) = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.get("name"), suite.get("errors"), suite.get("failures")) == ("sftctl curate", "1", "0")
    assert suite.find("testcase/error").get("message") == ran.document["error"]["message"]
    again = sftctl("curate", "recipe.yaml", cwd=folder)
    assert again.stderr.splitlines()[0] == "curate  desk  (last time it failed with exit code 4)"


def test_1_of_a_gate_without_checks_is_a_failure_for_ci(folder):
    with (folder / "rows.jsonl").open("a", encoding="utf-8") as rows:
        rows.write(json.dumps({"question": "Which words describe the plan?", "answer": "inventive, " * 60}) + "\n")
    ran = sftctl("run", "recipe.yaml", "curate.max_dropped_fraction=0", "--junit", "junit.xml", cwd=folder)
    assert ran.exit_code == 1
    (suite,) = ElementTree.parse(folder / "junit.xml").getroot()
    assert (suite.get("name"), suite.get("errors"), suite.get("failures")) == ("sftctl curate", "0", "1")
    assert suite.find("testcase/failure").get("message").startswith("curate: the filters dropped ")


def test_130_of_an_interrupt_is_an_error_for_ci_too(folder):
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
                running.send_signal(signal.SIGINT)
                assert running.wait(60) == 130
                os.close(writer)
    (suite,) = ElementTree.parse(folder / "junit.xml").getroot()
    message = "interrupted; this command saved nothing more. Run it again."
    assert (suite.get("name"), suite.find("testcase/error").get("message")) == ("sftctl curate", message)
    manifest = json.loads((folder / "runs/desk/manifest.json").read_text())
    ended = manifest["unfinished"]["curate"]
    assert (manifest["failures"], ended["exit_code"], ended["message"]) == ({}, 130, message)
    assert "curate, with exit code 130: interrupted" in (folder / "runs/desk/report.html").read_text()


def test_4_when_too_many_training_rows_are_too_long_whatever_an_earlier_run_left(folder):
    rows = [{"question": question, "answer": "Yes. " * (60 if n % 3 else 2)} for n, question in enumerate(QUESTIONS)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    earlier = folder / "runs/desk/logs/train.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text('{"seconds": 1.0, "outcome": "finished"}')
    ran = sftctl("train", "recipe.yaml", "train.rows=rows.jsonl", "data.max_length=60", "--json", cwd=folder)
    error = ran.document["error"]
    assert (ran.exit_code, error["exit_code"], error["kind"]) == (4, 4, "TooManyDropped")
    assert error["message"].startswith("26 of 40 training rows cannot be used (26 too_long), more than ")
    assert error["message"].endswith(
        "Raise data.max_length, set data.on_overflow: keep_whole_turns, shorten them at their source, or, to go on "
        "without them, set data.max_dropped_fraction to at least 0.65."
    )
    manifest = json.loads((folder / "runs/desk/manifest.json").read_text())
    failure = manifest["failures"]["train"]
    assert (manifest["stages"], failure["exit_code"], failure["message"]) == ({}, 4, error["message"])


def test_6_when_memory_runs_out_before_anything_is_trained(folder):
    fault = "from sftctl import cli, recipe; recipe.load_recipe = lambda *a: bytearray(2**62); cli.main()"
    command = [sys.executable, "-c", fault, "curate", "recipe.yaml", "--json"]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert (ran.returncode, json.loads(ran.stdout)["error"]["kind"]) == (6, "OutOfMemory")


def test_8_for_a_gpu_that_is_not_there(folder):
    ran = sftctl("train", "recipe.yaml", "model.device=cuda", "train.rows=rows.jsonl", cwd=folder)
    assert ran.exit_code == 8


def test_73_while_another_process_holds_the_run(folder):
    run_dir = folder / "runs" / "desk"
    holder = subprocess.Popen([sys.executable, "-c", HOLD_THE_LOCK, str(run_dir)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        ran = sftctl("curate", "recipe.yaml", cwd=folder)
    finally:
        holder.kill()
        holder.wait()
    assert ran.exit_code == 73
    assert f"in use by `sftctl train` (process {holder.pid}" in ran.stderr


def test_74_when_the_run_directory_cannot_be_written(folder):
    (folder / "runs").write_text("a file where the folder should be")
    ran = sftctl("curate", "recipe.yaml", cwd=folder)
    assert ran.exit_code == 74
    assert "runs/desk" in ran.stderr


def test_a_recipe_on_standard_input_is_read(folder):
    text = (folder / "recipe.yaml").read_text()
    ran = sftctl("curate", "-", "name=piped", cwd=folder, stdin=text)
    assert (ran.exit_code, ran.stdout) == (0, "runs/piped/data/train.jsonl\n")


def test_74_when_standard_output_cannot_be_written(folder):
    command = [sys.executable, "-m", "sftctl", "curate", "recipe.yaml", "--json"]
    with open("/dev/full", "w") as full:
        ran = subprocess.run(command, cwd=folder, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 74
    assert "Traceback" not in ran.stderr


def test_a_dry_run_says_what_follows_from_an_earlier_stage_that_runs_again(folder):
    assert sftctl("curate", "recipe.yaml", "-q", cwd=folder).exit_code == 0
    same = sftctl("curate", "recipe.yaml", "--dry-run", cwd=folder)
    assert "curate: would skip: done and unchanged" in same.stderr
    again = sftctl("curate", "recipe.yaml", "--dry-run", "--overwrite", "--json", cwd=folder)
    assert again.document["stages"]["curate"] == {"would": "run", "reason": "asked for anew"}


def test_a_lone_dash_in_an_override_is_standard_input(folder):
    rows = (folder / "rows.jsonl").read_text()
    ran = sftctl("curate", "recipe.yaml", "curate.sources.0.path=-", cwd=folder, stdin=rows)
    assert ran.exit_code == 0
