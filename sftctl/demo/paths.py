"""Where the built-in model, recipe and data lie; imports nothing heavy, since the recipe loads it."""

from pathlib import Path

from sftctl.errors import UsageError

FOLDER = Path(__file__).parent
PREFIX = "builtin:"
MODEL = "builtin:tiny"
RECIPE = "builtin:demo"
DATA_PREFIX = "builtin:demo/"


def model_folder() -> Path:
    """The tiny model with its tokenizer: what `builtin:tiny` means."""
    return FOLDER / "tiny"


def recipe_path() -> Path:
    """The demo's recipe: what `builtin:demo` means."""
    return FOLDER / "recipe.yaml"


def data_folder() -> Path:
    """The rows of the fictional support desk, and the general rows beside them."""
    return FOLDER / "data"


def data_names() -> list[str]:
    """Every built-in data file by the name that a recipe uses."""
    return sorted(DATA_PREFIX + item.name for item in data_folder().iterdir())


def resolve(named: str | Path) -> str:
    """The real path behind a `builtin:` name; any other path is returned as it is."""
    path = str(named)
    if not path.startswith(PREFIX):
        return path
    if path == MODEL:
        return str(model_folder())
    if path == RECIPE:
        return str(recipe_path())
    if path in data_names():
        return str(data_folder() / path.removeprefix(DATA_PREFIX))
    known = ", ".join([MODEL, RECIPE, *data_names()])
    raise UsageError(f"{path}: there is no such built-in. Name one of {known}.")
