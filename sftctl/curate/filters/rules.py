"""The list of filters: what a recipe may name, what runs by default, and how the two are joined."""

from collections.abc import Sequence
from functools import cache
from typing import Annotated, get_args

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from sftctl.curate.filters.empty import EmptyResponse
from sftctl.curate.filters.format_mismatch import FormatMismatch
from sftctl.curate.filters.language import OtherLanguage
from sftctl.curate.filters.length import ResponseLength
from sftctl.curate.filters.length_anomaly import LengthAnomaly
from sftctl.curate.filters.loops import Loops
from sftctl.curate.filters.pii import PersonalData
from sftctl.curate.filters.prompt_echo import PromptEcho
from sftctl.curate.filters.refusal import Refusal
from sftctl.curate.filters.role_leftovers import RoleLeftovers
from sftctl.curate.filters.special_tokens import SpecialTokens
from sftctl.curate.filters.truncation import PerhapsTruncated, Truncated

FilterRule = Annotated[
    EmptyResponse
    | ResponseLength
    | SpecialTokens
    | RoleLeftovers
    | Loops
    | Truncated
    | PerhapsTruncated
    | Refusal
    | OtherLanguage
    | PromptEcho
    | FormatMismatch
    | LengthAnomaly
    | PersonalData,
    Field(discriminator="rule"),
]


def _each_named_once(rules: tuple[FilterRule, ...]) -> tuple[FilterRule, ...]:
    """Raises at the place of the second entry."""
    names = [rule.rule for rule in rules]
    problems: list[InitErrorDetails] = [
        {
            "type": PydanticCustomError(
                "value_error", "Value error, {name} is named before; give a filter one entry", {"name": name}
            ),
            "loc": (place, "rule"),
            "input": name,
        }
        for place, name in enumerate(names)
        if name in names[:place]
    ]
    if problems:
        raise ValidationError.from_exception_data("filters", problems)
    return rules


FilterRules = Annotated[tuple[FilterRule, ...], AfterValidator(_each_named_once)]
"""A recipe's list: what it names replaces the default of that name."""


@cache
def default_rules() -> tuple[FilterRule, ...]:
    """One of each, as it runs where the recipe does not name it."""
    return tuple(rule() for rule in get_args(get_args(FilterRule)[0]))


def merged_rules(recipe_rules: Sequence[FilterRule]) -> tuple[FilterRule, ...]:
    """The defaults as the recipe changes them, in the order of the union; rules that are off are left out."""
    chosen = {rule.rule: rule for rule in (*default_rules(), *recipe_rules)}
    return tuple(rule for rule in chosen.values() if rule.action != "off")
