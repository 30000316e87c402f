"""One command at work: its recipe, where it writes, and what the command line says besides."""

import os
import shlex
from dataclasses import dataclass, field

from sftctl.data.first_look import FirstLook
from sftctl.errors import UsageError
from sftctl.options import Options
from sftctl.recipe import LoadedRecipe, Recipe
from sftctl.run_dir import RunDir


@dataclass(frozen=True)
class Session:
    """One command at work: its recipe, where it writes, how it was asked."""

    loaded: LoadedRecipe
    run_dir: RunDir
    options: Options
    first_look: FirstLook = field(default_factory=FirstLook)
    """What the first rows of the sources are; empty before the command has looked at them."""

    @property
    def recipe(self) -> Recipe:
        return self.loaded.recipe

    def command(self, stage: str) -> str:
        """The command line that runs `stage` on this recipe and run directory, ready to paste."""
        named = self.options.run_dir
        return self.loaded.command(stage) + (f" --run-dir {shlex.quote(str(named))}" if named else "")


def open_session(loaded: LoadedRecipe, options: Options) -> Session:
    """The command line's run directory goes before the recipe's. Raises UsageError for a file, and for no UTF-8."""
    root = options.run_dir or loaded.recipe.run_folder
    if any("\ud800" <= character <= "\udfff" for character in str(root)):
        raise UsageError(f"{os.fsencode(root)!r}: not a name in UTF-8. Give the run another --run-dir.")
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root}: a file, and a run needs a folder. Give the run another --run-dir.")
    return Session(loaded, RunDir(root), options)
