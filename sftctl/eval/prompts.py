"""Which held-out prompts are answered: spread over roles, sources and tags, and always the same ones for a seed."""

import hashlib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sftctl.data.conversation import Conversation

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """A held-out row as it is asked: `token_ids` is None where no tokenizer is at hand (endpoint, file of answers)."""

    row: Conversation
    token_ids: tuple[int, ...] | None

    @property
    def text(self) -> str:
        """The last user turn; of plain text the first half of its words."""
        if self.row.is_plain_text:
            words = self.row.response.split(" ")
            return " ".join(words[: len(words) // 2])
        asked = [message["content"] for message in self.row.messages if message["role"] == "user"]
        return asked[-1] if asked else ""

    @property
    def reference(self) -> str | None:
        """What the held-out row answers; the second half of a plain text; None where it ends without a response."""
        if self.row.is_plain_text:
            return self.row.response[len(self.text) :].strip()
        return self.row.response if self.row.messages[-1]["role"] == "assistant" else None


def choose_rows(rows: Sequence[Conversation], count: int, seed: int) -> list[Conversation]:
    """`count` rows in proportion to role, source and first tag; the choice does not depend on the rows' order."""
    return stratified(
        rows, count, seed, stratum=lambda row: (row.role, row.source, row.tags[:1]), name=lambda row: row.id
    )


def stratified(
    items: Sequence[T], count: int, seed: int, *, stratum: Callable[[T], Hashable], name: Callable[[T], str]
) -> list[T]:
    """A sample of each stratum in proportion (largest remainders, at least one each where `count` allows).

    Within a stratum items are taken by a hash of seed and name: a larger sample holds the smaller one.
    """
    if count >= len(items):
        return list(items)
    groups: dict[Hashable, list[int]] = {}
    for position, item in enumerate(items):
        groups.setdefault(stratum(item), []).append(position)
    ordered = [groups[key] for key in sorted(groups, key=repr)]
    for positions in ordered:
        positions.sort(key=lambda position: _rank(seed, name(items[position])))
    shares = _shares([len(positions) for positions in ordered], count)
    chosen = [position for positions, share in zip(ordered, shares, strict=True) for position in positions[:share]]
    return [items[position] for position in sorted(chosen)]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Integers that add up to `count`, in proportion to `sizes`, none above its size."""
    total = sum(sizes)
    exact = [count * size / total for size in sizes]
    floor = 1 if count >= len(sizes) else 0
    shares = [max(floor, int(share)) for share in exact]
    by_need = sorted(range(len(sizes)), key=lambda i: (shares[i] - exact[i], i))
    while sum(shares) > count:
        fullest = max((i for i in by_need if shares[i] > floor), key=lambda i: shares[i] - exact[i])
        shares[fullest] -= 1
    while sum(shares) < count:
        neediest = min((i for i in by_need if shares[i] < sizes[i]), key=lambda i: (shares[i] - exact[i], i))
        shares[neediest] += 1
    return shares


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}:{name}".encode("utf-8", "surrogatepass")).digest()
