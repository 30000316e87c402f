"""Log-likelihoods of the choices of multiple-choice items: batched, sorted by length, each prompt run through once."""

# B items, C choices of all items of a batch, P prompt tokens, T continuation tokens, V vocabulary
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch.nn import functional
from transformers import DynamicCache

from sftctl.eval.benchmarks import Item
from sftctl.model.adapters import unwrapped
from sftctl.model.inference import inference

_MAX_LOGITS = 2**28
"""Logits held at once: 1 GiB in float32."""

_CPU_BATCH_TOKENS = 2048
"""A CPU gains nothing from larger batches, and loses by their padding."""


@dataclass(frozen=True, slots=True)
class _Unit:
    """Choices that share a prefix. `counted[i]`: how many last tokens of tail i belong to the choice itself."""

    item: int
    choices: tuple[int, ...]
    prefix: list[int]
    tails: list[list[int]]
    counted: list[int]

    @property
    def longest_tail(self) -> int:
        return max(map(len, self.tails))


def choice_log_likelihoods(
    model: Any, tokenizer: Any, items: Sequence[Item], *, as_chat: bool = False, max_batch_tokens: int = 8192
) -> list[list[float]]:
    """Nats (below 0) of each choice given its prompt, in float32; equal to 1e-4 for any batch.

    Prompt and choice are tokenised together and cut where the prompt alone ends. A text that is longer than the
    model's context loses its beginning; `cut_items` counts those.
    """
    settings = unwrapped(model).config.get_text_config()
    context = _context(model)
    if as_chat:
        items = [in_chat(item, tokenizer) for item in items]
    texts = _Tokens(tokenizer, add_special_tokens=not as_chat)
    units = [unit for index, item in enumerate(items) for unit in _units(index, item, texts, context)]
    found: list[list[float]] = [[0.0] * len(item.choices) for item in items]
    if model.device.type == "cpu":
        max_batch_tokens = min(max_batch_tokens, _CPU_BATCH_TOKENS)
    batches = _batches(units, max_batch_tokens, _MAX_LOGITS // settings.vocab_size)
    with inference(model):
        scored = [both for batch in batches for both in zip(batch, _score(model, batch), strict=True)]
    for unit, values in scored:
        for choice, value in zip(unit.choices, values, strict=True):
            found[unit.item][choice] = value
    return found


def cut_items(model: Any, tokenizer: Any, items: Sequence[Item], *, as_chat: bool = False) -> int:
    """How many items do not fit the model's context whole, with their longest choice."""
    asked = [in_chat(item, tokenizer) for item in items] if as_chat else items
    texts = _Tokens(tokenizer, add_special_tokens=not as_chat)
    wholes = texts.of([item.prompt + max(item.choices, key=len) for item in asked])
    return sum(len(whole) > _context(model) + 1 for whole in wholes)


def _context(model: Any) -> int:
    return getattr(unwrapped(model).config.get_text_config(), "max_position_embeddings", None) or 2**31


def in_chat(item: Item, tokenizer: Any) -> Item:
    """The prompt as a user's turn with the generation prompt behind it; choices lose their leading space."""
    turns = [{"role": "user", "content": item.prompt}]
    prompt = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return replace(item, prompt=prompt, choices=tuple(choice.lstrip() for choice in item.choices))


@dataclass(frozen=True)
class _Tokens:
    """A tokenizer with or without the tokens that it puts around a text; a rendered chat holds them already."""

    tokenizer: Any
    add_special_tokens: bool

    def of(self, texts: list[str]) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(texts, add_special_tokens=self.add_special_tokens)["input_ids"]
        return ids


def _units(index: int, item: Item, texts: _Tokens, context: int) -> list[_Unit]:
    prompt, *wholes = texts.of([item.prompt, *(item.prompt + choice for choice in item.choices)])
    starts = [min(len(prompt), len(whole) - 1) for whole in wholes]
    if not prompt or min(starts) < 1:
        bos, eos = texts.tokenizer.bos_token_id, texts.tokenizer.eos_token_id
        first = bos if bos is not None else eos
        wholes = [[first, *whole] for whole in wholes]
        starts = [start + 1 for start in starts]
    if max(map(len, wholes)) <= context + 1:
        shared = min(_common_prefix(wholes), *starts)
        return [_unit(index, tuple(range(len(wholes))), wholes, starts, shared)]
    units = []
    for choice, (whole, start) in enumerate(zip(wholes, starts, strict=True)):
        cut = max(0, len(whole) - (context + 1))
        start = max(start - cut, 1)
        units.append(_unit(index, (choice,), [whole[cut:]], [start], start))
    return units


def _unit(index: int, choices: tuple[int, ...], wholes: list[list[int]], starts: list[int], shared: int) -> _Unit:
    counted = [len(whole) - start for whole, start in zip(wholes, starts, strict=True)]
    return _Unit(index, choices, wholes[0][:shared], [whole[shared:] for whole in wholes], counted)


def _common_prefix(rows: Sequence[list[int]]) -> int:
    first, last = min(rows), max(rows)
    return next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))


