"""Encoded rows at six bytes a token, so that a billion of them fit; as Python lists they take ten times that."""

from array import array
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from sftctl.data.conversation import SourceRole
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow


class CompactRows(Sequence[EncodedRow]):
    """Many rows in one run of 32-bit numbers: a trained token is its id, any other the complement of it (~id).

    A row is made anew, with lists, whenever it is asked for; lengths and counts are known without that.
    """

    def __init__(self) -> None:
        self._tokens = array("i")
        self._bounds = array("q", [0])
        self._trained = array("i")
        self._ids: list[str] = []
        self._sources: list[str] = []
        self.roles: list[SourceRole] = []

    def extend(self, rows: Sequence[EncodedRow]) -> None:
        """Add rows at the end. Raises ValueError where a trained label is not its token."""
        ids_T = _flat(row.input_ids for row in rows)
        labels_T = _flat(row.labels for row in rows)
        trained_T = labels_T != NOT_TRAINED
        if not np.array_equal(ids_T[trained_T], labels_T[trained_T]):
            raise ValueError("a trained label is not its token")
        bounds = np.cumsum([0, *(len(row.input_ids) for row in rows)])
        before = np.concatenate([[0], np.cumsum(trained_T)])[bounds]
        self._tokens.frombytes(np.where(trained_T, ids_T, ~ids_T).tobytes())
        self._trained.extend(np.diff(before).tolist())
        self._bounds.extend((self._bounds[-1] + bounds[1:]).tolist())
        self._ids.extend(row.id for row in rows)
        self._sources.extend(row.source for row in rows)
        self.roles.extend(row.role for row in rows)

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [int(length) for length in np.diff(self._bounds)]

    @property
    def trained_tokens(self) -> list[int]:
        """Tokens of each row that carry a label."""
        return self._trained.tolist()

    @property
    def counted_tokens(self) -> list[int]:
        """As `trained_tokens`, without a row's first token: nothing stands before it to predict it from."""
        firsts = np.asarray(self._tokens)[np.asarray(self._bounds)[:-1]]
        return [int(count) for count in np.asarray(self._trained) - (firsts >= 0)]

    def __len__(self) -> int:
        return len(self._ids)

    @overload
    def __getitem__(self, place: int) -> EncodedRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[EncodedRow]: ...
    def __getitem__(self, place: int | slice) -> EncodedRow | list[EncodedRow]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        i = range(len(self))[place]
        tokens_T = np.asarray(self._tokens[self._bounds[i] : self._bounds[i + 1]])
        ids_T = np.where(tokens_T < 0, ~tokens_T, tokens_T)
        labels_T = np.where(tokens_T < 0, NOT_TRAINED, tokens_T)
        return EncodedRow(self._ids[i], self._sources[i], self.roles[i], ids_T.tolist(), labels_T.tolist())


def lengths_of(rows: Sequence[EncodedRow]) -> list[int]:
    """Tokens of each row."""
    return rows.lengths if isinstance(rows, CompactRows) else [len(row.input_ids) for row in rows]


def trained_tokens_of(rows: Sequence[EncodedRow]) -> list[int]:
    """Tokens of each row that carry a label."""
    return rows.trained_tokens if isinstance(rows, CompactRows) else [row.trained_tokens for row in rows]


def counted_tokens_of(rows: Sequence[EncodedRow]) -> list[int]:
    """Tokens of each row that the loss counts: those with a label, without a row's first."""
    if isinstance(rows, CompactRows):
        return rows.counted_tokens
    return [row.trained_tokens - (row.labels[:1] not in ([NOT_TRAINED], [])) for row in rows]


def roles_of(rows: Sequence[EncodedRow]) -> list[SourceRole]:
    """The role of each row."""
    return rows.roles if isinstance(rows, CompactRows) else [row.role for row in rows]


def _flat(lists: Iterable[list[int]]) -> NDArray[Any]:
    """One after the other; an array takes lists faster than numpy does."""
    run = array("i")
    for values in lists:
        run.fromlist(values)
    return np.asarray(run)
