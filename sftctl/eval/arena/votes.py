"""Votes of any number of people: read, merged with those of before, and turned into outcomes between models."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sftctl.console import safe
from sftctl.errors import DataUnusable, MissingInput, UsageError
from sftctl.eval.arena.ballot import ArenaKey
from sftctl.run_dir import write_text

Choice = Literal["left", "right", "tie", "both_bad"]


class Vote(BaseModel):
    """One click on the page."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    item: str
    choice: Choice
    comment: str = ""
    seconds: float = Field(0, ge=0)


class Sheet(BaseModel):
    """One export of arena.html: all that one person has voted so far."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arena: str
    voter: str = Field(min_length=1)
    votes: tuple[Vote, ...]


def read_sheets(path: Path) -> list[Sheet]:
    """A file with one export, a list of them or one a line; or a folder of such files. Raises what is wrong with it."""
    if not path.exists():
        raise MissingInput(f"--votes {path}: there is no such file. Export the votes from arena.html first.")
    files = sorted(path.glob("*.json*")) if path.is_dir() else [path]
    sheets = []
    for file in files:
        try:
            sheets += [Sheet.model_validate(document) for document in _documents(file.read_text(encoding="utf-8"))]
        except (ValueError, OSError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise DataUnusable(f"{file}: these are no votes exported from arena.html ({reason}).") from error
    if not sheets:
        raise DataUnusable(f"{path}: there are no votes in it.")
    return sheets


def _documents(text: str) -> list[object]:
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return [json.loads(line) for line in text.splitlines() if line.strip()]
    return whole if isinstance(whole, list) else [whole]


def merge(known: Iterable[Sheet], added: Iterable[Sheet], key: ArenaKey) -> list[Sheet]:
    """A voter's later export replaces the earlier one. Raises UsageError for votes on another page."""
    by_voter = {sheet.voter: sheet for sheet in known if sheet.arena == key.arena}
    for sheet in added:
        unknown = sum(vote.item not in key.items for vote in sheet.votes)
        if sheet.arena != key.arena or unknown:
            raise UsageError(
                f"the votes of {safe(sheet.voter)} are on arena {safe(sheet.arena)}, this run's page is {key.arena}: "
                "answers, prompts or seed have changed since. Vote on the page that lies in the run directory now."
            )
        by_voter[sheet.voter] = sheet
    return [by_voter[voter] for voter in sorted(by_voter)]


def keep(sheets: Sequence[Sheet], path: Path) -> None:
    """Write one sheet a line."""
    write_text(path, "".join(sheet.model_dump_json() + "\n" for sheet in sheets))


def kept(path: Path) -> list[Sheet]:
    """What `keep` wrote; empty where nothing was kept yet."""
    return read_sheets(path) if path.exists() and path.stat().st_size else []
