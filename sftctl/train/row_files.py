"""Where the rows of a run lie, and what is in them; read without any model library."""

from dataclasses import dataclass
from pathlib import Path

from sftctl.errors import MissingInput
from sftctl.manifest import hash_path
from sftctl.run_dir import RunDir
from sftctl.train.config import TrainConfig


@dataclass(frozen=True)
class RowFiles:
    """Where the rows of a run lie."""

    training: Path
    held_out: Path | None

    def hashes(self) -> dict[str, str]:
        """Name -> hash of the content."""
        hashes = {"training rows": hash_path(self.training)}
        return hashes if self.held_out is None else hashes | {"held-out rows": hash_path(self.held_out)}


def row_files(config: TrainConfig, run_dir: RunDir) -> RowFiles:
    """The recipe's own files, else those that curate left. Raises MissingInput with the command that makes them."""
    if config.rows is not None:
        for name, path in (("rows", config.rows), ("held_out", config.held_out)):
            if path is not None and not path.is_file():
                raise MissingInput(f"train.{name}: there is no file {path}.")
        return RowFiles(config.rows, config.held_out)
    if not run_dir.training_rows.is_file():
        raise MissingInput(
            f"{run_dir.training_rows} is missing: the rows are not curated yet. Run `sftctl curate` with this recipe, "
            "or name ready rows with train.rows=FILE."
        )
    held_out = run_dir.held_out_rows
    # Curate leaves an empty file where none were to be held out.
    some = held_out.is_file() and held_out.stat().st_size > 0
    return RowFiles(run_dir.training_rows, held_out if some else None)
