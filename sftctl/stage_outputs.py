"""What each stage leaves in the run directory: what is hashed, what says how it went, what a pipeline goes on with."""

import shutil
from pathlib import Path

from sftctl.manifest import Stage
from sftctl.run_dir import RunDir


def outputs_of(run_dir: RunDir, stage: Stage) -> tuple[Path, ...]:
    """What is hashed into the manifest; the last one says how the stage went."""
    rows = (run_dir.training_rows, run_dir.held_out_rows, run_dir.rejected_rows, run_dir.verdicts)
    outputs: dict[Stage, tuple[Path, ...]] = {
        "curate": (*rows, run_dir.curate_result),
        "smoke-test": (run_dir.smoke_test_result,),
        "train": (run_dir.model, run_dir.train_result),
        "eval": (run_dir.eval_result,),
    }
    return outputs[stage]


def result_of(run_dir: RunDir, stage: Stage) -> Path:
    """The JSON document that says how the stage went."""
    return outputs_of(run_dir, stage)[-1]


def product_of(run_dir: RunDir, stage: Stage) -> Path:
    """The one path that a pipeline wants to go on with."""
    products: dict[Stage, Path] = {
        "curate": run_dir.training_rows,
        "smoke-test": run_dir.smoke_test_result,
        "train": run_dir.model,
        "eval": run_dir.report,
    }
    return products[stage]


def forget_measurements(run_dir: RunDir, stage: Stage) -> None:
    """Remove what would save a repeated stage its work. A judge's replies stay: they were paid for."""
    if stage == "curate":
        run_dir.quality_scores.unlink(missing_ok=True)
    elif stage == "eval":
        shutil.rmtree(run_dir.eval_progress, ignore_errors=True)
