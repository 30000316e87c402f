"""The recipe's `data` section: how conversations become tokens, and which of them are trained."""

from typing import Annotated, Literal

from pydantic import Field

from sftctl.section import Section

TrainOn = Literal["all_assistant", "last_assistant", "all_tokens"]
OnOverflow = Literal["drop", "keep_whole_turns", "error"]


class DataConfig(Section):
    """Read by every stage, so that what is measured is tokenised as what is trained."""

    max_length: Annotated[int, Field(ge=8, le=10_000_000)] | Literal["auto"] = Field(
        "auto", description="longest row in tokens; auto is the longest row of the data, within the model's limit"
    )
    train_on: TrainOn = Field(
        "all_assistant",
        description="responses that carry loss: all, or the last one of a row; all_tokens is for plain text only",
    )
    system_prompt: str | None = Field(
        None, min_length=1, description="system message for rows that have none; eval then uses it too"
    )
    on_overflow: OnOverflow = Field(
        "drop",
        description="a row longer than max_length: drop it, keep its first whole turns, or stop with an error",
    )
    max_dropped_fraction: float = Field(
        0.05, ge=0, le=1, description="share of rows that may be refused or too long before the run stops"
    )
    chat_template: str | None = Field(
        None,
        min_length=1,
        description="replaces the tokenizer's chat template: chatml, alpaca, zephyr, or the path of a Jinja file",
    )
    allow_missing_eot: bool = Field(
        False, description="train turns that the template leaves without an end-of-turn token; the model may not stop"
    )
    add_missing_special_tokens: bool = Field(
        False,
        description="add the template's markers to a tokenizer that lacks them; their embeddings are then trained",
    )
