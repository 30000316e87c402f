"""Diversity: each figure against a value worked out by hand, and a report that compares like with like."""

import math

import numpy as np
import pytest

from sftctl.curate.clusters import find_clusters
from sftctl.curate.diversity import (
    SAMPLE_ROWS,
    compare_diversity,
    distinct_2,
    entropy_bits,
    first_verb,
    nearest_similarity,
    vendi_score,
)
from sftctl.curate.text_vectors import text_vectors
from sftctl.data.conversation import Conversation


def row(identifier, prompt, response):
    messages = ({"role": "user", "content": prompt}, {"role": "assistant", "content": response})
    return Conversation(id=identifier, messages=messages, source="s")


def test_entropy_of_four_equal_kinds_is_two_bits():
    assert entropy_bits([5, 5, 5, 5]) == 2.0
    assert entropy_bits([7]) == 0.0
    assert entropy_bits([1, 3]) == pytest.approx(0.25 * 2 + 0.75 * math.log2(4 / 3))


def test_distinct_2_counts_pairs_within_a_text():
    assert distinct_2(["a b a b", "a b"]) == 2 / 4  # ab, ba, ab | ab
    assert distinct_2(["one"]) == 0.0
    assert distinct_2(["a b " * 100], max_words=10) == 2 / 10


def test_vendi_counts_different_rows():
    different = np.eye(4, dtype=np.float32)
    assert vendi_score(different) == pytest.approx(4)
    assert vendi_score(different[[0, 0, 0, 0]]) == pytest.approx(1)
    assert vendi_score(different[[0, 0, 1, 1]]) == pytest.approx(2)


def test_nearest_similarity_leaves_out_the_row_itself():
    assert nearest_similarity(np.eye(3, dtype=np.float32)) == 0.0
    assert nearest_similarity(np.array([[1, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)) == pytest.approx(
        (1 + 1 + 0.6) / 3
    )
    assert nearest_similarity(np.eye(1, dtype=np.float32)) == 0.0


@pytest.mark.parametrize(
    ("prompt", "verb"),
    [
        ("Please write a poem about the sea.", "write"),
        ("The following is a long passage of text without a request in it at all.\nSummarize it.", "is"),
        ("A passage, quite long, on boats and on nets mended by old people long ago.\nSummarize it.", "summarize"),
        ("What is the capital?", "what"),
        ("Hmm.", ""),
    ],
)
def test_first_verb(prompt, verb):
    assert first_verb(prompt) == verb


def test_equal_texts_have_equal_vectors_and_other_words_are_far():
    vectors = text_vectors(["boat sail sea", "boat sail sea", "bread yeast oven", ""])
    assert vectors[0] @ vectors[1] == pytest.approx(1)
    assert abs(vectors[0] @ vectors[2]) < 0.35
    assert not vectors[3].any()


def test_clusters_part_what_differs():
    vectors = text_vectors(["boat sail sea"] * 5 + ["bread yeast oven"] * 5)
    labels = find_clusters(vectors, 2, seed=1).labels_R.tolist()
    assert len(set(labels[:5])) == len(set(labels[5:])) == 1
    assert labels[0] != labels[5]


def test_before_and_after_are_measured_alike():
    before = [
        row(f"b{n}", f"Write a poem about the number {n % 7}.", f"Number {n} of many, {n % 5}.") for n in range(90)
    ]
    found = compare_diversity(before, before[:30], seed=4)
    assert (found.before.rows, found.after.rows) == (90, 30)
    assert found.before.task_types == {"writing": 90}
    assert (found.before.task_entropy_bits, found.before.first_verbs) == (0.0, {"write": 90})
    assert found.before.prompt_words.p50 == 7
    assert found.after.clusters == found.before.clusters == found.before.clusters_covered
    assert found == compare_diversity(before, before[:30], seed=4)


def test_large_sets_are_measured_on_a_sample():
    many = [row(f"m{n}", f"List {n} things.", "a, b, c") for n in range(SAMPLE_ROWS + 50)]
    found = compare_diversity(many, many[:10], seed=4)
    assert (found.before.rows, found.before.sample_rows) == (SAMPLE_ROWS + 50, SAMPLE_ROWS)


def test_nothing_is_compared_with_no_rows():
    assert compare_diversity([row("a", "p", "r")], [], seed=1) is None
