"""Counts tokens with the recipe's tokenizer, in batches."""

from collections.abc import Sequence

from sftctl.tokenization.prepare import Prepared

TEXTS_PER_BATCH = 1024


def count_tokens(tokenizer: Prepared, texts: Sequence[str]) -> list[int]:
    """Tokens of each text, without special tokens; equal texts (labels) are tokenised once."""
    distinct = list(dict.fromkeys(texts))
    counts: list[int] = []
    for first in range(0, len(distinct), TEXTS_PER_BATCH):
        batch = tokenizer.tokenizer(
            distinct[first : first + TEXTS_PER_BATCH],
            add_special_tokens=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        counts += map(len, batch["input_ids"])
    count_of = dict(zip(distinct, counts, strict=True))
    return [count_of[text] for text in texts]
