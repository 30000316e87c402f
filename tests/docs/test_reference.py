import pytest

from tests.conftest import ROOT
from tests.docs.reference import commands_reference, recipe_reference, run_dir_reference


@pytest.mark.parametrize(
    ("name", "generate"),
    [("recipe", recipe_reference), ("commands", commands_reference), ("run-directory", run_dir_reference)],
)
def test_the_reference_is_what_the_program_does(golden, name, generate):
    golden(ROOT / "docs" / "reference" / f"{name}.md", generate())
