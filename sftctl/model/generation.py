"""Greedy and sampled answers in batches; in float32 the same text for any batch size."""

# B batch, T tokens, V vocabulary
import contextlib
import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList

from sftctl import console
from sftctl.errors import UsageError
from sftctl.model.adapters import unwrapped
from sftctl.model.inference import inference

_TIE_MARGIN = 1e-3
"""Closer than this, float32 logits of another batch shape may order two tokens the other way."""


@dataclass(frozen=True, slots=True)
class Generation:
    """What was generated before the stop token; `text` keeps other special tokens, so that a check can see them."""

    token_ids: tuple[int, ...]
    text: str
    stopped: bool


@dataclass(frozen=True, slots=True)
class Sampling:
    """Drawing at random: the same seed gives the same texts for any batch size in float32."""

    temperature: float
    seed: int
    samples_per_prompt: int = 1
    batch_size: int = 16


def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stop_token_ids: Sequence[int],
    max_new_tokens: int = 256,
    batch_size: int = 16,
) -> list[Generation]:
    """The greedy continuation of each prompt, in the order given; `stopped` when a stop token ended it.

    Penalties and sampling of the model's own generation_config are off: the answer is the model's alone.
    """
    _refuse_too_long(model, prompts, max_new_tokens)
    answers: list[Generation | None] = [None] * len(prompts)
    longest_first = sorted(range(len(prompts)), key=lambda i: -len(prompts[i]))
    with inference(model), console.progress("answers", len(prompts)) as advance:
        for start in range(0, len(prompts), batch_size):
            batch = longest_first[start : start + batch_size]
            processors = LogitsProcessorList()
            if model.dtype == torch.float32:
                processors.append(_TiesDecidedAlone(model, [len(prompts[i]) for i in batch]))
            outputs = _continued(model, [prompts[i] for i in batch], stop_token_ids, max_new_tokens, processors)
            for i, output in zip(batch, outputs, strict=True):
                answers[i] = _generation(tokenizer, output, stop_token_ids)
            advance(len(batch))
    return [answer for answer in answers if answer is not None]


def sample(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    *,
    stop_token_ids: Sequence[int],
    sampling: Sampling,
    max_new_tokens: int = 256,
) -> list[list[Generation]]:
    """`samples_per_prompt` random continuations of each prompt at `temperature`, for best-of-n."""
    _refuse_too_long(model, prompts, max_new_tokens)
    draws = [(i, number) for i in range(len(prompts)) for number in range(sampling.samples_per_prompt)]
    draws.sort(key=lambda draw: (-len(prompts[draw[0]]), draw))
    answers: dict[tuple[int, int], Generation] = {}
    with inference(model), console.progress("samples", len(draws)) as advance:
        for start in range(0, len(draws), sampling.batch_size):
            batch = draws[start : start + sampling.batch_size]
            rows = [prompts[i] for i, _ in batch]
            noise = _GumbelNoise(sampling, [(prompts[i], number) for i, number in batch], max(map(len, rows)))
            outputs = _continued(model, rows, stop_token_ids, max_new_tokens, LogitsProcessorList([noise]))
            for draw, output in zip(batch, outputs, strict=True):
                answers[draw] = _generation(tokenizer, output, stop_token_ids)
            advance(len(batch))
    return [[answers[i, number] for number in range(sampling.samples_per_prompt)] for i in range(len(prompts))]


class _TiesDecidedAlone(LogitsProcessor):  # type: ignore[misc]
    """Where two tokens are nearly equal, run the row alone: unpadded and uncached, so that no neighbour can tip it."""

    def __init__(self, model: Any, prompt_lengths: Sequence[int]) -> None:
        self._model = model
        self._padding = [max(prompt_lengths) - length for length in prompt_lengths]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        top_B2 = scores.topk(2, dim=-1).values
        close = (top_B2[:, 0] - top_B2[:, 1] < _TIE_MARGIN).nonzero().flatten().tolist()
        for row in close:
            alone_1T = input_ids[row : row + 1, self._padding[row] :]
            scores[row] = self._model(input_ids=alone_1T, logits_to_keep=1, use_cache=False).logits[0, -1]
        return scores


class _GumbelNoise(LogitsProcessor):  # type: ignore[misc]
    """Gumbel-max: the greedy choice over logits / temperature + noise is a sample; Maddison et al. (2014).

    A row's noise depends on the seed, its prompt, its number and the step, never on the batch around it.
    """

    def __init__(self, sampling: Sampling, rows: Sequence[tuple[Sequence[int], int]], padded_length: int) -> None:
        self._temperature = sampling.temperature
        self._padded_length = padded_length
        self._keys = [_row_key(sampling.seed, prompt, number) for prompt, number in rows]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        step = input_ids.shape[1] - self._padded_length
        noise_BV = torch.stack([self._noise(key + step, scores.shape[1]) for key in self._keys])
        return scores / self._temperature + noise_BV.to(scores.device, scores.dtype)

    @staticmethod
    def _noise(key: int, vocabulary: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(key)
        exponential_V = torch.empty(vocabulary).exponential_(generator=generator)
        return -exponential_V.log()


def _row_key(seed: int, prompt: Sequence[int], number: int) -> int:
    content = struct.pack(f"<qq{len(prompt)}q", seed, number, *prompt)
    return int.from_bytes(hashlib.sha256(content).digest()[:7], "little")


def _continued(
    model: Any,
    rows: Sequence[Sequence[int]],
    stop_token_ids: Sequence[int],
    max_new_tokens: int,
    processors: LogitsProcessorList,
) -> list[list[int]]:
    """The new token ids of each row, padding behind the stop token included."""
    length = max(map(len, rows))
    pad = stop_token_ids[0] if stop_token_ids else 0  # any id: the mask hides it
    input_ids_BT = torch.tensor([[pad] * (length - len(row)) + list(row) for row in rows], device=model.device)
    mask_BT = torch.tensor([[0] * (length - len(row)) + [1] * len(row) for row in rows], device=model.device)
    settings = GenerationConfig(
        max_new_tokens=max_new_tokens, eos_token_id=list(stop_token_ids) or None, pad_token_id=pad, do_sample=False
    )
    with _plain_greedy(unwrapped(model)):
        output_BT = unwrapped(model).generate(
            input_ids=input_ids_BT, attention_mask=mask_BT, generation_config=settings, logits_processor=processors
        )
    return [row[length:] for row in output_BT.tolist()]


@contextlib.contextmanager
def _plain_greedy(model: Any) -> Iterator[None]:
    """The model's own generation_config set aside: what it states would fill in whatever ours leaves open."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own


def _generation(tokenizer: Any, output: Sequence[int], stop_token_ids: Sequence[int]) -> Generation:
    end = next((i for i, token in enumerate(output) if token in stop_token_ids), None)
    token_ids = tuple(output[:end])
    text = tokenizer.decode(token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    return Generation(token_ids=token_ids, text=text, stopped=end is not None)


def _refuse_too_long(model: Any, prompts: Sequence[Sequence[int]], max_new_tokens: int) -> None:
    limit = getattr(unwrapped(model).config.get_text_config(), "max_position_embeddings", None)
    longest = max(map(len, prompts), default=0)
    if limit and longest + max_new_tokens > limit:
        raise UsageError(
            f"a prompt of {longest} tokens and {max_new_tokens} new ones do not fit the model's context of {limit}. "
            "Leave out the longest prompts, or lower max_new_tokens."
        )
    if any(len(prompt) == 0 for prompt in prompts):
        raise UsageError("a prompt has no tokens: nothing can be generated from it")
