"""One row of the table that shows no recipe key to be dead."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class KeyEffect:
    """Two values of a key, and what a stage does with each: an argument to a library, an output, an exit code.

    `key` is dotted: `train.learning_rate`; list items as `curate.sources.share`; options of one class of a union as
    `curate.filters.length.max_tokens`.
    """

    key: str
    one: Any
    other: Any
    observe: Callable[[Any, Path], Any]
