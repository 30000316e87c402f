"""What every part of a recipe is: closed to unknown keys, unchanged once read, built with the whole recipe."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """A mapping in the recipe. Its validator is built on first use, since a recipe needs one and not sixty."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def section_of_defaults(description: str, **values: object) -> Any:
    """The field of a section that may be left out; the validator of the whole recipe then makes it from `values`.

    An instance as the default would cost each start the building of that section's own validator.
    """
    return Field(default_factory=lambda: dict(values), validate_default=True, description=description)
