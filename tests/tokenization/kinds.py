"""Four kinds of tokenizer, trained in a moment on the tests' own conversations."""

import json
from collections.abc import Sequence
from functools import cache

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from tests.tokenization.cases import CONVERSATIONS

MARKERS = (
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<start_of_turn>",
    "<end_of_turn>",
    "<|end|>",
    "<|user|>",
    "<|assistant|>",
    "<think>",
    "</think>",
    "<｜Assistant｜>",
    "<｜end▁of▁sentence｜>",
    "[INST]",
    "[/INST]",
)
KINDS = ("bytes with marker tokens", "bytes without marker tokens", "metaspace", "unigram with NFKC")


def tokenizer(
    kind: str = KINDS[0], *, template: str | None = None, bos: str | None = "<s>", eos: str | None = "</s>"
) -> PreTrainedTokenizerFast:
    """A fast tokenizer of one kind, with its own bos and eos."""
    special = {"bos_token": bos, "eos_token": eos}
    if kind == KINDS[0]:
        special["extra_special_tokens"] = [marker for marker in MARKERS if marker not in (bos, eos)]
    made = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(_trained(kind)), **special)
    made.chat_template = template
    return made


@cache
def _trained(kind: str) -> str:
    texts = [json.dumps(messages, ensure_ascii=False) for messages in CONVERSATIONS.values()] * 4
    return _make(kind, texts).to_str()


def _make(kind: str, texts: Sequence[str]) -> Tokenizer:
    if kind.startswith("bytes"):
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    elif kind == "metaspace":
        made = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        made.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
        fallback = [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=700, special_tokens=["<unk>", *fallback], show_progress=False)
    else:
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" ", "▁")])
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=400, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False
        )
    made.train_from_iterator(texts, trainer)
    return made
