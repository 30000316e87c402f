"""Whether and where a run continues: only with the same data and recipe, and only from a whole checkpoint."""

from sftctl.errors import ResumeRefused
from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.train import checkpoints, fingerprint
from sftctl.train.checkpoints import Checkpoint
from sftctl.train.config import TrainConfig
from sftctl.train.row_files import row_files


def refuse_changed(config: TrainConfig, model: ModelConfig, data: DataConfig, run_dir: RunDir, seed: int) -> None:
    """Raises ResumeRefused where the newest checkpoint was made otherwise; only its manifest is read."""
    found = checkpoints.newest_manifest(run_dir.checkpoints)
    if found is not None:
        origin = fingerprint.Origin(config, model, data, row_files(config, run_dir).hashes())
        _refuse_changed(found, fingerprint.of_weights(origin, seed))


def checkpoint_to_resume(run_dir: RunDir, wanted: dict[str, str]) -> Checkpoint | None:
    """The newest whole checkpoint; None where there is none. Raises ResumeRefused, naming what changed."""
    checkpoint = checkpoints.newest_whole(run_dir.checkpoints)
    if checkpoint is not None:
        _refuse_changed(checkpoint, wanted)
    return checkpoint


def _refuse_changed(checkpoint: Checkpoint, wanted: dict[str, str]) -> None:
    saved = checkpoint.manifest.made_from
    changed = sorted(name for name in saved.keys() | wanted.keys() if saved.get(name) != wanted.get(name))
    if changed:
        raise ResumeRefused(
            f"{checkpoint.path} was made with other values of {', '.join(changed)}. Undo the change to go on from "
            f"step {checkpoint.manifest.step}, or add --overwrite to start anew."
        )
