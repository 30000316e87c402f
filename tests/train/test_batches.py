"""Every row is dealt once an epoch, in equally many micro-batches, and never over the budget."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.tokenization.packing import pack
from sftctl.train.batches import BatchRules, epoch_batches, micro_batches_per_step, steps_per_epoch


def test_best_fit_decreasing_by_hand():
    # 7 opens a group; 6 opens one; 4 fits beside 6 exactly; 3 beside 7 exactly; 2 opens a third.
    assert pack([4, 7, 2, 6, 3], 10) == [[1, 4], [3, 0], [2]]


@settings(max_examples=80, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    step=st.integers(1, 20),
    in_tokens=st.booleans(),
    budget=st.integers(40, 90),
    processes=st.integers(1, 3),
    packed=st.booleans(),
)
def test_every_row_is_dealt_once_within_the_budget(lengths, step, in_tokens, budget, processes, packed):
    step = 40 + 10 * step if in_tokens else step
    rules = BatchRules(step, budget if packed else max(1, budget // 40), packed, processes, step_in_tokens=in_tokens)
    steps = steps_per_epoch(lengths, rules, seed=3, epochs=2)
    per_step = micro_batches_per_step(lengths, rules, seed=3, epochs=2)
    for epoch in range(2):
        batches = epoch_batches(lengths, rules, 3, epoch, steps=steps, per_step=per_step)
        assert len(batches.windows) == steps
        rows = [[row for process in window for group in process for row in group] for window in batches.windows]
        assert sorted(row for window in rows for row in window) == list(range(len(lengths)))
        assert [] not in rows
        if in_tokens:
            assert max(sum(lengths[row] for row in window) for window in rows) <= step
        else:
            assert {len(window) for window in rows[:-1]} <= {step}
        for window in batches.windows:
            assert [len(process) for process in window] == [per_step] * processes
            for group in (group for process in window for group in process):
                assert (sum(lengths[row] for row in group) if packed else len(group)) <= rules.budget


def test_a_step_of_tokens_is_filled_until_the_next_row_would_not_fit():
    # In order, since all rows are `first_rows`: 4 + 5 = 9 of 10; 7 + 3 = 10 of 10; 2 is left.
    rules = BatchRules(10, 10, True, first_rows=5, step_in_tokens=True)
    lengths = [4, 5, 7, 3, 2]
    assert steps_per_epoch(lengths, rules, 1, epochs=1) == 3
    windows = epoch_batches(lengths, rules, 1, 0, steps=3, per_step=1).windows
    assert windows == [[[[0, 1]]], [[[2, 3]]], [[[4]]]]


def test_epochs_that_would_need_fewer_steps_get_as_many_as_the_longest():
    rules = BatchRules(10, 10, True, first_rows=5, step_in_tokens=True)
    lengths = [4, 5, 7, 3, 2]
    by_epoch = [steps_per_epoch(lengths, rules, seed, epochs=1) for seed in range(20)]
    assert set(by_epoch) == {3}
    # Four steps for the same rows: the first of those with most rows is dealt as two.
    windows = epoch_batches(lengths, rules, 1, 0, steps=4, per_step=1).windows
    assert windows == [[[[0]]], [[[1]]], [[[2, 3]]], [[[4]]]]
    other = BatchRules(10, 10, True, step_in_tokens=True)
    needed = {steps_per_epoch([6, 6, 4, 4, 3, 2], other, seed, epochs=1) for seed in range(20)}
    assert needed == {3, 4}
    assert steps_per_epoch([6, 6, 4, 4, 3, 2], other, 0, epochs=20) == 4


def test_epochs_differ_and_repeat_exactly():
    rules = BatchRules(8, 100, True)
    first, again, second = (epoch_batches([9] * 32, rules, 5, epoch, steps=4, per_step=1) for epoch in (0, 0, 1))
    assert first == again
    assert first != second


def test_first_rows_are_read_first_in_epoch_0_only():
    rules = BatchRules(4, 100, True, first_rows=4)
    windows = [epoch_batches([9] * 16, rules, 5, epoch, steps=4, per_step=1).windows[0][0][0] for epoch in (0, 1)]
    assert windows[0] == [0, 1, 2, 3]
    assert windows[1] != [0, 1, 2, 3]
