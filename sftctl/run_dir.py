"""The run directory: every path has a name, one process writes at a time, a file under its final name is complete."""

import contextlib
import errno
import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sftctl.errors import RunDirBusy, StorageFailed

_STANDARD_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


@dataclass(frozen=True)
class RunDir:
    """Paths of one run; nothing is created until something is written."""

    root: Path

    @property
    def input_recipe(self) -> Path:
        """The recipe as it was given, before overrides."""
        return self.root / "recipe.input.yaml"

    @property
    def resolved_recipe(self) -> Path:
        """Every key with the value in force; a recipe itself, for running the same again."""
        return self.root / "recipe.resolved.yaml"

    @property
    def manifest(self) -> Path:
        """Per stage: when and how it ended, hashes, versions, seed, hardware; what failed or was interrupted since."""
        return self.root / "manifest.json"

    @property
    def lock(self) -> Path:
        """Held while a command writes; a holder that died holds nothing."""
        return self.root / "run.lock"

    @property
    def report(self) -> Path:
        """The whole run on one page that needs no network; written after every stage."""
        return self.root / "report.html"

    @property
    def training_rows(self) -> Path:
        """Rows to train on, one conversation a line, in TRL's conversational form with id, source and tags."""
        return self.root / "data" / "train.jsonl"

    @property
    def held_out_rows(self) -> Path:
        """Rows kept from training before any filter; the same ones when the data grows."""
        return self.root / "data" / "held_out.jsonl"

    @property
    def rejected_rows(self) -> Path:
        """Every row that was rejected, whole, with its reason."""
        return self.root / "data" / "rejected.jsonl"

    @property
    def verdicts(self) -> Path:
        """One line for each row read: id, source, line, stage, verdict, flags, reason, score, matched id."""
        return self.root / "data" / "verdicts.parquet"

    @property
    def curate_result(self) -> Path:
        """Counts by source and reason, mix, diversity before and after, samples to read."""
        return self.root / "data" / "curate.json"

    @property
    def quality_scores(self) -> Path:
        """Rows that were scored, so that none is scored twice by the same model; may be deleted."""
        return self.root / "data" / "scores.jsonl"

    @property
    def smoke_test_result(self) -> Path:
        """Each check with verdict, evidence and advice; the forecast of the full run."""
        return self.root / "smoke_test" / "smoke_test.json"

    @property
    def smoke_test_scratch(self) -> Path:
        """Checkpoints of the smoke test; removed when it ends."""
        return self.root / "smoke_test" / "scratch"

    @property
    def metrics(self) -> Path:
        """One line for each optimizer step and each evaluation: loss, rate, gradient norm, tokens, memory."""
        return self.root / "logs" / "metrics.jsonl"

    @property
    def train_result(self) -> Path:
        """How the run ended, at which step the best weights are, held-out losses, forecast beside actual."""
        return self.root / "logs" / "train.json"

    @property
    def log(self) -> Path:
        """What the terminal showed, with times, and tracebacks; all commands of this run, one after another."""
        return self.root / "logs" / "run.log"

    @property
    def checkpoints(self) -> Path:
        """Resumable checkpoints, each with hashes of its files."""
        return self.root / "checkpoints"

    @property
    def model(self) -> Path:
        """The tuned model or adapter, whole: safetensors, tokenizer, generation settings, model card."""
        return self.root / "model"

    @property
    def eval_folder(self) -> Path:
        """What eval measured, asked and answered."""
        return self.root / "eval"

    @property
    def eval_result(self) -> Path:
        """The verdict, its gates, and every figure with its interval."""
        return self.eval_folder / "eval.json"

    @property
    def markdown_report(self) -> Path:
        """The report in short, for a pull request."""
        return self.eval_folder / "report.md"

    @property
    def junit_report(self) -> Path:
        """Checks and gates as JUnit XML, for CI."""
        return self.eval_folder / "junit.xml"

    def generations(self, side: str) -> Path:
        """Answers of one side (`base`, `tuned`, ...), one JSON object a line."""
        return self.eval_folder / f"generations.{side}.jsonl"

    @property
    def eval_progress(self) -> Path:
        """Journals of what eval has measured so far, so that nothing is measured twice; may be deleted."""
        return self.eval_folder / "progress"

    @property
    def judgements(self) -> Path:
        """Requests to the judge and its replies, as they were sent and came; without it all are paid for again."""
        return self.eval_folder / "judge.jsonl"

    @property
    def arena(self) -> Path:
        """The page on which people vote; it names no model."""
        return self.eval_folder / "arena.html"

    @property
    def arena_key(self) -> Path:
        """Which model gave which answer of the arena; not for voters."""
        return self.eval_folder / "arena_key.json"

    @property
    def votes(self) -> Path:
        """Votes of all people so far, one export of the arena a line."""
        return self.eval_folder / "votes.jsonl"

    @property
    def preferences(self) -> Path:
        """Preference pairs in TRL's conversational columns, from verdicts and votes."""
        return self.eval_folder / "preferences.jsonl"


