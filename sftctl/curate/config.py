"""The recipe's `curate` section: where rows come from, what is held out, and what leaves the rest."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from sftctl.curate.filters.rules import FilterRules
from sftctl.data.source import Source
from sftctl.section import Section, section_of_defaults


class HoldOutConfig(Section):
    """Rows kept out of training from the start, whole groups of near copies at a time."""

    rows: Annotated[int, Field(ge=0)] | Literal["auto"] = Field(
        "auto",
        description="rows to hold out of each role, at most a fifth of the role's rows; auto is 200, or that fifth",
    )
    frozen: Path | None = Field(
        None, description="a held_out.jsonl of an earlier run to keep; nothing else is held out"
    )


class NearDuplicatesConfig(Section):
    """When two rows are near-duplicates, and which of them stays."""

    threshold: float = Field(0.8, gt=0.5, le=1, description="Jaccard similarity from which two texts are near copies")
    ngram: int = Field(5, ge=1, le=20, description="words in a row that make one shingle")
    scope: Literal["prompt_and_response", "prompt"] = Field(
        "prompt_and_response", description="what must be similar for a row to be removed"
    )
    keep: Literal["first", "best"] | Annotated[int, Field(ge=1)] = Field(
        "first", description="which of near-duplicates stays: the first, the best, or the first so many"
    )
    method: Literal["auto", "exact", "minhash", "off"] = Field(
        "auto", description="exact finds every pair; minhash is for 300,000 rows and more; off removes nothing"
    )
    max_shingle_rows: int = Field(100, ge=1, description="a shingle in more rows than this is boilerplate")


class DecontaminateConfig(Section):
    """Which test items must not appear in training."""

    benchmarks: tuple[Path, ...] = Field((), description="benchmark files whose items are looked for in every row")
    max_groups: int = Field(
        10, ge=1, description="an n-gram in more groups of near copies than this is boilerplate, not a test item"
    )


class QualityConfig(Section):
    """A score of each row by the recipe's own model."""

    score: Literal["off", "ifd", "perplexity"] = Field("off", description="which score; ranks are within a task type")


class SelectConfig(Section):
    """The few rows that cover the many."""

    rows: int | None = Field(None, ge=1, description="rows to choose for quality and coverage; null keeps all")


class MixConfig(Section):
    """The size of the result when sources have shares."""

    by: Literal["rows", "tokens"] = Field("rows", description="what a source's share is a share of")
    size: int | None = Field(None, ge=1, description="rows or tokens of the result; null: as many as there are")
    max_upsampling: float = Field(3.0, ge=1, le=100, description="times that a source's rows may be used at most")


class CurateConfig(Section):
    """From raw rows to a held-out set and a training set."""

    sources: tuple[Source, ...] = Field(min_length=1, description="the files or hub data sets to read")
    on_control_tokens: Literal["reject", "keep"] = Field(
        "reject", description="what to do with control tokens inside user, system or tool text"
    )
    max_bad_fraction: float = Field(0.01, ge=0, le=1, description="share of unreadable rows that ends the command")
    max_dropped_fraction: float = Field(0.5, ge=0, le=1, description="share dropped by filters that fails the gate")
    hold_out: HoldOutConfig = section_of_defaults("the held-out set")
    near_duplicates: NearDuplicatesConfig = section_of_defaults("near-duplicates and near copies of held-out rows")
    decontaminate: DecontaminateConfig = section_of_defaults("test items that must not be trained on")
    filters: FilterRules = Field((), description="changes to the default filters")
    quality: QualityConfig = section_of_defaults("scores by the model")
    select: SelectConfig = section_of_defaults("choosing a small set")
    mix: MixConfig = section_of_defaults("the proportions of the sources")

    @model_validator(mode="after")
    def _sources_agree(self) -> "CurateConfig":
        names = [source.name for source in self.sources]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"two sources are named {', '.join(repeated)}: give each its own name")
        shares = [source.share for source in self.sources if source.share is not None]
        if shares and len(shares) < len(self.sources):
            without = ", ".join(source.name for source in self.sources if source.share is None)
            raise ValueError(f"give every source a share or none; without one: {without}")
        if shares and abs(sum(shares) - 1) > 0.001:
            raise ValueError(f"the shares of the sources add up to {sum(shares):g}, not 1")
        return self
