"""The keys at the top of a recipe."""

import json
from pathlib import Path
from typing import Any

import yaml

from sftctl.options import Options
from sftctl.pipeline import run_stages
from sftctl.recipe import load_recipe
from sftctl.session import open_session
from tests.key_effect import KeyEffect


def curate_with(key: str, value: Any, folder: Path) -> Path:
    """Curate sixty rows under a recipe with one top-level key set; the run directory relative to the folder."""
    rows = [{"question": f"How long does transfer {n} take?", "answer": f"About {n} days."} for n in range(60)]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    sources = [{"name": "desk", "path": str(folder / "rows.jsonl")}]
    recipe = {
        "name": "desk",
        "run_dir": str(folder / "run"),
        "model": {"path": "builtin:tiny"},
        "curate": {"sources": sources, "hold_out": {"rows": 6}, "select": {"rows": 20}},
    }
    recipe[key] = str(folder / value) if key == "run_dir" else value
    if key == "name":
        del recipe["run_dir"]
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    session = open_session(load_recipe(str(folder / "recipe.yaml")), Options(quiet=True))
    if key == "name":
        return session.run_dir.root
    run_stages(session, ["curate"])
    return session.run_dir.root


def chosen_rows(seed: int, folder: Path) -> str:
    return (curate_with("seed", seed, folder) / "data" / "train.jsonl").read_text()


KEY_EFFECTS = [
    KeyEffect("name", "one", "other", lambda value, folder: curate_with("name", value, folder)),
    KeyEffect("run_dir", "one", "other", lambda value, folder: curate_with("run_dir", value, folder).name),
    KeyEffect("seed", 1, 2, chosen_rows),
]
