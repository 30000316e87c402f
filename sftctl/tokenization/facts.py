"""What a chat template does around responses, learned from the rows that it rendered."""

from collections.abc import Sequence
from dataclasses import dataclass

from sftctl.tokenization.encode import Encoded
from sftctl.tokenization.refusal import MaskRefused


@dataclass(frozen=True)
class TemplateFacts:
    """What the chat template does around a response, as seen in the data."""

    header: str
    """What stands between the previous turn and the first trained character; empty without a conversation."""
    terminator: str
    """What the last trained turn ends with behind its content."""
    turns: int
    """Trained turns."""
    diverging_turns: int
    """Trained turns whose text before them is not what inference shows the model."""


def template_facts(results: Sequence[Encoded | MaskRefused]) -> TemplateFacts:
    """The facts of the first conversation that was encoded, and counts over all of them."""
    spans = [span for result in results if isinstance(result, Encoded) for span in result.spans]
    first = next((result for result in results if isinstance(result, Encoded) and result.spans), None)
    header, terminator = "", ""
    if first is not None:
        header = first.text[: first.spans[0].start]
        terminator = first.text[first.spans[-1].start : first.spans[-1].end]
    return TemplateFacts(header[-80:], terminator[-40:], len(spans), sum(span.diverges for span in spans))
