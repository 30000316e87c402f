"""A training row as text again, in runs that are trained or not: what the loss mask really covers."""

import itertools
from typing import Any

from sftctl.smoke_test.result import Piece, Preview
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow


def preview(row: EncodedRow, tokenizer: Any) -> Preview:
    """Read back from the ids, so that it shows what reaches the trainer and not what was meant to."""
    pairs = zip(row.input_ids, row.labels, strict=True)
    runs = itertools.groupby(pairs, key=lambda pair: pair[1] != NOT_TRAINED)
    pieces = [
        Piece(text=tokenizer.decode([token for token, _ in run], skip_special_tokens=False), trained=trained)
        for trained, run in runs
    ]
    return Preview(id=row.id, pieces=tuple(pieces))
