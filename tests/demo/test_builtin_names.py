"""Built-in names lead to files of the package, and nothing heavy is loaded to find them."""

import subprocess
import sys

import pytest

from sftctl.demo.paths import data_folder, model_folder, recipe_path, resolve
from sftctl.errors import UsageError


def test_builtin_tiny_is_the_model_folder():
    assert resolve("builtin:tiny") == str(model_folder())
    assert (model_folder() / "model.safetensors").is_file()


def test_builtin_demo_is_the_recipe():
    assert resolve("builtin:demo") == str(recipe_path())
    assert recipe_path().is_file()


def test_builtin_demo_file_is_a_data_file():
    assert resolve("builtin:demo/domain.jsonl") == str(data_folder() / "domain.jsonl")


@pytest.mark.parametrize("path", ["data/fintech.jsonl", "-", "org/name", "/absolute/file.jsonl"])
def test_other_paths_stay_as_they_are(path):
    assert resolve(path) == path


@pytest.mark.parametrize("path", ["builtin:large", "builtin:demo/nothing.jsonl", "builtin:demo/../paths.py"])
def test_unknown_builtin_names_those_that_exist(path):
    with pytest.raises(UsageError) as error:
        resolve(path)
    assert str(error.value) == (
        f"{path}: there is no such built-in. Name one of builtin:tiny, builtin:demo, builtin:demo/choices.jsonl, "
        "builtin:demo/domain.jsonl, builtin:demo/general.jsonl, builtin:demo/held_out.jsonl, builtin:demo/planted.json."
    )


def test_finding_paths_loads_no_model_library():
    heavy = "{'torch', 'transformers', 'tokenizers', 'trl', 'datasets', 'numpy', 'scipy', 'pandas'}"
    code = f"import sys, sftctl.demo.paths; sys.exit(len({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
