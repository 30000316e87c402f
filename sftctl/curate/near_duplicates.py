"""Finds near-duplicate rows, and removes each that is too near to a row that stays."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from sftctl.curate.config import NearDuplicatesConfig
from sftctl.curate.corpus import Corpus
from sftctl.curate.near_copies import CorpusSets, candidates, choose_method, equal_sets
from sftctl.curate.result import NearDuplicatesReport
from sftctl.curate.shingles import ShingleSets, row_starts, side_by_side, without_boilerplate
from sftctl.curate.similar_pairs import Pairs, Texts, joined_pairs, reaches, similarities
from sftctl.curate.verdicts import Decision

STAGE = "near_duplicates"


@dataclass(frozen=True, slots=True)
class DuplicateSets:
    """What is compared when rows are removed, boilerplate left out.

    joint: both sides as one set. Two rows that are similar on both sides are similar jointly: one join finds all.
    """

    prompts: ShingleSets
    responses: ShingleSets
    joint: ShingleSets


@dataclass(frozen=True, slots=True)
class NearDuplicates:
    """equal: for each row the first with equal sets. pairs: of such rows; similarity: the smaller of both sides."""

    method: str
    equal: Texts
    pairs: Pairs
    similarity: NDArray[np.float64]

    def count(self) -> int:
        """Pairs of rows, those with equal sets included."""
        rows = np.bincount(self.equal, minlength=len(self.equal))
        return int((rows * (rows - 1) // 2).sum() + (rows[self.pairs.first] * rows[self.pairs.second]).sum())


@dataclass(frozen=True, slots=True)
class Removal:
    """A row that goes, and the row that stays in its place."""

    row: int
    matched: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Thinned:
    """Positions that go on, a decision about each that does not, and the counts."""

    rest: list[int]
    decisions: list[Decision]
    report: NearDuplicatesReport


def drop_near_duplicates(corpus: Corpus, ranked: Sequence[int], config: NearDuplicatesConfig) -> Thinned:
    """`ranked` are positions, those that should rather stay first."""
    if config.method == "off":
        report = NearDuplicatesReport(
            method="off", threshold=config.threshold, ngram=config.ngram, scope=config.scope, pairs=0, removed=0
        )
        return Thinned(sorted(ranked), [], report)
    rows = np.array(ranked, dtype=np.int64)
    found = find_near_duplicates(duplicate_sets(corpus.sets, config, rows), config)
    allowed = config.keep if isinstance(config.keep, int) else 1
    removals = choose_removals(found, range(len(rows)), allowed)
    removed = {ranked[removal.row]: ranked[removal.matched] for removal in removals}
    return Thinned(
        rest=sorted(position for position in ranked if position not in removed),
        decisions=[
            Decision(corpus.rows[row].id, "rejected", STAGE, "near_duplicate", corpus.rows[match].id)
            for row, match in removed.items()
        ],
        report=NearDuplicatesReport(
            method=found.method,
            threshold=config.threshold,
            ngram=config.ngram,
            scope=config.scope,
            pairs=found.count(),
            removed=len(removed),
        ),
    )


def duplicate_sets(sets: CorpusSets, config: NearDuplicatesConfig, rows: Texts) -> DuplicateSets:
    """The sets of some rows; what is boilerplate is counted over the whole corpus."""
    prompts = without_boilerplate(sets.prompts, config.max_shingle_rows).of(rows)
    responses = without_boilerplate(sets.responses, config.max_shingle_rows).of(rows)
    if config.scope == "prompt":
        # Plain text has no prompt: it is compared by what it has.
        responses = _only(responses, prompts.sizes == 0)
    return DuplicateSets(prompts, responses, side_by_side(prompts, responses))


def find_near_duplicates(sets: DuplicateSets, config: NearDuplicatesConfig) -> NearDuplicates:
    """Rows are near-duplicates when prompts reach the threshold and responses do; both empty on a side is alike."""
    equal = equal_sets(sets.joint)
    firsts = np.flatnonzero((equal == np.arange(len(equal))) & (sets.joint.sizes > 0))
    distinct = sets.joint.of(firsts)
    method = choose_method(distinct, config.method, config.threshold)
    found: list[Pairs] = []
    similarity: list[NDArray[np.float64]] = [np.zeros(0)]
    for block in candidates(distinct, config.threshold, method):
        pairs = Pairs(firsts[block.first], firsts[block.second])
        of_pairs = _on_side(sets.responses, pairs)
        alike = reaches(of_pairs, config.threshold)
        pairs, of_pairs = pairs.where(alike), of_pairs[alike]
        of_pairs = np.minimum(of_pairs, _on_side(sets.prompts, pairs))
        alike = reaches(of_pairs, config.threshold)
        found.append(pairs.where(alike))
        similarity.append(of_pairs[alike])
    pairs, of_pairs = _in_order(joined_pairs(found), np.concatenate(similarity))
    return NearDuplicates(method, equal, pairs, of_pairs)


def choose_removals(found: NearDuplicates, order: Sequence[int], allowed: int) -> list[Removal]:
    """Goes through the rows in `order`; a row goes when `allowed` near-duplicates of it stay already."""
    neighbours = _neighbours(found)
    staying: dict[int, list[int]] = defaultdict(list)
    removals = []
    for row in order:
        first = int(found.equal[row])
        near = [(1.0, other) for other in staying[first]]
        near += [(alike, other) for alike, others in neighbours[first] for other in staying[others]]
        if len(near) < allowed:
            staying[first].append(row)
            continue
        similarity, matched = max(near, key=lambda candidate: candidate[0])
        removals.append(Removal(row, matched, similarity))
    return removals


def _neighbours(found: NearDuplicates) -> dict[int, list[tuple[float, int]]]:
    neighbours: dict[int, list[tuple[float, int]]] = defaultdict(list)
    pairs = zip(found.pairs.first.tolist(), found.pairs.second.tolist(), found.similarity.tolist(), strict=True)
    for first, second, similarity in pairs:
        neighbours[first].append((similarity, second))
        neighbours[second].append((similarity, first))
    return neighbours


def _on_side(sets: ShingleSets, pairs: Pairs) -> NDArray[np.float64]:
    both_empty = (sets.sizes[pairs.first] == 0) & (sets.sizes[pairs.second] == 0)
    return np.where(both_empty, 1.0, similarities(sets, pairs))


def _only(sets: ShingleSets, chosen: NDArray[np.bool_]) -> ShingleSets:
    """Empty sets for the rows that are not chosen."""
    stays = np.repeat(chosen, np.diff(sets.matrix.indptr))
    starts = row_starts(np.where(chosen, np.diff(sets.matrix.indptr), 0))
    matrix = sparse.csr_array((sets.matrix.data[stays], sets.matrix.indices[stays], starts), shape=sets.matrix.shape)
    return ShingleSets(matrix, np.where(chosen, sets.sizes, 0))


def _in_order(pairs: Pairs, similarity: NDArray[np.float64]) -> tuple[Pairs, NDArray[np.float64]]:
    order = np.lexsort((pairs.second, pairs.first))
    return Pairs(pairs.first[order], pairs.second[order]), similarity[order]
