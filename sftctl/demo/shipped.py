"""What ships with the demo, and its hashes: `python -m sftctl.demo.shipped` records them after a change."""

import hashlib
import json
from pathlib import Path

from sftctl.demo.paths import FOLDER, data_folder, model_folder, recipe_path

HASHES = FOLDER / "hashes.json"


def shipped_files() -> list[Path]:
    """The recipe and every file of model and data."""
    found = [path for folder in (model_folder(), data_folder()) for path in folder.iterdir() if path.is_file()]
    return sorted([recipe_path(), *found])


def hashes() -> dict[str, str]:
    """SHA-256 of each shipped file, by its path inside the demo's folder."""
    return {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in shipped_files()
    }


if __name__ == "__main__":
    HASHES.write_text(json.dumps(hashes(), indent=2) + "\n", encoding="utf-8")
