"""What the model knows at one moment: losses of fixed rows, the stop token at true ends, greedy answers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sftctl.model.generation import Generation, generate
from sftctl.model.scoring import RowLoss, StopRank, score_rows, stop_ranks
from sftctl.tokenization.prepare import Prepared
from sftctl.tokenization.rows import EncodedRow


@dataclass(frozen=True)
class Prompt:
    """A held-out prompt as inference sees it, and how its answer should look."""

    id: str
    text: str
    token_ids: Sequence[int]
    reference: str


@dataclass(frozen=True)
class Questions:
    """The same before and after the steps."""

    probe: Sequence[EncodedRow]
    held_out: Sequence[EncodedRow]
    prompts: Sequence[Prompt]
    max_new_tokens: int


@dataclass(frozen=True)
class Snapshot:
    """The answers to Questions, in their order, and the seconds that scoring and answering took."""

    probe: Sequence[RowLoss]
    held_out: Sequence[RowLoss]
    stop_ranks: Sequence[StopRank]
    answers: Sequence[Generation]
    held_out_seconds: float
    answer_seconds: float

    @property
    def seconds_per_new_token(self) -> float:
        """Of a batch: its rows grow by one token together. 0 where nothing was answered."""
        longest = max((len(answer.token_ids) + answer.stopped for answer in self.answers), default=0)
        return self.answer_seconds / max(1, longest) if self.answers else 0.0


def take_snapshot(model: Any, prepared: Prepared, questions: Questions) -> Snapshot:
    """Scores and answers; changes nothing in the model."""
    pad = prepared.pad_token_id
    at_ends = questions.held_out or questions.probe
    probe = score_rows(model, questions.probe, pad_token_id=pad)
    began = time.perf_counter()
    held_out = score_rows(model, questions.held_out, pad_token_id=pad)
    held_out_seconds = time.perf_counter() - began
    ranks = stop_ranks(model, at_ends, prepared.stop_token_ids, pad_token_id=pad)
    began = time.perf_counter()
    answers = _answers(model, prepared, questions)
    return Snapshot(probe, held_out, ranks, answers, held_out_seconds, time.perf_counter() - began)


def _answers(model: Any, prepared: Prepared, questions: Questions) -> list[Generation]:
    return generate(
        model,
        prepared.tokenizer,
        [prompt.token_ids for prompt in questions.prompts],
        stop_token_ids=prepared.stop_token_ids,
        max_new_tokens=questions.max_new_tokens,
    )
