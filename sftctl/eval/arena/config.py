"""The recipe's eval.arena section: what people vote on."""

from typing import Self

from pydantic import Field, model_validator

from sftctl.section import Section


class Contender(Section):
    """Another model in the arena, by a file of its answers."""

    name: str = Field(pattern=r"^[\w.-]+$", description="how results name it; voters never see it")
    answers: str = Field(description="file of its answers (JSON lines: id or prompt, answer)")


class ArenaConfig(Section):
    """A page on which people vote blind between two answers; it needs no server and no network."""

    prompts: int = Field(50, ge=1, le=5000, description="comparisons on the page, besides the repeats")
    repeat_share: float = Field(
        0.05, ge=0, le=1, description="share that comes again, sides swapped, to see whether a voter repeats themselves"
    )
    contenders: tuple[Contender, ...] = Field((), description="models to vote on besides base and tuned")
    min_win_rate: float | None = Field(
        None, gt=0, lt=1, description="gate: the interval of tuned against base must lie above this"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = ["base", "tuned", *(contender.name for contender in self.contenders)]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"contender name {', '.join(repeated)} is used twice (base and tuned are taken)")
        return self
