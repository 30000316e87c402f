"""Answers by transformers in this process: greedy, batched with left padding, longest prompts first."""

from collections.abc import Sequence
from typing import Literal

from sftctl.eval.engines.reply import KeepReplies, Reply
from sftctl.eval.prompts import Question
from sftctl.eval.sides import LoadedSides, Sides
from sftctl.model.generation import generate
from sftctl.tokenization.prepare import Prepared


class HfAnswers:
    """The models under test themselves."""

    def __init__(
        self, sides: Sides, loaded: LoadedSides, prepared: Prepared, *, max_new_tokens: int, batch_size: int
    ) -> None:
        self.at_once = 4 * batch_size
        self._sides = sides
        self._loaded = loaded
        self._prepared = prepared
        self._max_new_tokens = max_new_tokens
        self._batch_size = batch_size

    def identity(self, side: Literal["base", "tuned"]) -> str:
        chosen = self._sides.base if side == "base" else self._sides.tuned
        return f"hf {chosen.fingerprint} {self._max_new_tokens} {self._prepared.stop_token_ids}"

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        with self._loaded.model(side) as model:
            for start in range(0, len(questions), self.at_once):
                generations = generate(
                    model,
                    self._prepared.tokenizer,
                    [question.token_ids or () for question in questions[start : start + self.at_once]],
                    stop_token_ids=self._prepared.stop_token_ids,
                    max_new_tokens=self._max_new_tokens,
                    batch_size=self._batch_size,
                )
                replies = [Reply(generation.text, generation.stopped) for generation in generations]
                keep(dict(enumerate(replies, start)))
