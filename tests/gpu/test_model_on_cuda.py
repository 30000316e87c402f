"""Varlen attention, bfloat16 and 4-bit bases on a real GPU: `pytest -m gpu tests/gpu`."""

import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from sftctl.model import attention
from sftctl.model.attention import VARLEN, implementation, register_varlen
from sftctl.model.config import ModelConfig
from sftctl.model.generation import generate
from sftctl.model.loading import load_model
from sftctl.model.peak_memory import mark_memory
from sftctl.model.scoring import score_rows
from sftctl.model.tokenizer import load_tokenizer
from sftctl.tokenization.rows import EncodedRow

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"),
]

CUDA = torch.device("cuda")
LENGTHS = (7, 300, 64, 129, 12)


def _model(attention, dtype, **changes):
    torch.manual_seed(5)
    shape = {"hidden_size": 256, "intermediate_size": 512, "num_attention_heads": 4, "num_key_value_heads": 2} | changes
    settings = MistralConfig(
        vocab_size=512, num_hidden_layers=3, attn_implementation=attention, **{"sliding_window": None} | shape
    )
    return MistralForCausalLM(settings).to(CUDA, dtype)


def _rows():
    generator = torch.Generator().manual_seed(6)
    return [torch.randint(0, 512, (length,), generator=generator).tolist() for length in LENGTHS]


def _gradients(model, packed):
    rows = _rows()
    if packed:
        ids = torch.tensor([[token for row in rows for token in row]], device=CUDA)
        positions = torch.tensor([[i for row in rows for i in range(len(row))]], device=CUDA)
        loss = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float().logsumexp(-1).sum()
    else:
        loss = sum(
            model(input_ids=torch.tensor([row], device=CUDA), use_cache=False).logits.float().logsumexp(-1).sum()
            for row in rows
        )
    loss.backward()
    return torch.cat([weight.grad.float().flatten() for weight in model.parameters()])


SHAPES = {
    "head of 64": {},
    "head of 24, as the built-in model": {"head_dim": 24},
    "head of 20, which the kernel lacks": {"head_dim": 20},
    "head of 256": {"head_dim": 256},
    "head of 512, which the kernel lacks": {"head_dim": 512},
    "sliding window": {"sliding_window": 33},
}


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_packed_varlen_in_bfloat16_has_the_gradients_of_rows_apart_on_sdpa(changes):
    apart = _gradients(_model("sdpa", torch.bfloat16, **changes), packed=False)
    packed = _gradients(_model(register_varlen(), torch.bfloat16, **changes), packed=True)
    assert (packed - apart).norm() <= 2e-2 * apart.norm()


def test_float32_weights_under_autocast_reach_the_kernel(monkeypatch):
    calls = []
    kernel = attention.varlen_attn
    monkeypatch.setattr(attention, "varlen_attn", lambda *args, **more: calls.append(1) or kernel(*args, **more))
    with torch.autocast("cuda", torch.bfloat16):
        packed = _gradients(_model(register_varlen(), torch.float32), packed=True)
        apart = _gradients(_model("sdpa", torch.float32), packed=False)
    assert len(calls) == 3  # layers
    assert (packed - apart).norm() <= 2e-2 * apart.norm()


def test_a_row_is_not_touched_by_its_neighbours():
    model = _model(register_varlen(), torch.bfloat16)
    first, second = _rows()[:2]
    positions = torch.tensor([[*range(len(first)), *range(len(second))]], device=CUDA)

    def logits(neighbour):
        ids = torch.tensor([[*first, *neighbour]], device=CUDA)
        return model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, : len(first)]

    assert torch.equal(logits(second), logits(second[::-1]))


def test_the_kernel_is_chosen_for_training_and_not_for_inference():
    if torch.cuda.get_device_capability() < (8, 0):
        pytest.skip("the kernel needs compute capability 8.0")
    config = ModelConfig(path="builtin:tiny")
    assert implementation(config, CUDA, training=True) == VARLEN
    assert implementation(config, CUDA, training=False) == "sdpa"


def test_losses_in_float32_are_the_same_for_any_batch():
    model = load_model(ModelConfig(path="builtin:tiny", dtype="float32"))
    rows = [EncodedRow(str(i), "s", "domain", row, row) for i, row in enumerate(_rows())]
    alone = score_rows(model, rows, pad_token_id=0, max_batch_tokens=1)
    together = score_rows(model, rows, pad_token_id=0, max_batch_tokens=100_000)
    assert [loss.nats for loss in together] == pytest.approx([loss.nats for loss in alone], rel=1e-5)


def test_the_same_text_for_any_batch_size_in_float32():
    config = ModelConfig(path="builtin:tiny", dtype="float32")
    model, tokenizer = load_model(config), load_tokenizer(config)
    options = {"stop_token_ids": [tokenizer.eos_token_id], "max_new_tokens": 32}
    alone = generate(model, tokenizer, _rows(), batch_size=1, **options)
    assert generate(model, tokenizer, _rows(), batch_size=5, **options) == alone


def test_memory_growth_is_what_the_allocator_held():
    mark = mark_memory(CUDA)
    held = torch.zeros(64 * 2**20, dtype=torch.uint8, device=CUDA)
    del held
    assert mark.growth_bytes() == pytest.approx(64 * 2**20, rel=0.01)


def test_a_4_bit_base_is_loaded():
    pytest.importorskip("bitsandbytes")
    model = load_model(ModelConfig(path="builtin:tiny", method="qlora"), training=True)
    assert model.is_loaded_in_4bit
