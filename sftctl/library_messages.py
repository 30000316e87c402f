"""What other libraries say goes to the run's log: on the terminal stands what the user can act on."""

import logging
import os

from sftctl import console

_SILENT = {
    "TRANSFORMERS_VERBOSITY": "error",
    "DATASETS_VERBOSITY": "error",
    "HF_HUB_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def send_to_the_log() -> None:
    """Set once, before those libraries are loaded; what the user's environment says goes before it."""
    for name, value in _SILENT.items():
        os.environ.setdefault(name, value)
    logging.basicConfig(handlers=[_LogFile()], level=logging.WARNING)
    logging.captureWarnings(True)


class _LogFile(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        console.log_only(f"{record.name}: {record.getMessage()}")
