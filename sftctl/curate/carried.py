"""Held-out rows of an earlier run, which stay held out whatever arrives later."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sftctl import console
from sftctl.curate.config import HoldOutConfig
from sftctl.curate.exact_duplicates import content_key
from sftctl.data.conversation import Conversation, read_conversations
from sftctl.errors import MissingInput


@dataclass(frozen=True, slots=True)
class Carried:
    """Rows as the earlier file has them: those that the input has too, by position there, and those it lacks."""

    present: dict[int, Conversation]
    absent: list[Conversation]


def carry_held_out(rows: Sequence[Conversation], config: HoldOutConfig, earlier: Path) -> Carried:
    """Reads `frozen`, or what an earlier run in this directory held out; empty where there is neither.

    Raises MissingInput when the recipe names a file that is not there.
    """
    path = config.frozen or earlier
    if not path.exists():
        if config.frozen:
            raise MissingInput(f"curate.hold_out.frozen: {path} does not exist. Name the held_out.jsonl of a run.")
        return Carried({}, [])
    kept = list(read_conversations(path))
    position = {content_key(row): i for i, row in enumerate(rows)}
    places = [position.get(content_key(row)) for row in kept]
    where = "curate.hold_out.frozen names" if config.frozen else "an earlier run held out"
    console.say(f"held out: the {len(kept):,} rows that {where}{_beyond(kept, config)}")
    return Carried(
        {place: row for place, row in zip(places, kept, strict=True) if place is not None},
        [row for place, row in zip(places, kept, strict=True) if place is None],
    )


def _beyond(kept: Sequence[Conversation], config: HoldOutConfig) -> str:
    """What to do where the recipe by now asks for fewer."""
    most = max(Counter(row.role for row in kept).values(), default=0)
    if config.frozen or config.rows == "auto" or most <= config.rows:
        return ""
    return f"; curate.hold_out.rows asks for {config.rows:,}: fewer need another --run-dir"
