"""What filters may know besides the row: facts of the whole corpus, gathered in one pass before any rule judges."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sftctl.curate.language import UNKNOWN, guess_language
from sftctl.curate.response_lengths import CountTokens, ResponseLengths
from sftctl.data.control_tokens import ControlTokens
from sftctl.data.conversation import Conversation


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """Read-only facts; every mapping is keyed by conversation id or by source."""

    lengths: ResponseLengths
    languages: Mapping[str, str] = field(default_factory=dict)
    usual_languages: Mapping[str, frozenset[str]] = field(default_factory=dict)
    control_tokens: ControlTokens = field(default_factory=lambda: ControlTokens(()))
    """Those of the recipe's own tokenizer: in a text they would become the ids that end turns and begin others."""

    def language(self, conversation: Conversation) -> str:
        """A two-letter guess for the response, or `unknown` where the text is too short to tell."""
        return self.languages.get(conversation.id, UNKNOWN)


def gather_facts(
    conversations: Sequence[Conversation], count_tokens: CountTokens, control_tokens: Iterable[str] = ()
) -> CorpusFacts:
    """One pass; tokens are counted later, and only where a rule asks for them."""
    languages = {row.id: guess_language(row.response) for row in conversations}
    by_source: dict[str, list[str]] = defaultdict(list)
    for row in conversations:
        if languages[row.id] != UNKNOWN:
            by_source[row.source].append(languages[row.id])
    return CorpusFacts(
        lengths=ResponseLengths(conversations, count_tokens),
        languages=languages,
        usual_languages={source: _usual(found) for source, found in by_source.items()},
        control_tokens=ControlTokens(control_tokens),
    )


def _usual(languages: Sequence[str], min_share: float = 0.05) -> frozenset[str]:
    """Languages that a source is made of: at least `min_share` of the rows whose language is known."""
    return frozenset(name for name in set(languages) if languages.count(name) >= min_share * len(languages))
