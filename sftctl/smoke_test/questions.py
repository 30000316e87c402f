"""What the model is asked before and after the steps, and what only one of the two answers can tell."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.scoring import score_rows
from sftctl.model.settings import context_length
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.smoke_test.evidence import PromptComparison, Reload
from sftctl.smoke_test.rehearsal import Rehearsal
from sftctl.smoke_test.sample import spread
from sftctl.smoke_test.snapshot import Prompt, Questions
from sftctl.tokenization.compact import trained_tokens_of
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_prompts
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow
from sftctl.train import publishing
from sftctl.train.inputs import Inputs

_RELOADED_ROWS = 2


@dataclass(frozen=True)
class Rows:
    """The tokenised rows of the recipe, and the conversations that they came from by id."""

    inputs: Inputs
    conversations: Mapping[str, Conversation]


def questions_of(
    config: SmokeTestConfig, model: ModelConfig, data: DataConfig, rows: Rows, rng: random.Random
) -> Questions:
    """Rows and prompts drawn once; prompts are held-out ones, or training ones where none is held out."""
    held_out = spread(rows.inputs.held_out, config.held_out_rows, rng)
    trained = [place for place, count in enumerate(trained_tokens_of(rows.inputs.rows)) if count]
    probe = [rows.inputs.rows[place] for place in spread(trained, config.probe_rows, rng)]
    limit = context_length(model)
    room = (limit or 10**9) - config.max_new_tokens
    prompts = [prompt for prompt in _prompts(held_out or probe, data, rows) if 0 < len(prompt.token_ids) <= room]
    return Questions(probe, held_out, prompts[: config.answers], config.max_new_tokens)


def _prompts(asked: Sequence[EncodedRow], data: DataConfig, rows: Rows) -> list[Prompt]:
    conversations = [rows.conversations[row.id] for row in asked if row.id in rows.conversations]
    encoded = encode_prompts(conversations, rows.inputs.prepared, data)
    return [
        Prompt(row.id, row.prompt, token_ids, row.response)
        for row, token_ids in zip(conversations, encoded, strict=True)
    ]


def compare_prompts(model: Any, rows: Sequence[EncodedRow], pad_token_id: int) -> PromptComparison | None:
    """Score responses behind their own prompt and behind that of the next row; None with fewer than two rows."""
    halves = [_halves(row) for row in rows if row.trained_tokens and len(row.input_ids) >= 4]
    if len(halves) < 2:
        return None
    contexts = [context for context, _, _ in halves]
    shifted = contexts[1:] + contexts[:1]
    if contexts == shifted:
        return None

    def scored(before: Sequence[Sequence[int]]) -> list[Any]:
        joined = [
            replace(row, input_ids=[*context, *ids], labels=[*[NOT_TRAINED] * len(context), *labels])
            for row, context, (_, ids, labels) in zip(kept, before, halves, strict=True)
        ]
        return score_rows(model, joined, pad_token_id=pad_token_id)

    kept = [row for row in rows if row.trained_tokens and len(row.input_ids) >= 4]
    return PromptComparison(own=scored(contexts), other=scored(shifted))


def _halves(row: EncodedRow) -> tuple[list[int], list[int], list[int]]:
    """Context, and ids and labels of what follows: from the first trained token, or the middle of plain text."""
    first = next(i for i, label in enumerate(row.labels) if label != NOT_TRAINED)
    start = first if first > 1 else len(row.input_ids) // 2
    return row.input_ids[:start], row.input_ids[start:], row.labels[start:]


def reload_checkpoint(rehearsal: Rehearsal, rows: Sequence[EncodedRow]) -> Reload | None:
    """Wipe the trained weights of the live model, read the checkpoint into it, and compare its logits with before.

    In place, so that a model which fills the device can be checked too.
    """
    if rehearsal.checkpoint is None or not rows:
        return None
    shortest = sorted(rows, key=lambda row: len(row.input_ids))[:_RELOADED_ROWS]
    live = publishing.logits_of(rehearsal.model, shortest)
    with torch.no_grad():
        for weight in rehearsal.model.parameters():
            if weight.requires_grad:
                weight.zero_()
    try:
        publishing.load_weights(rehearsal.model, rehearsal.checkpoint.folder)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        return Reload(None, f"{rehearsal.checkpoint.folder.name} cannot be read back: {str(error).splitlines()[0]}")
    saved = publishing.logits_of(rehearsal.model, shortest)
    return Reload(max(float((a - b).abs().max()) for a, b in zip(saved, live, strict=True)), None)
