"""Selection: exactly as many as asked, of every kind, good and far apart, the same every time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sftctl.curate.select import select, share_out, spread
from sftctl.data.conversation import Conversation

TOPICS = {
    "sea": "boat harbour sail wave anchor captain storm net salt tide",
    "oven": "bread flour yeast bake crust dough butter oven sugar knead",
    "court": "law judge appeal statute verdict counsel plea court clause tort",
}


def rows(counts):
    made = []
    for topic, count in counts.items():
        words = TOPICS[topic].split()
        for n in range(count):
            text = " ".join(words[(n + k * k) % 10] for k in range(6))
            messages = ({"role": "user", "content": f"{topic} {text}"}, {"role": "assistant", "content": f"{text} {n}"})
            made.append(Conversation(id=f"{topic}-{n}", messages=messages, source="s"))
    return made


def topics_of(selection):
    return {topic: sum(each.startswith(topic) for each in selection.ids) for topic in TOPICS}


@pytest.mark.parametrize("count", [1, 7, 30])
def test_as_many_rows_as_asked_in_the_order_of_the_rows(count):
    conversations = rows({"sea": 60, "oven": 30, "court": 10})
    selection = select(conversations, count, seed=3)
    order = [each.id for each in conversations if each.id in set(selection.ids)]
    assert list(selection.ids) == order
    assert len(set(selection.ids)) == count == sum(selection.quotas)


def test_all_rows_when_there_are_no_more():
    conversations = rows({"sea": 5})
    assert select(conversations, 5, seed=1).ids == tuple(each.id for each in conversations)
    assert select(conversations, 9, seed=1).ids == tuple(each.id for each in conversations)


def test_a_rare_topic_gets_more_than_its_share():
    found = topics_of(select(rows({"sea": 300, "oven": 30, "court": 20}), 24, seed=5))
    assert found["court"] / 24 > 20 / 350, found
    assert found["oven"] >= 2, found


def test_the_same_seed_chooses_the_same_rows():
    conversations = rows({"sea": 80, "oven": 40, "court": 15})
    assert select(conversations, 20, seed=9) == select(conversations, 20, seed=9)


def test_better_rows_are_chosen():
    conversations = rows({"sea": 100, "oven": 100})
    quality = {each.id: float(int(each.id.split("-")[1]) >= 50) for each in conversations}
    selection = select(conversations, 20, seed=2, quality=quality)
    assert sum(quality[each] for each in selection.ids) >= 18


def test_spread_takes_the_best_and_then_the_farthest():
    vectors = np.array([[1, 0], [0.98, 0.199], [0, 1], [0.6, 0.8], [-1, 0]], dtype=np.float32)
    quality = np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    everyone = np.arange(5)
    assert spread(vectors, everyone, quality, 2) == [0, 2], "row 4 is farthest, but not in the better half"
    assert spread(vectors, everyone, quality, 4) == [0, 2, 3, 1]
    assert spread(vectors, everyone, quality, 0) == []


@pytest.mark.parametrize(
    ("count", "weights", "limits", "expected"),
    [
        (10, [1, 1], [10, 10], [5, 5]),
        (10, [3, 1], [10, 10], [8, 2]),  # 7.5 and 2.5: equal remainders, the first gets the tenth
        (10, [1, 1], [2, 50], [2, 8]),
        (3, [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]),
        (9, [1, 1], [2, 3], [2, 3]),
    ],
)
def test_shares_by_largest_remainder(count, weights, limits, expected):
    assert share_out(count, weights, limits) == expected


@given(st.integers(0, 200), st.lists(st.tuples(st.floats(0.01, 50), st.integers(1, 40)), min_size=1, max_size=12))
def test_shares_add_up_and_stay_below_their_limits(count, groups):
    weights, limits = zip(*groups, strict=True)
    given_out = share_out(count, weights, limits)
    assert sum(given_out) == min(count, sum(limits))
    assert all(0 <= amount <= limit for amount, limit in zip(given_out, limits, strict=True))
