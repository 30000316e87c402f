"""The recipes that the how-to shows are valid."""

import re

import yaml

from sftctl.eval.config import EvalConfig
from tests.conftest import ROOT


def test_every_recipe_in_the_how_to_loads():
    page = (ROOT / "docs" / "how-to" / "judge-and-vote.md").read_text(encoding="utf-8")
    shown = [yaml.safe_load(block)["eval"] for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)]
    configs = [EvalConfig.model_validate(section) for section in shown]
    assert [(config.judge is not None, config.arena is not None) for config in configs] == [
        (True, False),
        (False, True),
    ]
