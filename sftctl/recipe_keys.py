"""What a recipe model knows about its keys: which are valid where, which may be null; pydantic's errors in words."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from sftctl.recipe_errors import Position, Problem, SourceText, initials, nearest

Path = tuple[str | int, ...]
Locate = Callable[..., tuple[SourceText, Position | None]]


def explain(error: ValidationError, root: type[BaseModel], document: Any, locate: Locate) -> list[Problem]:
    """One problem for each place that pydantic objects to, in the reader's terms."""
    by_place: dict[Path, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_place.setdefault(_document_path(detail, document), []).append(detail)
    problems = []
    for path, details in by_place.items():
        # Pydantic leaves items that failed out of its count, and then calls their list too short.
        if details[0]["type"] == "too_short" and any(
            len(other) > len(path) == len(_shared(path, other)) for other in by_place
        ):
            continue
        unknown = details[0]["type"] == "extra_forbidden"
        source, position = locate(path, key=unknown)
        problems.append(Problem(_message(path, details, root), source, position))
    return problems


def _shared(one: Path, other: Path) -> Path:
    return tuple(part for part, twin in zip(one, other, strict=False) if part == twin)


def accepts_null(root: type[BaseModel], path: Path) -> bool:
    """Whether the key at a dotted path may be null."""
    return type(None) in _choices_at(root, path)


def keys_at(root: type[BaseModel], path: Path) -> tuple[str, ...]:
    """The valid keys of the mapping at a path; those of all alternatives where the model leaves a choice."""
    models = [choice for choice in _choices_at(root, path) if _is_model(choice)]
    return tuple(dict.fromkeys(name for model in models for name in model.model_fields))


def _choices_at(root: type[BaseModel], path: Path) -> list[Any]:
    annotations: Sequence[Any] = [root]
    for part in path:
        annotations = [child for annotation in annotations for child in _children(annotation, part)]
    return [choice for annotation in annotations for choice in _alternatives(annotation)]


def all_keys(root: type[BaseModel], prefix: str = "") -> list[str]:
    """Every dotted key of a model; list items and the classes of a union share the key of their list."""
    found: list[str] = []
    for name, field in root.model_fields.items():
        dotted = f"{prefix}{name}"
        models = _models_within(field.annotation)
        if not models:
            found.append(dotted)
        for model in models:
            found += [key for key in all_keys(model, f"{dotted}.") if key not in found]
    return found


def key_hint(arguments: Sequence[str], option: str, root: type[BaseModel], *, guess: bool) -> str:
    """How to write an unknown option that was meant for a key of the recipe; with `guess`, also one spelt nearly so."""
    key = _key_meant(option.lstrip("-").replace("-", "_").lower(), root, guess=guess)
    if key is None or option not in [word.partition("=")[0] for word in arguments]:
        return ""
    index = next(place for place, word in enumerate(arguments) if word.partition("=")[0] == option)
    following = [word for word in arguments[index + 1 : index + 2] if not word.startswith("-")]
    value = arguments[index].partition("=")[2] or "".join(following) or "VALUE"
    return f"Keys of the recipe are given without dashes: {key}={value}"


def _key_meant(word: str, root: type[BaseModel], *, guess: bool) -> str | None:
    """The dotted key of that name or those initials; those of list items need a number, and are left out."""
    known = all_keys(root)
    keys = [key for key in known if _name(key) in keys_at(root, tuple(key.split(".")[:-1]))]
    found = [key for key in keys if key.startswith(f"{word}.")]
    found += [key for key in keys if word == key or word in _endings(key)]
    found += [key for key in keys if len(word) > 1 and word == initials(_name(key))]
    if guess and not any(word in (key, _name(key)) for key in known):
        close = nearest(word, keys if "." in word else [_name(key) for key in keys], min_similarity=0.8)
        found += [key for key in keys if close in (key, _name(key))]
    return found[0] if found else None


def _endings(dotted: str) -> list[str]:
    """`model_lora_r`, `lora_r`, `r` for `model.lora.r`."""
    parts = dotted.split(".")
    return ["_".join(parts[start:]) for start in range(len(parts))]


def _name(dotted: str) -> str:
    return dotted.rpartition(".")[2]


def _models_within(annotation: Any) -> list[type[BaseModel]]:
    if _is_model(annotation):
        return [annotation]
    if get_origin(annotation) is None:
        return []
    return [model for part in get_args(annotation) for model in _models_within(part)]


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _alternatives(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return tuple(choice for part in get_args(annotation) for choice in _alternatives(part))
    return (annotation,)


def _children(annotation: Any, part: str | int) -> list[Any]:
    found = []
    for choice in _alternatives(annotation):
        if _is_model(choice) and part in choice.model_fields:
            field = choice.model_fields[part]
            found.append(field.annotation)
        elif isinstance(part, int) and get_origin(choice) in (list, tuple, Sequence):
            found.append(get_args(choice)[0])
        elif get_origin(choice) in (dict, Mapping):
            found.append(get_args(choice)[1])
    return found


_ABSENT = object()


def _child(value: Any, part: str | int) -> Any:
    if isinstance(value, dict):
        return value.get(part, _ABSENT)
    if isinstance(value, list) and isinstance(part, int) and part < len(value):
        return value[part]
    return _ABSENT


def _document_path(detail: ErrorDetails, document: Any) -> Path:
    """Pydantic's location without the names of union members, which stand nowhere in the document.

    A member's name can equal a key (`preset`), so every way of leaving parts out is tried;
    one that keeps the last part wins, then the longest.
    """
    location = detail["loc"]
    missing = detail["type"] == "missing"

    def ways(here: Any, parts: Path) -> Iterator[Path]:
        if not parts:
            yield ()
            return
        part, rest = parts[0], parts[1:]
        child = _child(here, part)
        if child is not _ABSENT:
            yield from ((part, *tail) for tail in ways(child, rest))
        elif missing and not rest and isinstance(here, dict):
            yield (part,)
        yield from ways(here, rest)

    found = max(ways(document, location), key=lambda path: (path[-1:] == location[-1:], len(path)))
    discriminator = detail.get("ctx", {}).get("discriminator", "").strip("'")
    return (*found, discriminator) if detail["type"] == "union_tag_invalid" and discriminator else found


def _message(path: Path, details: list[ErrorDetails], root: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in path)
    first = details[0]
    if first["type"] == "extra_forbidden":
        return _unknown_key(path, root)
    if first["type"] == "missing":
        return f"`{name}` is required"
    if first["type"] in ("value_error", "assertion_error"):
        text = first["msg"].partition(", ")[2]
        return f"`{name}`: {text}" if name else text
    if first["type"] not in _WISHES:
        return f"`{name}`: {first['msg'][0].lower()}{first['msg'][1:]}"
    wishes = " or ".join(dict.fromkeys(_wish(detail) for detail in details))
    given = first.get("ctx", {}).get("tag", first["input"])
    message = f"`{name}` must be {wishes}, not {_shown(given)}"
    close = _close_literal(details)
    return f"{message}; did you mean `{close}`?" if close else message


def _unknown_key(path: Path, root: type[BaseModel]) -> str:
    key = str(path[-1])
    valid = keys_at(root, path[:-1])
    place = f"`{'.'.join(str(part) for part in path[:-1])}`" if path[:-1] else "a recipe"
    close = nearest(key, valid)
    if close:
        return f"unknown key `{key}` in {place}; did you mean `{close}`?"
    elsewhere = [dotted for dotted in all_keys(root) if dotted.rpartition(".")[2] == key]
    if elsewhere:
        return f"unknown key `{key}` in {place}; did you mean `{elsewhere[0]}`?"
    return f"unknown key `{key}` in {place}; its keys are {', '.join(valid)}"


_WISHES = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "path_type": "a path",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a section of keys",
    "model_attributes_type": "a section of keys",
    "dict_type": "a section of keys",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{choices}",
    "union_tag_invalid": "{choices}",
    "too_short": "a list of {min_length} or more",
    "too_long": "a list of at most {max_length}",
    "string_too_short": "text of {min_length} or more characters",
    "string_too_long": "text of at most {max_length} characters",
    "string_pattern_mismatch": "text that matches {pattern}",
    "union_tag_not_found": "a section that names its {discriminator}",
}


def _wish(detail: ErrorDetails) -> str:
    template = _WISHES.get(detail["type"], detail["msg"])
    choices = _choices(detail)
    listed = choices[0] if len(choices) == 1 else f"one of {', '.join(choices)}"
    return template.format(choices=listed, **detail.get("ctx", {}))


def _choices(detail: ErrorDetails) -> list[str]:
    context = detail.get("ctx", {})
    expected = str(context.get("expected") or context.get("expected_tags") or "")
    return [choice.strip().strip("'") for choice in expected.replace(" or ", ",").split(",") if choice.strip()]


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a section of keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _close_literal(details: list[ErrorDetails]) -> str | None:
    for detail in details:
        given = detail.get("ctx", {}).get("tag", detail["input"])
        close = nearest(given, _choices(detail)) if isinstance(given, str) else None
        if close:
            return close
    return None