@contextlib.contextmanager
def locked(run_dir: RunDir, command: str) -> Iterator[None]:
    """Hold the run directory; a lock whose process is gone is taken over. Raises RunDirBusy while its holder lives."""
    with storage_errors(run_dir.root):
        run_dir.root.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(run_dir.lock, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            # The kernel frees the lock when its holder dies, however it dies: no stale lock can exist.
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RunDirBusy(
                f"{run_dir.root}: in use by {_holder(run_dir.lock)}. Wait for it, or give this run another --run-dir."
            ) from error
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "command": command}
        with storage_errors(run_dir.lock):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, json.dumps(holder).encode())
        yield
        os.truncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _holder(lock: Path) -> str:
    try:
        holder = json.loads(lock.read_text(encoding="utf-8"))
        return f"`sftctl {holder['command']}` (process {holder['pid']} on {holder['host']})"
    except (OSError, ValueError, KeyError):
        return "another process"


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a failing one into StorageFailed, which names the path and what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFailed(f"{path}: the disk is full. Free space, then run the same command again.") from error
        raise StorageFailed(
            f"{path}: {error.strerror or error}. Mend that, or name another place; no finished file was changed."
        ) from error


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old content or the new, never a part."""
    write_with(path, lambda file: file.write(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """`write_text` of indented JSON that ends in a newline; NaN and infinity are refused with ValueError."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_with(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, then fsync it, rename it and fsync the folder.

    A link leads to the file that is replaced; what `is_stream` is written as it is.
    """
    with storage_errors(path):
        if is_stream(path):
            number = _open_descriptor(path)
            with path.open("wb") if number is None else open(os.dup(number), "wb") as stream:
                write(stream)
            return
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.partial")
        try:
            with aside.open("wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, path)
            fsync(path.parent)
        finally:
            aside.unlink(missing_ok=True)


def is_stream(path: Path) -> bool:
    """Whether what is written there stays: a pipe, a device, or what a shell has opened, such as /dev/stdout."""
    return _open_descriptor(path) is not None or path.is_fifo() or path.is_char_device()


def _open_descriptor(path: Path) -> int | None:
    """Its number, of what a shell has opened. A file among these goes on where it was left, as the shell means it."""
    named, number = str(path), path.name
    if named in _STANDARD_STREAMS:
        return _STANDARD_STREAMS[named]
    return int(number) if named in (f"/dev/fd/{number}", f"/proc/self/fd/{number}") and number.isdecimal() else None


def publish_folder(staged: Path, final: Path) -> None:
    """Give a finished folder its final name: fsync all it holds, move an old one away, rename, fsync the parent."""
    with storage_errors(final):
        for path in (*sorted(staged.rglob("*")), staged):
            fsync(path)
        final.parent.mkdir(parents=True, exist_ok=True)
        replaced = final.with_name(f".{final.name}.replaced")
        shutil.rmtree(replaced, ignore_errors=True)
        if final.exists():
            os.replace(final, replaced)
        os.replace(staged, final)
        fsync(final.parent)
        shutil.rmtree(replaced, ignore_errors=True)


def fsync(path: Path) -> None:
    """Make what a file holds, or renames inside a folder, survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