def _batches(units: Sequence[_Unit], max_tokens: int, max_logits: int) -> Iterator[list[_Unit]]:
    batch: list[_Unit] = []
    prefix = choices = tail = 0
    # Tails run once for every choice, prefixes once for all: tails of like length together waste least.
    for unit in sorted(units, key=lambda unit: (-(unit.longest_tail // 4), -len(unit.prefix), unit.item)):
        grown = choices + len(unit.tails)
        longest = max(tail, unit.longest_tail)
        width = max(prefix, len(unit.prefix)) + longest
        if batch and (grown * width > max_tokens or grown * longest > max_logits):
            yield batch
            batch, prefix, choices, tail = [], 0, 0, 0
        batch.append(unit)
        prefix, choices, tail = max(prefix, len(unit.prefix)), choices + len(unit.tails), max(tail, unit.longest_tail)
    if batch:
        yield batch


def _score(model: Any, batch: Sequence[_Unit]) -> list[list[float]]:
    width = max(len(unit.prefix) for unit in batch)
    ids_BP = torch.tensor([[0] * (width - len(unit.prefix)) + unit.prefix for unit in batch], device=model.device)
    mask_BP = torch.tensor(
        [[0] * (width - len(unit.prefix)) + [1] * len(unit.prefix) for unit in batch], device=model.device
    )
    single = all(len(tail) == 1 for unit in batch for tail in unit.tails)
    output = model(
        input_ids=ids_BP,
        attention_mask=mask_BP,
        position_ids=(mask_BP.cumsum(1) - 1).clamp(min=0),
        past_key_values=None if single else DynamicCache(config=unwrapped(model).config),
        use_cache=not single,
        logits_to_keep=1,
    )
    first_BV = torch.log_softmax(output.logits[:, -1].float(), dim=-1)
    owner_C = [row for row, unit in enumerate(batch) for _ in unit.tails]
    tails = [tail for unit in batch for tail in unit.tails]
    counted = [count for unit in batch for count in unit.counted]
    nats_CT = [[float(first_BV[row, tail[0]])] for row, tail in zip(owner_C, tails, strict=True)]
    if not single:
        later = _later_tokens(model, output.past_key_values, mask_BP, owner_C, tails)
        nats_CT = [first + rest for first, rest in zip(nats_CT, later, strict=True)]
    sums = iter(sum(nats[-count:]) for nats, count in zip(nats_CT, counted, strict=True))
    return [[next(sums) for _ in unit.tails] for unit in batch]


def _later_tokens(
    model: Any, cache: DynamicCache, mask_BP: torch.Tensor, owner_C: list[int], tails: list[list[int]]
) -> list[list[float]]:
    """Log-probabilities of every token of each tail behind its first, on top of the prompts' cache."""
    rows_C = torch.tensor(owner_C, device=model.device)
    cache.batch_select_indices(rows_C)
    width = max(map(len, tails)) - 1
    ids_CT = torch.tensor([tail[:-1] + [0] * (width - len(tail) + 1) for tail in tails], device=model.device)
    next_CT = torch.tensor([tail[1:] + [0] * (width - len(tail) + 1) for tail in tails], device=model.device)
    own_CT = torch.tensor([[1] * (len(tail) - 1) + [0] * (width - len(tail) + 1) for tail in tails]).to(model.device)
    mask_CP = mask_BP[rows_C]
    positions_CT = mask_CP.sum(1, keepdim=True) + torch.arange(width, device=model.device)
    logits_CTV = model(
        input_ids=ids_CT,
        attention_mask=torch.cat([mask_CP, own_CT], dim=1),
        position_ids=positions_CT,
        past_key_values=cache,
        use_cache=True,
    ).logits
    real_CT = own_CT.bool()
    nats = iter((-functional.cross_entropy(logits_CTV[real_CT].float(), next_CT[real_CT], reduction="none")).tolist())
    return [[next(nats) for _ in tail[1:]] for tail in tails]
