"""What torchrun starts in the test of two processes: one training run in the folder that is named."""

import sys
from pathlib import Path

from sftctl.run_dir import RunDir
from sftctl.train.stage import train
from tests.train.rows import DATA, FULL, short

SETTINGS = {"epochs": 1, "batch_size": 6, "evaluations_per_epoch": 2, "checkpoints_per_epoch": 2, "learning_rate": 3e-4}

if __name__ == "__main__":
    train(short(**SETTINGS), FULL, DATA, RunDir(Path(sys.argv[1])), 17)
