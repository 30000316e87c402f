"""How much batching saves, as ratios within one run."""

import time

import pytest

from sftctl.data.conversation import read_conversations
from sftctl.demo import paths
from sftctl.eval.scorer import choice_log_likelihoods
from sftctl.model.generation import generate
from sftctl.tokenization.dataset import encode_prompts
from tests.eval.conftest import DATA
from tests.eval.conftest import prepared as prepared
from tests.eval.conftest import tiny as tiny
from tests.eval.test_scorer import _built_in_case

pytestmark = pytest.mark.performance


def _seconds(work) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def test_batched_generation_is_at_least_three_times_as_fast_as_one_by_one(tiny, prepared):
    rows = list(read_conversations(paths.data_folder() / "held_out.jsonl"))[:48]
    prompts = encode_prompts(rows, prepared, DATA)

    def run(batch_size: int):
        stops = prepared.stop_token_ids
        return generate(
            tiny, prepared.tokenizer, prompts, stop_token_ids=stops, max_new_tokens=48, batch_size=batch_size
        )

    assert [answer.text for answer in run(16)] == [answer.text for answer in run(1)]
    one_by_one, batched = _seconds(lambda: run(1)), _seconds(lambda: run(16))
    print(f"batched generation: {one_by_one / batched:.1f} times as fast")
    assert one_by_one > 3 * batched


def test_scoring_choices_in_batches_is_faster_than_one_by_one(tiny, prepared):
    rows, benchmark, _ = _built_in_case()["desk"]
    items = [benchmark.item(row) for row in rows]

    def alone() -> None:
        for item in items:
            choice_log_likelihoods(tiny, prepared.tokenizer, [item])

    one_by_one = _seconds(alone)
    batched = _seconds(lambda: choice_log_likelihoods(tiny, prepared.tokenizer, items))
    print(f"batched scoring: {one_by_one / batched:.1f} times as fast")
    assert one_by_one > 2 * batched
