"""YAML read safely, with the position of every key and value; scalars by rules without surprises.

Only `true` and `false` are booleans, so `off` stays a word. `1e-5` is a number. `010` is refused: to YAML 1.1 it is 8.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from sftctl.recipe_errors import Position, Problem, SourceText, looks_like_secret, recipe_error

Path = tuple[str | int, ...]

MAX_NODES = 20_000
"""More values than this, aliases expanded, is a mistake or an attack."""

_NULL = re.compile(r"|~|null|Null|NULL")
_BOOLEAN = re.compile(r"true|True|TRUE|false|False|FALSE")
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass
class Document:
    """The plain value of a YAML text, and where each part of it stands."""

    source: SourceText
    value: Any = None
    keys: dict[Path, Position] = field(default_factory=dict)
    values: dict[Path, Position] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def parse_document(name: str, text: str) -> Document:
    """Read one YAML document. Raises RecipeError for text that is not YAML; lesser problems are left in `problems`."""
    source = SourceText.of(name, text)
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = Position(mark.line + 1, mark.column + 1) if mark else None
        context = f" ({error.context})" if error.context else ""
        raise recipe_error([Problem(f"not YAML: {error.problem}{context}", source, position)]) from error
    except yaml.YAMLError as error:
        raise recipe_error([Problem(f"not YAML: {error}", source)]) from error
    except RecursionError as error:
        raise recipe_error([Problem("nested too deeply for a recipe", source)]) from error
    reader = _Reader(Document(source))
    if root is not None:
        reader.document.value = reader.read(root, ())
    return reader.document


class _Reader:
    """Walks the node graph once; counts what it makes, so that aliases cannot explode."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.made = 0
        self.open: list[yaml.Node] = []

    def read(self, node: yaml.Node, path: Path) -> Any:
        self.document.values[path] = _position(node)
        self.made += 1
        if self.made > MAX_NODES or any(node is outer for outer in self.open):
            raise recipe_error([self.problem("aliases expand without end; write the values out", node)])
        self.open.append(node)
        try:
            if isinstance(node, yaml.MappingNode):
                return self.read_mapping(node, path)
            if isinstance(node, yaml.SequenceNode):
                return [self.read(item, (*path, index)) for index, item in enumerate(node.value)]
            assert isinstance(node, yaml.ScalarNode)  # the third and last kind of node
            return self.read_scalar(node)
        finally:
            self.open.pop()

    def read_mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self.document.problems.append(self.problem("a key must be a word", key_node))
                continue
            if key == "<<" and isinstance(value_node, yaml.MappingNode):
                merged |= self.read(value_node, path)
                continue
            if key in mapping:
                first = self.document.keys[(*path, key)]
                message = f"duplicate key `{key}`: first given in line {first.line}"
                self.document.problems.append(self.problem(message, key_node))
                continue
            self.document.keys[(*path, key)] = _position(key_node)
            mapping[key] = self.read(value_node, (*path, key))
        return merged | mapping

    def read_scalar(self, node: yaml.ScalarNode) -> Any:
        text: str = node.value
        if looks_like_secret(text):
            message = "a secret stands in the recipe: put it into an environment variable and name that (`..._env`)"
            self.document.problems.append(self.problem(message, node))
        if node.style is not None or node.tag == "tag:yaml.org,2002:str":
            return text if node.style is not None else plain_scalar(text)
        if node.tag and not node.tag.startswith("tag:yaml.org,2002:"):
            self.document.problems.append(self.problem(f"tag {node.tag} is not allowed", node))
        if _LEADING_ZERO.fullmatch(text):
            plain = text.lstrip("+-0_") or "0"
            message = f"`{text}` reads as octal in YAML 1.1: write {plain}, or quote it for text"
            self.document.problems.append(self.problem(message, node))
        return plain_scalar(text)

    def problem(self, message: str, node: yaml.Node) -> Problem:
        return Problem(message, self.document.source, _position(node))


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar: null, boolean, integer, float, or the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _BOOLEAN.fullmatch(text):
        return text.lower() == "true"
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not _LEADING_ZERO.fullmatch(text):
        return float(re.sub(r"\.(?=inf|nan)", "", text.lower()))
    return text


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)
