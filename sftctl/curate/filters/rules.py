"""The list of filters: what a recipe may name, what runs by default, and how the two are joined."""

from collections.abc import Sequence
from typing import Annotated, get_args

from pydantic import AfterValidator, Field

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
    names = [rule.rule for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"named twice: {', '.join(twice)}; give every filter one entry")
    return rules


FilterRules = Annotated[tuple[FilterRule, ...], AfterValidator(_each_named_once)]
"""A recipe's list: what it names replaces the default of that name."""

DEFAULT_RULES: tuple[FilterRule, ...] = tuple(rule() for rule in get_args(get_args(FilterRule)[0]))


def merged_rules(recipe_rules: Sequence[FilterRule]) -> tuple[FilterRule, ...]:
    """The defaults as the recipe changes them, in the order of the union; rules that are off are left out."""
    chosen = {rule.rule: rule for rule in (*DEFAULT_RULES, *recipe_rules)}
    return tuple(rule for rule in chosen.values() if rule.action != "off")
