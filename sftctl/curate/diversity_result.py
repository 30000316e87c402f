"""The figures of the diversity report, as curate.json holds them."""

from pydantic import BaseModel, ConfigDict


class Lengths(BaseModel):
    """Words of a text."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    p5: float
    p50: float
    p95: float


class Diversity(BaseModel):
    """All figures are of the same fixed number of rows, drawn by the seed, so that before and after compare."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    sample_rows: int
    task_types: dict[str, int]
    task_entropy_bits: float
    prompt_words: Lengths
    response_words: Lengths
    distinct_2: float
    vendi: float
    vendi_rows: int
    nearest_similarity: float
    first_verbs: dict[str, int]
    clusters_covered: int
    clusters: int


class DiversityComparison(BaseModel):
    """The same figures of the rows that came in and of those that are trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: Diversity
    after: Diversity
