"""Can the run be saved, and read back?"""

from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check
from sftctl.units import data_size, duration

_COPIES_BESIDE_KEPT = 3
"""The best checkpoint, the one being written, and the finished model."""


def checkpoint(evidence: Evidence) -> Check:
    """The trainer's own checkpoint was written, and gives the same logits when read back."""
    name = "save.checkpoint"
    saved, reload = evidence.rehearsal.checkpoint, evidence.reload
    if saved is None or reload is None:
        stopped_by = evidence.rehearsal.stopped_by
        return Check(
            name=name, verdict="fail", evidence=f"no checkpoint was written: {stopped_by or 'nothing was left to save'}"
        )
    if reload.problem is not None:
        return Check(name=name, verdict="fail", evidence=reload.problem, advice="check the disk, then run this again")
    speed = f"{data_size(saved.size_bytes)} in {duration(saved.seconds)}"
    text = f"{speed}; logits differ by {reload.max_logit_difference:g}"
    if reload.max_logit_difference != 0:
        return Check(name=name, verdict="fail", evidence=text, advice="what is saved is not what was trained")
    return Check(name=name, verdict="pass", evidence=text)


def disk(evidence: Evidence) -> Check:
    """Room for every checkpoint that the run keeps, and for the model."""
    name = "save.disk"
    free, saved = evidence.machine.free_disk_bytes, evidence.rehearsal.checkpoint
    if saved is None:
        text = f"{data_size(free)} free; no checkpoint to measure by"
        return Check(name=name, verdict="fail" if free == 0 else "skipped", evidence=text, advice="free disk space")
    copies = evidence.recipe.train.keep_checkpoints + _COPIES_BESIDE_KEPT
    needed = copies * saved.size_bytes
    text = f"{data_size(free)} free, {data_size(needed)} needed for {copies} copies"
    if free < needed:
        advice = "free disk space, lower train.keep_checkpoints, or set run_dir to another disk"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="warn" if free < 2 * needed else "pass", evidence=text)
