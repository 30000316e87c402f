"""What a chat template writes around a response, from one short conversation that it renders."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from sftctl.tokenization.encode import encode_conversation

_QUESTION, _ANSWER = "Hello", "Hi"
PROBE = ({"role": "user", "content": _QUESTION}, {"role": "assistant", "content": _ANSWER})


@dataclass(frozen=True)
class TemplateFacts:
    """For people: how a turn begins and ends, and how often training and inference see different text before one."""

    header: str
    """What the template writes between a question and the first trained character."""
    terminator: str
    """What a response is trained to end with; empty where the template writes nothing there."""
    turns: int = 0
    """Trained turns of the data set."""
    diverging_turns: int = 0
    """Trained turns before which inference shows the model another text, for example an opened <think>."""


def probe_template(
    tokenizer: PreTrainedTokenizerBase, stop_tokens: Sequence[str] = (), *, allow_missing_eot: bool = False
) -> TemplateFacts:
    """The facts of a template without any data. Raises MaskRefused where it cannot be masked at all."""
    probe = encode_conversation(PROBE, tokenizer, stop_tokens=stop_tokens, allow_missing_eot=allow_missing_eot)
    span = probe.spans[-1]
    question_end = probe.text.rindex(_QUESTION, 0, span.start) + len(_QUESTION)
    answer_end = probe.text.rindex(_ANSWER, span.start, span.end) + len(_ANSWER)
    return TemplateFacts(probe.text[question_end : span.start], probe.text[answer_end : span.end])
