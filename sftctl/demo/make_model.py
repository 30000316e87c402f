"""Makes the tiny model and its tokenizer: `python -m sftctl.demo.make_model [STEPS]`.

One thread, so that the weights come out the same on one machine. About 3 CPU minutes.
"""

import itertools
import math
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from sftctl.demo.make_data import base_rows
from sftctl.demo.muon import Muon
from sftctl.demo.paths import model_folder

# B rows, T tokens, L trained tokens, V vocabulary, D hidden
PAD, TURN, END = "<|pad|>", "<|turn|>", "<|end|>"
VOCABULARY = 1024
CONTEXT = 1024
ROWS_PER_BATCH = 64
ROWS_PER_CHUNK = 64 * ROWS_PER_BATCH
PEAK_LEARNING_RATE = 4e-3
STEPS = 600


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of about the same length, padded on the right; labels are -100 outside answers."""

    ids_BT: torch.Tensor
    labels_BT: torch.Tensor


def make_tokenizer(rows: Iterator[list[dict[str, str]]], template: str) -> PreTrainedTokenizerFast:
    """Byte-level BPE with single digits, so that a figure is read digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[AddedToken(token, special=True) for token in (PAD, TURN, END)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = (message["role"] + "\n" + message["content"] for row in rows for message in row)
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[TURN],
        chat_template=template,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def make_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """An untrained Llama; everything at its usual place, only small."""
    end = tokenizer.convert_tokens_to_ids(END)
    pad = tokenizer.convert_tokens_to_ids(PAD)
    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=96,
        intermediate_size=256,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=end,
        pad_token_id=pad,
        initializer_range=0.05,
    )
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=pad, max_new_tokens=64, do_sample=False)
    return model


def batches(tokenizer: PreTrainedTokenizerFast, rng: random.Random) -> Iterator[Batch]:
    """Endless batches of new rows, sorted by length within a chunk."""
    while True:
        rows = [encode(tokenizer, row) for row in base_rows(rng, ROWS_PER_CHUNK)]
        rows.sort(key=lambda row: len(row[0]))
        groups = [rows[start : start + ROWS_PER_BATCH] for start in range(0, len(rows), ROWS_PER_BATCH)]
        rng.shuffle(groups)
        yield from (pad(group, tokenizer.pad_token_id) for group in groups)


def encode(tokenizer: PreTrainedTokenizerFast, row: list[dict[str, str]]) -> tuple[list[int], list[int]]:
    """Ids and labels of a question with its answer; the answer and its stop token are trained."""
    prompt = tokenizer.apply_chat_template(row[:1], add_generation_prompt=True, return_dict=False)
    answer = [*tokenizer.encode(row[1]["content"], add_special_tokens=False), tokenizer.eos_token_id]
    return prompt + answer, [-100] * len(prompt) + answer


def pad(rows: list[tuple[list[int], list[int]]], pad_id: int) -> Batch:
    """Right padding needs no attention mask: a causal model never looks to the right."""
    width = max(len(ids) for ids, _ in rows)
    ids_BT = torch.tensor([ids + [pad_id] * (width - len(ids)) for ids, _ in rows])
    labels_BT = torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in rows])
    return Batch(ids_BT, labels_BT)


def answer_loss(model: LlamaForCausalLM, batch: Batch) -> torch.Tensor:
    """Mean nats per answer token; logits are made for answer tokens only."""
    hidden_BTD = model.model(input_ids=batch.ids_BT, use_cache=False).last_hidden_state
    targets_BT = batch.labels_BT[:, 1:]
    trained_BT = targets_BT != -100
    logits_LV = model.lm_head(hidden_BTD[:, :-1][trained_BT])
    return torch.nn.functional.cross_entropy(logits_LV, targets_BT[trained_BT])


def learning_rate_at(step: int, steps: int) -> float:
    """5 % warm-up, then a cosine to zero."""
    return PEAK_LEARNING_RATE * min((step + 1) / (0.05 * steps), 0.5 + 0.5 * math.cos(math.pi * step / steps))


def train(model: LlamaForCausalLM, stream: Iterator[Batch], steps: int) -> None:
    """Muon for the matrices between the embeddings, AdamW for the rest."""
    named = list(model.named_parameters())
    inner = [weight for name, weight in named if weight.ndim == 2 and "embed" not in name]
    outer = [weight for name, weight in named if weight.ndim != 2 or "embed" in name]
    muon = Muon(inner, weight_decay=0.05)
    adamw = torch.optim.AdamW(outer, betas=(0.9, 0.98), weight_decay=0.0)
    recent: list[float] = []
    for step, batch in enumerate(itertools.islice(stream, steps)):
        loss = answer_loss(model, batch)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        learning_rate = learning_rate_at(step, steps)
        muon.step(learning_rate)
        for group in adamw.param_groups:
            group["lr"] = learning_rate
        adamw.step()
        model.zero_grad()
        recent.append(loss.item())
        if (step + 1) % 100 == 0:
            mean = sum(recent[-100:]) / 100
            sys.stderr.write(f"step {step + 1} of {steps}: {mean:.4f} nats a token, {time.process_time():.0f} CPU s\n")


def write(folder: Path, steps: int) -> None:
    """Tokenizer and trained model into `folder`, which holds the chat template."""
    torch.set_num_threads(1)
    torch.manual_seed(17)
    template = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    tokenizer = make_tokenizer(base_rows(random.Random("tokenizer"), 20_000), template)
    tokenizer.save_pretrained(folder)
    model = make_model(tokenizer)
    train(model, batches(tokenizer, random.Random("base")), steps)
    model.save_pretrained(folder)


if __name__ == "__main__":
    write(model_folder(), int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
