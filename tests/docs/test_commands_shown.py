"""Every command that a page shows is one that sftctl accepts; the cheap ones run. .ci/run runs README's two lines."""

import re
import shlex
from pathlib import Path

import pytest
from typer.main import get_command

from sftctl.cli import app
from sftctl.demo.paths import resolve
from tests.commands.shell import sftctl
from tests.docs.test_links import PAGES

COMMAND = re.compile(
    r"(?:^ {4}|`|\$\(|&& |until |srun |-m |bin/)"
    r"sftctl ((?:curate|smoke-test|train|eval|run|init|schema)\b[^`#)\n;|>]*)",
    re.MULTILINE,
)


def shown_commands():
    """What follows `sftctl`, up to a comment, a pipe or two spaces."""
    for page in PAGES:
        if page.name != "commands.md":
            for match in COMMAND.finditer(page.read_text(encoding="utf-8")):
                yield page.name, re.split(r"\s{2,}|&&", match.group(1))[0].strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(shown_commands())))
def test_a_command_that_a_page_shows_is_accepted(page, line):
    name, *arguments = shlex.split(line)
    if arguments or name in ("init", "schema"):
        get_command(app).commands[name].make_context(f"sftctl {name}", arguments)


IN_ORDER = ("init", "schema", "run", "curate")
"""Whoever follows the pages makes a recipe, looks at its plan and curates; what trains or measures is too dear here."""


def cheap_lines():
    lines = {line for _, line in shown_commands() if len(line.split()) > 1 or line.split()[0] in ("init", "schema")}
    own = [line for line in lines if "builtin:demo" not in line]
    cheap = [line for line in own if line.split()[0] in ("init", "schema") or "--dry-run" in line] + [
        "curate recipe.yaml"
    ]
    return sorted(cheap, key=lambda line: (IN_ORDER.index(line.split()[0]), len(line)))


def test_the_cheap_commands_that_pages_show_run_one_after_the_other(tmp_path):
    rows = Path(resolve("builtin:demo/domain.jsonl")).read_bytes().splitlines(keepends=True)[:100]
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.jsonl").write_bytes(b"".join(rows))
    lines = cheap_lines()
    assert lines == ["init", "init --ci", "schema", "run recipe.yaml --dry-run", "curate recipe.yaml"]
    for line in lines:
        ran = sftctl(*shlex.split(line), cwd=tmp_path)
        assert ran.exit_code == 0, (line, ran.stderr)


def test_the_pages_show_commands_at_all():
    assert {line.split()[0] for _, line in shown_commands()} >= {"curate", "smoke-test", "train", "eval", "run", "init"}
