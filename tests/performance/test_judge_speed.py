"""Requests to the judge overlap: marks and replies that are synced to the disk do not queue them up."""

import time

import pytest

from tests.eval.judge.server import perfect, serving
from tests.eval.judge.test_judging import contests, run

pytestmark = pytest.mark.performance


def _seconds(folder, concurrency):
    with serving(perfect, seconds=0.1) as judge:
        started = time.monotonic()
        run(judge, folder, contests(40), concurrency=concurrency)
        return time.monotonic() - started


def test_eight_requests_at_once_are_at_least_five_times_as_fast_as_one(tmp_path):
    one_by_one, eight = _seconds(tmp_path / "one", 1), _seconds(tmp_path / "eight", 8)
    print(f"judge, 110 requests of 0.1 s: {one_by_one / eight:.1f} times as fast with 8 at once")
    assert one_by_one > 5 * eight
