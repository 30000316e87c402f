"""A run that is stopped at any instant and started again ends with the same bits."""

import contextlib
import json
import random
import shutil
import signal
from functools import partial

import pytest

from sftctl.errors import ResumeRefused
from sftctl.train import checkpoints
from sftctl.train.stage import train
from tests.train.forked import finish, kill_after, kill_when, signalled_at, start, weights
from tests.train.rows import DATA, FULL, LORA, run_with_rows, short

CONFIG = short(
    epochs=2, batch_size=8, micro_batch=2, evaluations_per_epoch=2, checkpoints_per_epoch=2,
    early_stopping={"patience": 50},
)  # fmt: skip
METHODS = {"full": FULL, "lora with dropout": LORA}


@pytest.fixture(scope="module", params=["full", pytest.param("lora with dropout", marks=pytest.mark.slow)])
def undisturbed(request, tmp_path_factory):
    """The model section, and what a run without any kill leaves."""
    model = METHODS[request.param]
    run_dir = run_with_rows(tmp_path_factory.mktemp("undisturbed") / "run", rows=28, held_out=4, general=2)
    assert finish(start(partial(train, CONFIG, model, DATA, run_dir, 17))) == 0
    return model, run_dir


def test_training_leaves_whole_checkpoints_and_nothing_else_beside_them(undisturbed):
    _, run_dir = undisturbed
    kept = sorted(path.name for path in run_dir.checkpoints.iterdir())
    assert kept == [path.name for path in sorted(run_dir.checkpoints.glob("checkpoint-*"))] != []


def again(model, run_dir) -> int:
    return finish(start(partial(train, CONFIG, model, DATA, run_dir, 17)))


def copy_of(run_dir, folder):
    """The same rows in a new run directory."""
    fresh = type(run_dir)(folder)
    shutil.copytree(run_dir.root / "data", folder / "data")
    return fresh


def assert_same(run_dir, expected) -> None:
    assert weights(run_dir.model) == weights(expected.model)
    found, wanted = (json.loads(each.train_result.read_text()) for each in (run_dir, expected))
    assert [(x["step"], x["loss"]) for x in found["held_out"]] == [(x["step"], x["loss"]) for x in wanted["held_out"]]
    steps, wanted_steps = (
        [json.loads(line) for line in each.metrics.read_text().splitlines()] for each in (run_dir, expected)
    )
    losses = [(line["step"], line["loss"]) for line in steps if "loss" in line]
    assert losses == [(line["step"], line["loss"]) for line in wanted_steps if "loss" in line]


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGUSR1, marks=pytest.mark.slow),
    ],
)
def test_a_signal_ends_with_75_and_the_same_command_goes_on(undisturbed, number, tmp_path):
    model, expected = undisturbed
    if model is LORA and number != signal.SIGTERM:
        pytest.skip("one signal is enough for the second method")
    run_dir = copy_of(expected, tmp_path / "run")
    work = partial(train, CONFIG, model, DATA, run_dir, 17)
    assert signalled_at(work, "os.rename", run_dir.checkpoints / "checkpoint-2", number) == 75
    assert again(model, run_dir) == 0
    assert_same(run_dir, expected)


def kill_while_saving(file, model, run_dir) -> None:
    """Kill a start of this run as soon as it writes this file of the fourth step's checkpoint."""
    staged = run_dir.checkpoints / checkpoints.STAGING / "checkpoint-4" / file
    before = written(staged)
    ended = kill_when(partial(train, CONFIG, model, DATA, run_dir, 17), lambda: written(staged) not in (None, before))
    # The last files of a save may come and go between two looks: then the run just ends.
    assert ended in (-signal.SIGKILL, 0)


