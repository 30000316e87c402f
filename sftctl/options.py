"""What a command line says besides the recipe; without it, what a command does by default."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Options:
    """How a command was asked."""

    run_dir: Path | None = None
    as_json: bool = False
    quiet: bool = False
    verbose: bool = False
    color: bool = True
    dry_run: bool = False
    overwrite: bool = False
    resume: Literal["auto", "never"] = "auto"
    junit: Path | None = None
    votes: Path | None = None
