"""How varied the rows were before curation and are after it, side by side."""

from dataclasses import dataclass

from sftctl.curate.diversity_result import DiversityComparison, Lengths
from sftctl.report import figures


@dataclass(frozen=True)
class DiversityRow:
    """One figure of both sets."""

    name: str
    before: str
    after: str


def diversity_rows(compared: DiversityComparison | None) -> list[DiversityRow]:
    """Figures of the same fixed sample size, then the commonest kinds of tasks and first verbs."""
    if compared is None:
        return []
    before, after = compared.before, compared.after
    rows = [
        DiversityRow("rows", figures.thousands(before.rows), figures.thousands(after.rows)),
        DiversityRow("entropy of task types, bits", *_both(before.task_entropy_bits, after.task_entropy_bits)),
        DiversityRow(
            "words of a prompt, 5 % / median / 95 %", _spread(before.prompt_words), _spread(after.prompt_words)
        ),
        DiversityRow("words of a response", _spread(before.response_words), _spread(after.response_words)),
        DiversityRow("distinct-2", *_both(before.distinct_2, after.distinct_2)),
        DiversityRow(f"Vendi score of {after.vendi_rows} rows", *_both(before.vendi, after.vendi)),
        DiversityRow("mean similarity to the nearest row", *_both(before.nearest_similarity, after.nearest_similarity)),
        DiversityRow(
            "clusters covered",
            f"{before.clusters_covered} of {before.clusters}",
            f"{after.clusters_covered} of {after.clusters}",
        ),
    ]
    for title, old, new in (
        ("task", before.task_types, after.task_types),
        ("first verb", before.first_verbs, after.first_verbs),
    ):
        common = sorted(old, key=lambda name: -old[name])[:8]
        rows += [
            DiversityRow(f"{title}: {name}", figures.thousands(old[name]), figures.thousands(new.get(name, 0)))
            for name in common
        ]
    return rows


def _both(before: float, after: float) -> tuple[str, str]:
    return figures.figure(before, 3), figures.figure(after, 3)


def _spread(lengths: Lengths) -> str:
    return f"{lengths.p5:.0f} / {lengths.p50:.0f} / {lengths.p95:.0f}"
