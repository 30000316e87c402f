"""Runs the filters over the rows that are left, with what they must know of the corpus."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from sftctl.curate.corpus import Corpus
from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.apply import apply_filters, share_warnings
from sftctl.curate.filters.rules import FilterRule, merged_rules
from sftctl.curate.token_counts import count_tokens
from sftctl.curate.verdicts import Decision
from sftctl.data.conversation import Conversation
from sftctl.tokenization.prepare import Prepared

STAGE = "filters"


@dataclass(frozen=True, slots=True)
class Filtered:
    """Positions that go on, a decision about each that does not, flags by id, and rows with personal data replaced."""

    rest: list[int]
    decisions: list[Decision]
    flags: Mapping[str, tuple[str, ...]]
    redacted: Mapping[int, Conversation]
    warnings: tuple[str, ...]
    dropped_fraction: float


def filter_rows(
    corpus: Corpus, positions: Sequence[int], tokenizer: Prepared, recipe_rules: Sequence[FilterRule]
) -> Filtered:
    """The recipe's rules over the defaults; held-out rows are not among `positions`, so no rule is tuned on them."""
    rows = [corpus.rows[position] for position in positions]
    facts = gather_facts(rows, partial(count_tokens, tokenizer), tokenizer.control_tokens)
    rules = merged_rules(recipe_rules)
    judgements = apply_filters(rows, rules, facts)
    judged = list(zip(positions, rows, judgements, strict=True))
    decisions = [
        Decision(row.id, "rejected", STAGE, judgement.reason)
        for _, row, judgement in judged
        if judgement.action == "drop"
    ]
    return Filtered(
        rest=[position for position, _, judgement in judged if judgement.action != "drop"],
        decisions=decisions,
        flags={row.id: judgement.flags for _, row, judgement in judged if judgement.flags},
        redacted={position: judgement.redacted for position, _, judgement in judged if judgement.redacted},
        warnings=share_warnings(judgements, rules),
        dropped_fraction=len(decisions) / max(len(rows), 1),
    )
