"""Near-duplicates: every pair is found, and a row goes only for a row that stays."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.curate import minhash
from sftctl.curate.config import NearDuplicatesConfig
from sftctl.curate.corpus import index_corpus
from sftctl.curate.minhash import rows_per_band
from sftctl.curate.near_copies import corpus_sets, near_copy_groups
from sftctl.curate.near_duplicates import (
    NearDuplicates,
    choose_removals,
    drop_near_duplicates,
    duplicate_sets,
    find_near_duplicates,
)
from sftctl.curate.words import CorpusWords, split_words
from tests.curate import plain_pairs
from tests.curate.conversations import conversation

LONG = "please tell me how the yearly fee of the blue card is worked out when the account is closed in {}"


def all_pairs(found: NearDuplicates) -> set[tuple[int, int]]:
    members: dict[int, list[int]] = {}
    for row, first in enumerate(found.equal.tolist()):
        members.setdefault(first, []).append(row)
    pairs = {(a, b) for rows in members.values() for i, a in enumerate(rows) for b in rows[i + 1 :]}
    for first, second in zip(found.pairs.first.tolist(), found.pairs.second.tolist(), strict=True):
        pairs |= {(min(a, b), max(a, b)) for a in members[first] for b in members[second]}
    return pairs


def found_pairs(prompts: list[str], responses: list[str], **options) -> set[tuple[int, int]]:
    config = NearDuplicatesConfig(**options)
    sets = corpus_sets(CorpusWords(split_words(prompts), split_words(responses)), config.ngram)
    found = find_near_duplicates(duplicate_sets(sets, config, np.arange(len(prompts))), config)
    assert found.count() == len(all_pairs(found))
    return all_pairs(found)


def plain(prompts: list[str], responses: list[str], max_rows: int | None) -> set[tuple[int, int]]:
    sides = []
    for texts in (prompts, responses):
        sets = [plain_pairs.shingle_set(text) for text in texts]
        sides.append(sets if max_rows is None else plain_pairs.without_boilerplate(sets, max_rows))
    pairs = plain_pairs.similar_pairs(sides[0], 0.8)
    if max_rows is None:
        return set(pairs)
    return {(i, j) for i, j in pairs if len(sides[1][i] & sides[1][j]) >= 0.8 * len(sides[1][i] | sides[1][j]) - 1e-9}


def corpus(rng: random.Random, size: int) -> tuple[list[str], list[str]]:
    """Texts of a small vocabulary, each often a slightly changed copy of an earlier one, under one heading."""
    prompts: list[str] = []
    for _ in range(size):
        if prompts and rng.random() < 0.6:
            words = rng.choice(prompts).split()
            words[rng.randrange(len(words))] = rng.choice("abcdefgh")
        else:
            words = ["read", "this", "text", "and", "say", "who", *rng.choices("abcdefgh", k=rng.randrange(3, 40))]
        prompts.append(" ".join(words))
    return prompts, [rng.choice(["yes", "no", "it is not said in the text that was read"]) for _ in prompts]


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6))
def test_the_join_finds_what_comparing_all_pairs_finds(seed):
    prompts, responses = corpus(random.Random(seed), 80)
    everything = found_pairs(prompts, responses, scope="prompt", max_shingle_rows=10**9)
    assert everything == plain(prompts, responses, None)
    assert found_pairs(prompts, responses, max_shingle_rows=12) == plain(prompts, responses, 12)


def test_minhash_finds_only_true_pairs_and_nearly_all():
    prompts, responses = corpus(random.Random(1), 1500)
    expected = plain(prompts, responses, None)
    found = found_pairs(prompts, responses, method="minhash", scope="prompt", max_shingle_rows=10**9)
    assert found <= expected
    assert len(found) >= 0.99 * len(expected) > 200


def test_a_bucket_of_everything_costs_no_more_than_its_share(monkeypatch):
    texts = [f"{LONG.format('May')} {LONG.format('June')} number {n}" for n in range(300)]
    sets = corpus_sets(CorpusWords(split_words(texts), split_words(["a"] * 300)), 5)
    monkeypatch.setattr(minhash, "PAIRS_PER_BAND", 3000)
    blocks = list(minhash.candidate_blocks(sets.prompts, 0.8))
    assert max(len(block) for block in blocks) <= 3000
    # Neighbours are enough to see that all are one group.
    assert len(set(near_copy_groups(sets, 0.8, "minhash").tolist())) == 1


def test_bands_follow_the_threshold():
    # 1 - (1 - 0.8^5)^25 = 0.99995 and 1 - (1 - 0.8^6)^21 = 0.9983, which is under 0.999.
    assert rows_per_band(0.8) == 5
    assert rows_per_band(0.95) > 5 > rows_per_band(0.6)


@pytest.mark.parametrize("method", ["exact", "minhash"])
def test_the_same_question_with_another_answer_is_no_duplicate(method):
    prompts = [LONG.format("May")] * 3
    responses = ["It is four pounds.", "It is nine pounds a year.", "It is four pounds!"]
    assert found_pairs(prompts, responses, method=method) == {(0, 2)}
    assert found_pairs(prompts, responses, method=method, scope="prompt") == {(0, 1), (0, 2), (1, 2)}


def test_shingles_of_many_rows_do_not_count():
    # 12 words are in every prompt, 18 are a row's own; the last row differs from the first in one.
    own = [" ".join(f"w{n}{k}" for k in range(18)) for n in range(4)]
    texts = [f"Choose the category of the following company from this list of words {words}" for words in own]
    near = [text.replace("w00 w01", "w00 w01 x") for text in texts[:1]]
    pairs = found_pairs([*texts, *near], ["a"] * 5, scope="prompt", max_shingle_rows=3, threshold=0.6)
    assert pairs == {(0, 4)}


def test_a_row_of_boilerplate_alone_is_compared_on_all_of_it():
    assert found_pairs(["Is this review good or bad?"] * 5, ["good"] * 5, max_shingle_rows=3) == {
        (i, j) for i in range(5) for j in range(i + 1, 5)
    }


def test_plain_texts_are_compared_by_their_text():
    assert found_pairs(["", "", ""], [LONG.format("May"), LONG.format("May") + "!", "Something else."]) == {(0, 1)}
    assert found_pairs(["", ""], [LONG.format("May")] * 2, scope="prompt") == {(0, 1)}


def chain() -> list:
    """Each row is near the next, the first is not near the last."""
    # Neighbours share 38 words in a row, 34 shingles of 38: 0.89. The next but one shares 32 of 40: 0.8.
    texts = [" ".join(f"w{k}" for k in range(2 * n, 2 * n + 40)) for n in range(4)]
    return [conversation(text, "yes", str(n)) for n, text in enumerate(texts)]


def removed(rows, order=None, **options) -> dict[str, str]:
    config = NearDuplicatesConfig(**options)
    thinned = drop_near_duplicates(index_corpus(rows, config), list(order or range(len(rows))), config)
    assert len(thinned.rest) + len(thinned.decisions) == len(rows)
    return {decision.id: decision.matched_id for decision in thinned.decisions}


def test_a_row_goes_only_for_a_row_that_stays():
    # Removing whole chains would keep one of four; row 2 is near row 1, which is gone.
    assert removed(chain(), threshold=0.85) == {"1": "0", "3": "2"}


def test_the_order_says_which_of_two_stays():
    assert removed(chain(), order=[3, 2, 1, 0], threshold=0.85) == {"2": "3", "0": "1"}


def test_so_many_answers_to_a_question_stay():
    rows = [conversation(LONG.format("May"), f"answer {n}", str(n)) for n in range(5)]
    assert removed(rows, scope="prompt", keep=3) == {"3": "0", "4": "0"}


def test_off_removes_nothing():
    assert removed(chain(), method="off") == {}


def test_removing_twice_changes_nothing():
    prompts, responses = corpus(random.Random(5), 150)
    rows = [conversation(p, r, str(n)) for n, (p, r) in enumerate(zip(prompts, responses, strict=True))]
    gone = removed(rows, max_shingle_rows=10**9)
    assert gone
    assert removed([row for row in rows if row.id not in gone], max_shingle_rows=10**9) == {}


def test_more_stay_when_more_may():
    found = find_near_duplicates(
        duplicate_sets(
            corpus_sets(CorpusWords(split_words(["a b c"] * 4), split_words(["d"] * 4)), 5),
            NearDuplicatesConfig(),
            np.arange(4),
        ),
        NearDuplicatesConfig(),
    )
    assert [removal.row for removal in choose_removals(found, range(4), 1)] == [1, 2, 3]
    assert [removal.row for removal in choose_removals(found, range(4), 3)] == [3]
