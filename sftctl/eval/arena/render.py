"""arena.html: one file that shows a ballot, takes votes and exports them, without a network and without names."""

import base64
import hashlib
import json
from pathlib import Path

import jinja2
from markupsafe import Markup

from sftctl.eval.arena.ballot import Ballot, Comparison

_PAGE = Path(__file__).parent / "page"


def arena_page(ballot: Ballot) -> str:
    """The HTML text. Data is JSON in which no `<` is left, shown as text only; script and style are named by hash."""
    script = (_PAGE / "page.js").read_text(encoding="utf-8")
    style = (_PAGE / "page.css").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True).from_string((_PAGE / "page.html.jinja").read_text(encoding="utf-8"))
    document = {"arena": ballot.key.arena, "items": [_item(comparison) for comparison in ballot.comparisons]}
    return template.render(
        data=Markup(_inert(document)),
        script=Markup(script),
        style=Markup(style),
        script_hash=_digest(script),
        style_hash=_digest(style),
    )


def _item(comparison: Comparison) -> dict[str, object]:
    task = comparison.task
    return {
        "id": comparison.id,
        "history": [{"role": turn["role"], "content": turn["content"]} for turn in task.history],
        "turns": list(task.turns),
        "left": list(comparison.left),
        "right": list(comparison.right),
    }


def _inert(document: object) -> str:
    """JSON that an HTML parser reads as one run of text: `</script>` and `<!--` cannot occur."""
    text = json.dumps(document)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
