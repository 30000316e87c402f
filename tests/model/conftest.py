"""A small random Llama over the built-in tokenizer, saved once a session; random, so that ties and lengths vary."""

from dataclasses import dataclass

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.model.tokenizer import load_tokenizer


@dataclass(frozen=True)
class Row:
    id: str
    input_ids: list[int]
    labels: list[int]


@pytest.fixture(scope="session")
def tokenizer():
    return load_tokenizer(ModelConfig(path="builtin:tiny"))


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory, tokenizer):
    torch.manual_seed(3)
    settings = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        initializer_range=0.2,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.bos_token_id,
    )
    folder = tmp_path_factory.mktemp("random-llama")
    LlamaForCausalLM(settings).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def config(model_folder):
    return ModelConfig(path=str(model_folder), device="cpu")


@pytest.fixture
def model(config):
    return load_model(config)


@pytest.fixture(scope="session")
def rows(tokenizer):
    """Twelve rows of 6 to 119 tokens; the last half of each is trained, one row is context only."""
    generator = torch.Generator().manual_seed(5)
    made = []
    for number in range(12):
        length = int(torch.randint(6, 120, (1,), generator=generator))
        ids = torch.randint(10, len(tokenizer) - 10, (length,), generator=generator).tolist()
        ids[-1] = tokenizer.eos_token_id
        context = length // 2 if number else length
        made.append(Row(f"row{number}", ids, [-100] * context + ids[context:]))
    return made
