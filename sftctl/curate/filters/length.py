"""Responses that are too short or too long to learn from."""

from typing import Literal

from pydantic import Field, model_validator

from sftctl.curate.facts import CorpusFacts
from sftctl.curate.filters.rule import Action, Rule
from sftctl.data.conversation import Conversation


class ResponseLength(Rule):
    """Bounds in tokens of the recipe's tokenizer. One token is a good answer to a classification."""

    rule: Literal["length"] = "length"
    action: Action = Field("drop", description="drop the row, flag it in the report, or off")
    min_tokens: int = Field(1, ge=0, description="fewest tokens in the last response")
    max_tokens: int | None = Field(None, ge=1, description="most tokens in the last response; null for no limit")

    @model_validator(mode="after")
    def _bounds_in_order(self) -> "ResponseLength":
        if self.max_tokens is not None and self.max_tokens < self.min_tokens:
            raise ValueError("max_tokens is below min_tokens: no row would be kept")
        return self

    def judge(self, conversation: Conversation, facts: CorpusFacts) -> str | None:
        if conversation.messages[-1].get("tool_calls"):
            return None
        if self.max_tokens is None and self.min_tokens <= 1:  # any text is a token at least: nothing to count
            return "response_too_short" if len(conversation.response) < self.min_tokens else None
        tokens = facts.lengths.tokens(conversation)
        if tokens < self.min_tokens:
            return "response_too_short"
        if self.max_tokens is not None and tokens > self.max_tokens:
            return "response_too_long"
        return None
