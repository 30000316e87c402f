"""The list of filters: what a recipe may name, what runs by default, and how the two are joined."""

from collections.abc import Sequence
from typing import Annotated, get_args

from pydantic import Field

from sftctl.curate.filters.empty import EmptyResponse
from sftctl.curate.filters.length import ResponseLength

FilterRule = Annotated[EmptyResponse | ResponseLength, Field(discriminator="rule")]

DEFAULT_RULES: tuple[FilterRule, ...] = tuple(rule() for rule in get_args(get_args(FilterRule)[0]))


def merged_rules(recipe_rules: Sequence[FilterRule]) -> tuple[FilterRule, ...]:
    """The defaults as the recipe changes them, in the order of the union; rules that are off are left out."""
    chosen = {rule.rule: rule for rule in (*DEFAULT_RULES, *recipe_rules)}
    return tuple(rule for rule in chosen.values() if rule.action != "off")