def written(path) -> int | None:
    """When, in nanoseconds; an earlier kill leaves its files until the next start clears them."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_mtime_ns


def test_a_kill_during_a_save_goes_on_from_the_checkpoint_before(undisturbed, tmp_path):
    model, expected = undisturbed
    run_dir = copy_of(expected, tmp_path / "run")
    kill_while_saving("optimizer.pt", model, run_dir)
    assert again(model, run_dir) == 0
    assert_same(run_dir, expected)


@pytest.mark.slow
def test_a_run_killed_at_every_other_file_of_a_save_ends_with_the_same_bits(undisturbed, tmp_path):
    model, expected = undisturbed
    run_dir = copy_of(expected, tmp_path / "run")
    config = "adapter_config.json" if model is LORA else "config.json"
    for file in (config, "scheduler.pt", "rng_state.pth", "trainer_state.json", ".sftctl.json.partial"):
        kill_while_saving(file, model, run_dir)
    assert again(model, run_dir) == 0
    assert_same(run_dir, expected)


@pytest.mark.parametrize("fault", ["missing", "empty", "halved", "one bit flipped"])
@pytest.mark.parametrize("file", ["weights", "optimizer.pt", "rng_state.pth", "trainer_state.json"])
def test_a_damaged_checkpoint_is_named_and_passed_over(file, fault, undisturbed, tmp_path, capsys):
    model, expected = undisturbed
    if model is LORA:
        pytest.skip("the same files by another name")
    folder = tmp_path / "checkpoints"
    shutil.copytree(expected.checkpoints, folder)
    newest = checkpoints.newest_whole(folder)
    assert newest is not None
    path = newest.path / ("model.safetensors" if file == "weights" else file)
    damage(path, fault)
    before = checkpoints.newest_whole(folder)
    assert before is not None
    assert before.manifest.step < newest.manifest.step
    assert path.name in capsys.readouterr().err.replace("\n", "")


def damage(path, fault) -> None:
    content = path.read_bytes()
    if fault == "missing":
        path.unlink()
    elif fault == "empty":
        path.write_bytes(b"")
    elif fault == "halved":
        path.write_bytes(content[: len(content) // 2])
    else:
        middle = len(content) // 2
        path.write_bytes(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])


@pytest.mark.slow
def test_a_damaged_newest_checkpoint_leads_to_the_same_model(undisturbed, tmp_path):
    model, expected = undisturbed
    run_dir = copy_of(expected, tmp_path / "run")
    shutil.copytree(expected.checkpoints, run_dir.checkpoints)
    newest = checkpoints.newest_whole(run_dir.checkpoints)
    damage(newest.path / "optimizer.pt", "halved")
    assert again(model, run_dir) == 0
    assert weights(run_dir.model) == weights(expected.model)


@pytest.mark.slow
def test_steps_of_tokens_go_on_in_the_middle_of_an_epoch_with_the_same_bits(tmp_path):
    config = short(
        epochs=2, batch_size=None, batch_tokens=300, micro_batch=2, evaluations_per_epoch=2, checkpoints_per_epoch=5
    )
    expected = run_with_rows(tmp_path / "undisturbed", rows=28, held_out=4, general=2)
    assert finish(start(partial(train, config, FULL, DATA, expected, 17))) == 0
    run_dir = copy_of(expected, tmp_path / "run")
    work = partial(train, config, FULL, DATA, run_dir, 17)
    ended = signalled_at(work, "os.rename", run_dir.checkpoints / "checkpoint-4", signal.SIGKILL)
    assert ended == -signal.SIGKILL
    assert {path.name for path in run_dir.checkpoints.glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-3"}
    assert finish(start(work)) == 0
    assert_same(run_dir, expected)


def test_a_changed_recipe_is_refused_and_named(undisturbed, tmp_path):
    model, expected = undisturbed
    run_dir = copy_of(expected, tmp_path / "run")
    shutil.copytree(expected.checkpoints, run_dir.checkpoints)
    changed = CONFIG.model_copy(update={"learning_rate": 2e-3})
    with pytest.raises(ResumeRefused, match=r"train\.learning_rate"):
        train(changed, model, DATA, run_dir, 17)
    with run_dir.training_rows.open("a") as file:
        file.write(run_dir.training_rows.read_text().splitlines()[0] + "\n")
    with pytest.raises(ResumeRefused, match=r"training rows"):
        train(CONFIG, model, DATA, run_dir, 17)


@pytest.mark.slow
def test_ten_kills_at_random_times_end_with_the_same_bits(undisturbed, tmp_path):
    model, expected = undisturbed
    seconds = json.loads(expected.train_result.read_text())["seconds"]
    rng = random.Random(5)
    for number in range(5):
        run_dir = copy_of(expected, tmp_path / str(number))
        work = partial(train, CONFIG, model, DATA, run_dir, 17)
        for _ in range(2):
            kill_after(work, rng.uniform(0, 1.2 * seconds))
        assert again(model, run_dir) == 0
        assert_same(run_dir, expected)


def test_going_on_with_another_number_of_threads_or_processes_is_told(tmp_path, capsys):
    run_dir = run_with_rows(tmp_path / "run", rows=8, held_out=0, general=0)
    config = short(epochs=1, batch_size=8, checkpoints_per_epoch=1)
    train(config, FULL, DATA, run_dir, 17)
    checkpoint = checkpoints.newest_whole(run_dir.checkpoints)
    assert checkpoint is not None
    assert {"processes": "1", "CPU threads": "1"}.items() <= checkpoint.manifest.rounded_by.items()
    capsys.readouterr()
    train(config, FULL, DATA, run_dir, 17)
    assert "was written with" not in capsys.readouterr().err
    before = checkpoint.manifest.rounded_by | {"processes": "4", "CPU threads": "3"}
    written = checkpoint.manifest.model_copy(update={"rounded_by": before})
    (checkpoint.path / checkpoints.MANIFEST).write_text(written.model_dump_json())
    train(config, FULL, DATA, run_dir, 17)
    told = " ".join(capsys.readouterr().err.split())
    assert "checkpoint-1 was written with processes 4 (now 1), CPU threads 3 (now 1). The run goes on, but" in told
