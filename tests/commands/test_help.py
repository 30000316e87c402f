"""Help and recipe errors come at once, and the set of options is frozen."""

import json
import subprocess
import sys

import pytest
from typer.main import get_command

from sftctl.cli import app
from tests.commands.shell import sftctl
from tests.conftest import ROOT
from tests.test_recipe import BAD_RECIPES

HEAVY = ("torch", "transformers", "trl", "datasets", "pandas", "numpy", "scipy", "sftctl.data.first_look")

WATCH = """
import json, sys
from sftctl.__main__ import main
try:
    main()
except SystemExit as ended:
    print(json.dumps([ended.code, [name for name in {heavy} if name in sys.modules]]))
"""


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["schema"], ["train", "recipe.yaml"]])
def test_no_model_library_is_loaded_for_help_schema_and_recipe_errors(arguments, tmp_path):
    (tmp_path / "recipe.yaml").write_text(BAD_RECIPES["five-at-once"])
    program = WATCH.format(heavy=HEAVY)
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    code, loaded = json.loads(ran.stdout.splitlines()[-1])
    assert (code, loaded) == (2 if arguments[-1] == "recipe.yaml" else 0, [])


def test_the_set_of_commands_and_options_is_frozen(golden):
    commands = get_command(app).commands
    lines = [
        f"{name}: {' '.join(option for parameter in command.params for option in parameter.opts)}"
        for name, command in sorted(commands.items())
    ]
    golden(ROOT / "tests" / "golden" / "options.txt", "\n".join(lines) + "\n")


def test_schema_prints_json_and_version_one_line(tmp_path):
    assert sftctl("schema", cwd=tmp_path).document["title"] == "sftctl recipe"
    assert sftctl("--version", cwd=tmp_path).stdout == "sftctl 0.1.0\n"
