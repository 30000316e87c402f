"""Every command that a page shows is one that sftctl accepts; README's own two lines are run whole by .ci/run."""

import re
import shlex

import pytest
from typer.main import get_command

from sftctl.cli import app
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


def test_the_pages_show_commands_at_all():
    assert {line.split()[0] for _, line in shown_commands()} >= {"curate", "smoke-test", "train", "eval", "run", "init"}
