import re

import pytest

from tests.conftest import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file(page):
    targets = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_the_readmes_tree_names_every_top_level_entry_of_the_package():
    tree = (ROOT / "README.md").read_text(encoding="utf-8").partition("## The tree")[2]
    entries = [path for path in (ROOT / "sftctl").iterdir() if not path.name.startswith(("_", "py.typed"))]
    assert [path.name for path in entries if path.name not in tree] == []


def test_top_level_entries_are_exactly_the_agreed_ones():
    entries = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    made = {name for name in entries if name in {"runs", "build", "dist"} or name.endswith(".egg-info")}
    assert entries - made == {"pyproject.toml", "README.md", "LICENSE", "sftctl", "configs", "tests", "docs"}
