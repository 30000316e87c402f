"""Best of several samples against the greedy answer: whether better answers are within the model's reach."""

from collections.abc import Callable, Sequence
from typing import Any

from sftctl.eval.answers import AnswerPair
from sftctl.eval.intervals import compared, difference_of
from sftctl.eval.ledger import Ledger, key_of
from sftctl.eval.next_step import RIGHT_ENOUGH
from sftctl.eval.result import BestOf
from sftctl.eval.stated_numbers import states_all
from sftctl.eval.text_metrics import exact_match
from sftctl.model.generation import Sampling, sample
from sftctl.tokenization.prepare import Prepared

_TEMPERATURE = 0.8
_MIN_PROMPTS = 10


def right(text: str, reference: str | None) -> bool | None:
    """States the reference's figures; for a reference without one of at most 5 words: equal. None: cannot be told."""
    if not reference:
        return None
    stated = states_all(text, reference)
    if stated is None and len(reference.split()) <= 5:
        return bool(exact_match(text, reference))
    return stated


def best_of(
    model: Callable[[], Any],
    prepared: Prepared,
    pairs: Sequence[AnswerPair],
    ledger: Ledger,
    *,
    sampling: Sampling,
    max_new_tokens: int,
) -> BestOf | None:
    """None where too few prompts have an answer that can be told right or wrong, or nearly all are right already."""
    known = [pair for pair in pairs if right("", pair.question.reference) is not None and pair.question.token_ids]
    greedy = [float(bool(right(pair.tuned.text, pair.question.reference))) for pair in known]
    if len(known) < _MIN_PROMPTS or sum(greedy) / len(greedy) >= RIGHT_ENOUGH:
        return None
    settings = [sampling.temperature, sampling.seed, sampling.samples_per_prompt, max_new_tokens]

    def measure(positions: Sequence[int]) -> list[list[str]]:
        prompts = [list(known[i].question.token_ids or ()) for i in positions]
        drawn = sample(
            model(),
            prepared.tokenizer,
            prompts,
            stop_token_ids=prepared.stop_token_ids,
            sampling=sampling,
            max_new_tokens=max_new_tokens,
        )
        return [[generation.text for generation in generations] for generations in drawn]

    keys = [key_of("samples", settings, pair.question.token_ids) for pair in known]
    texts = ledger.fill(keys, measure, at_once=sampling.batch_size)
    best = [
        float(any(right(text, pair.question.reference) for text in drawn))
        for pair, drawn in zip(known, texts, strict=True)
    ]
    return BestOf(
        samples=sampling.samples_per_prompt,
        prompts=len(known),
        greedy=sum(greedy) / len(greedy),
        best=sum(best) / len(best),
        difference=difference_of(compared(greedy, best, binary=True)),
    )


def default_sampling(samples: int, seed: int, batch_size: int) -> Sampling:
    """Warm enough for samples to differ."""
    return Sampling(temperature=_TEMPERATURE, seed=seed, samples_per_prompt=samples, batch_size=batch_size)
