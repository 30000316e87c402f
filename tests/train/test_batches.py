"""Every row is dealt once an epoch, in equally many micro-batches, and never over the budget."""

from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.tokenization.packing import pack
from sftctl.train.batches import BatchRules, epoch_batches, micro_batches_per_step


def test_best_fit_decreasing_by_hand():
    # 7 opens a group; 6 opens one; 4 fits beside 6 exactly; 3 beside 7 exactly; 2 opens a third.
    assert pack([4, 7, 2, 6, 3], 10) == [[1, 4], [3, 0], [2]]


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=60),
    batch_size=st.integers(1, 20),
    budget=st.integers(40, 90),
    processes=st.integers(1, 3),
    packed=st.booleans(),
)
def test_every_row_is_dealt_once_within_the_budget(lengths, batch_size, budget, processes, packed):
    rules = BatchRules(batch_size, budget if packed else max(1, budget // 40), packed, processes)
    per_step = micro_batches_per_step(lengths, rules, seed=3, epochs=2)
    for epoch in range(2):
        batches = epoch_batches(lengths, rules, 3, epoch, per_step=per_step)
        dealt = [row for window in batches.windows for process in window for group in process for row in group]
        assert sorted(dealt) == list(range(len(lengths)))
        for window in batches.windows[:-1]:
            assert sum(len(group) for process in window for group in process) == batch_size
        for window in batches.windows:
            assert [len(process) for process in window] == [per_step] * processes
            for group in (group for process in window for group in process):
                assert (sum(lengths[row] for row in group) if packed else len(group)) <= rules.budget


def test_epochs_differ_and_repeat_exactly():
    rules = BatchRules(8, 100, True)
    first, again, second = (epoch_batches([9] * 32, rules, 5, epoch, per_step=1) for epoch in (0, 0, 1))
    assert first == again
    assert first != second


def test_first_rows_are_read_first_in_epoch_0_only():
    rules = BatchRules(4, 100, True, first_rows=4)
    windows = [epoch_batches([9] * 16, rules, 5, epoch, per_step=1).windows[0][0][0] for epoch in (0, 1)]
    assert windows[0] == [0, 1, 2, 3]
    assert windows[1] != [0, 1, 2, 3]
