"""What every part of a recipe is: closed to unknown keys, unchanged once read, built with the whole recipe."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping in the recipe. Its validator is built on first use, since a recipe needs one and not sixty."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
