"""Conversations -> rows that a trainer reads as they are; every row that is left out is counted, with its reason."""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from sftctl.data.conversation import Conversation, Message
from sftctl.errors import DataUnusable, TooManyDropped
from sftctl.tokenization.batch import BatchEncoder
from sftctl.tokenization.compact import CompactRows, lengths_of, trained_tokens_of
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.encode import Encoded
from sftctl.tokenization.overflow import Overflow
from sftctl.tokenization.prepare import Prepared
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rendering import Renderer
from sftctl.tokenization.rows import EncodedRow, RefusedRow
from sftctl.tokenization.template_facts import TemplateFacts, probe_template
from sftctl.units import share_at_least

_ROWS_AT_ONCE = 2048


@dataclass(frozen=True)
class EncodedDataset:
    """All rows of a data set, in their order."""

    rows: Sequence[EncodedRow]
    refused: list[RefusedRow]
    facts: TemplateFacts
    max_length: int
    shortened: list[str] = field(default_factory=list)
    """Ids of rows that lost whole turns at their end to `keep_whole_turns`."""

    @property
    def trained_tokens(self) -> int:
        return sum(trained_tokens_of(self.rows))

    @property
    def total_tokens(self) -> int:
        return sum(lengths_of(self.rows))


def encode_dataset(
    conversations: Iterable[Conversation],
    prepared: Prepared,
    config: DataConfig,
    *,
    model_max_length: int | None = None,
    what: str = "rows",
) -> EncodedDataset:
    """Every conversation as a row, or refused with a reason; no row without a trained token. Errors call them `what`.

    Raises TooManyDropped where more than `max_dropped_fraction` of the rows is left out, DataUnusable where nothing is
    left, and where a row is too long under `on_overflow: error`.
    """
    limit = model_max_length if config.max_length == "auto" else min(config.max_length, model_max_length or sys.maxsize)
    encoder = row_encoder(prepared, config)
    overflow = Overflow(limit or sys.maxsize, config.on_overflow, encoder, limit_of_model=limit != config.max_length)
    building = _Building()
    unread = iter(conversations)
    while some := [with_system_prompt(row, config.system_prompt) for row in islice(unread, _ROWS_AT_ONCE)]:
        results = encoder.encode([row.messages for row in some], [row.tools for row in some])
        building.add(some, results, overflow)
    if building.refused:
        _check_dropped(building.refused, building.seen, what, config, overflow)
    longest = max(building.rows.lengths, default=0)
    return EncodedDataset(
        rows=building.rows,
        refused=building.refused,
        facts=replace(_facts(prepared, config), turns=building.turns, diverging_turns=building.diverging_turns),
        max_length=longest if config.max_length == "auto" else overflow.max_length,
        shortened=building.shortened,
    )


def row_encoder(prepared: Prepared, config: DataConfig) -> BatchEncoder:
    """What turns the recipe's conversations into ids, labels, text and spans, whatever their length."""
    return BatchEncoder(
        prepared.tokenizer,
        train_on=config.train_on,
        stop_tokens=prepared.stop_tokens,
        allow_missing_eot=config.allow_missing_eot,
        end_of_text=prepared.end_of_text,
    )


@dataclass
class _Building:
    """What has been encoded so far."""

    rows: CompactRows = field(default_factory=CompactRows)
    refused: list[RefusedRow] = field(default_factory=list)
    shortened: list[str] = field(default_factory=list)
    seen: int = 0
    turns: int = 0
    diverging_turns: int = 0

    def add(self, rows: Sequence[Conversation], results: Sequence[Encoded | MaskRefused], overflow: Overflow) -> None:
        fitting: list[EncodedRow] = []
        for row, result in zip(rows, results, strict=True):
            fitted = result if isinstance(result, MaskRefused) else overflow.fit(row, result)
            if isinstance(fitted, MaskRefused):
                self.refused.append(RefusedRow(row.id, row.source, fitted.reason, fitted.message))
                continue
            fitting += fitted.rows
            if fitted.shortened:
                self.shortened.append(row.id)
            if not row.is_plain_text:
                self.turns += len(fitted.encoded.spans)
                self.diverging_turns += sum(span.diverges for span in fitted.encoded.spans)
        self.rows.extend(fitting)
        self.seen += len(rows)


def encode_prompts(
    conversations: Sequence[Conversation], prepared: Prepared, config: DataConfig, *, turn: int = -1
) -> list[list[int]]:
    """The token ids that inference starts from: all before a response, with the generation prompt.

    `turn` counts the responses of a row; a row without one is a prompt as it is. Plain text: the first half of its
    tokens. Raises MaskRefused where the template cannot render a prompt.
    """
    tokenizer = prepared.tokenizer
    texts = []
    for row in conversations:
        if row.is_plain_text:
            texts.append(row.response)
            continue
        messages = with_system_prompt(row, config.system_prompt).messages
        responses = [number for number, message in enumerate(messages) if message["role"] == "assistant"]
        before = messages[: responses[turn]] if responses else messages
        texts.append(Renderer(tokenizer, row.tools)(before, generation_prompt=True))
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(texts, add_special_tokens=False)["input_ids"]
    return [
        _first_half(row_ids) if row.is_plain_text else row_ids for row, row_ids in zip(conversations, ids, strict=True)
    ]


def with_system_prompt(row: Conversation, system_prompt: str | None) -> Conversation:
    """The conversation with the recipe's system message where it has none of its own; plain text as it is."""
    if system_prompt is None or row.is_plain_text or row.messages[0]["role"] == "system":
        return row
    return replace(row, messages=(Message(role="system", content=system_prompt), *row.messages))


def _first_half(ids: list[int]) -> list[int]:
    return ids[: max(1, len(ids) // 2)]


def _facts(prepared: Prepared, config: DataConfig) -> TemplateFacts:
    if not prepared.tokenizer.chat_template:
        return TemplateFacts("", "")
    try:
        return probe_template(prepared.tokenizer, prepared.stop_tokens, allow_missing_eot=config.allow_missing_eot)
    except MaskRefused:
        return TemplateFacts("", "")


def _check_dropped(refused: Sequence[RefusedRow], rows: int, what: str, config: DataConfig, overflow: Overflow) -> None:
    counts = Counter(refusal.reason for refusal in refused)
    by_reason = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
    example = f"for example {refused[0].id}: {refused[0].message}"
    if len(refused) == rows:
        raise DataUnusable(f"none of {rows} {what} can be used ({by_reason}); {example}. {_cure(counts, overflow)}.")
    if len(refused) / rows > config.max_dropped_fraction:
        raise TooManyDropped(
            f"{len(refused)} of {rows} {what} cannot be used ({by_reason}), more than "
            f"data.max_dropped_fraction={config.max_dropped_fraction:g} allows; {example}. {_cure(counts, overflow)}, "
            f"or, to go on without them, set data.max_dropped_fraction to at least "
            f"{share_at_least(len(refused), rows):g}."
        )


def _cure(counts: Mapping[str, int], overflow: Overflow) -> str:
    if not counts.get("too_long"):
        return "Mend them at their source"
    ways = [] if overflow.limit_of_model else ["raise data.max_length"]
    ways += [] if overflow.policy == "keep_whole_turns" else ["set data.on_overflow: keep_whole_turns"]
    return ", ".join([*ways, "shorten them at their source"]).capitalize()
