"""The words that a chat template may look for in a content, read from its syntax tree."""

import re
from collections.abc import Iterator

from jinja2 import Environment, TemplateError, nodes

# Methods and filters whose string arguments name keys, attributes or glue, and are not searched for in a content.
_KEY_METHODS = frozenset({"get", "pop", "append", "update", "items", "keys", "strftime"})
_KEY_FILTERS = frozenset(
    {"selectattr", "rejectattr", "map", "join", "default", "d", "tojson", "dictsort", "sort", "attr"}
)
_NOT_SEARCHED = frozenset({"raise_exception", "strftime_now", "range", "namespace", "dict"})
_GENERATION_TAG = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


def searched_literals(template: str) -> tuple[str, ...]:
    """String constants of the template, case-folded, whose occurrence in a content may change what it renders.

    Left out are keys, roles compared for equality, and what is only printed. One too many only costs time: a row
    where it occurs is learned as a shape of its own.
    """
    try:
        tree = Environment(extensions=["jinja2.ext.loopcontrols"]).parse(_GENERATION_TAG.sub("", template))
    except TemplateError:
        return ()
    found = {literal.casefold() for literal in _searched(tree)}
    # A space or a letter alone is in almost every content, and no template in use looks for one.
    return tuple(sorted(literal for literal in found if len(literal.strip()) > 1 or "\n" in literal))


def _searched(tree: nodes.Template) -> Iterator[str]:
    mappings = _loop_variables(tree)
    names: set[str] = set()
    for searched in _search_operands(tree, mappings):
        yield from _constants(searched)
        names.update(name.name for name in searched.find_all(nodes.Name))
        if isinstance(searched, nodes.Name):
            names.add(searched.name)
    for assignment in tree.find_all(nodes.Assign):
        target = assignment.target
        if isinstance(target, nodes.NSRef) or (isinstance(target, nodes.Name) and target.name in names):
            yield from _constants(assignment.node)
    for loop in tree.find_all(nodes.For):
        if isinstance(loop.iter, (nodes.List, nodes.Tuple)):
            yield from _constants(loop.iter)


def _search_operands(tree: nodes.Template, mappings: set[str]) -> Iterator[nodes.Node]:
    """Every expression that is looked for in something: left of `in`, argument of a method, a filter or a macro."""
    for comparison in tree.find_all(nodes.Compare):
        for operand in comparison.ops:
            inside_mapping = isinstance(operand.expr, nodes.Name) and operand.expr.name in mappings
            if operand.op in ("in", "notin") and not inside_mapping:
                yield comparison.expr
    for call in tree.find_all(nodes.Call):
        function = call.node
        if isinstance(function, nodes.Name) and function.name in _NOT_SEARCHED:
            continue
        if isinstance(function, nodes.Getattr) and function.attr in _KEY_METHODS:
            continue
        yield from call.args
    for filtered in tree.find_all((nodes.Filter, nodes.Test)):
        if filtered.name not in _KEY_FILTERS:
            yield from filtered.args or ()


def _loop_variables(tree: nodes.Template) -> set[str]:
    """Variables of loops over messages and the like: `'tool_calls' in message` asks for a key, not for a text."""
    names: set[str] = set()
    for loop in tree.find_all(nodes.For):
        calls = [call.node for call in (*loop.iter.find_all(nodes.Call), loop.iter) if isinstance(call, nodes.Call)]
        if all(isinstance(call, nodes.Getattr) and call.attr == "items" for call in calls):
            names.update(name.name for name in loop.target.find_all(nodes.Name))
            if isinstance(loop.target, nodes.Name):
                names.add(loop.target.name)
    assigned = {node.target.name for node in tree.find_all(nodes.Assign) if isinstance(node.target, nodes.Name)}
    return names - assigned


def _constants(node: nodes.Node) -> Iterator[str]:
    """The string constants of an expression, without the keys that it looks up."""
    if isinstance(node, nodes.Const):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, nodes.Getitem):
        yield from _constants(node.node)
    else:
        for child in node.iter_child_nodes():
            yield from _constants(child)
