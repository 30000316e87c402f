import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM

from sftctl.errors import UsageError
from sftctl.model import attention
from sftctl.model.attention import VARLEN, implementation, register_varlen
from sftctl.model.config import ModelConfig
from sftctl.model.generation import generate
from sftctl.model.loading import load_model
from sftctl.model.scoring import score_rows


@pytest.fixture
def varlen(config):
    return load_model(config.model_copy(update={"attention": "varlen"}))


def _gradients(model, losses):
    return torch.autograd.grad(losses, [p for p in model.parameters() if p.requires_grad])


def _relative_difference(ours, theirs):
    difference = torch.cat([(a - b).flatten() for a, b in zip(ours, theirs, strict=True)])
    return float(difference.norm() / torch.cat([b.flatten() for b in theirs]).norm())


def _apart(model, rows):
    return sum(model(input_ids=torch.tensor([row])).logits.logsumexp(-1).sum() for row in rows)


def _packed(model, rows, **extra):
    ids = torch.tensor([[token for row in rows for token in row]])
    positions = torch.tensor([[i for row in rows for i in range(len(row))]])
    return model(input_ids=ids, position_ids=positions, use_cache=False, **extra).logits.logsumexp(-1).sum()


@pytest.fixture(scope="module")
def token_rows(rows):
    return [row.input_ids for row in rows[:5]]


def test_packed_rows_have_the_gradients_of_rows_apart(varlen, model, token_rows):
    packed = _gradients(varlen, _packed(varlen, token_rows))
    assert _relative_difference(packed, _gradients(model, _apart(model, token_rows))) < 1e-6


def test_row_bounds_of_the_batch_are_used_before_position_ids(varlen, token_rows):
    ends = torch.tensor([len(row) for row in token_rows]).cumsum(0)
    bounds = torch.cat([torch.zeros(1, dtype=torch.int64), ends]).to(torch.int32)
    longest = max(map(len, token_rows))
    given = _packed(
        varlen, token_rows, cu_seq_lens_q=bounds, cu_seq_lens_k=bounds, max_length_q=longest, max_length_k=longest
    )
    assert torch.equal(given, _packed(varlen, token_rows))


def test_padded_rows_have_the_losses_of_sdpa(varlen, model, rows, tokenizer):
    ours = score_rows(varlen, rows, pad_token_id=tokenizer.pad_token_id)
    theirs = score_rows(model, rows, pad_token_id=tokenizer.pad_token_id)
    assert [loss.nats for loss in ours] == pytest.approx([loss.nats for loss in theirs], rel=1e-6)


def test_generation_is_the_same_as_with_sdpa(varlen, model, rows, tokenizer):
    options = {"stop_token_ids": [tokenizer.eos_token_id], "max_new_tokens": 12}
    prompts = [row.input_ids[:-1] for row in rows[:6]]
    assert generate(varlen, tokenizer, prompts, **options) == generate(model, tokenizer, prompts, **options)


def test_a_sliding_window_is_kept():
    torch.manual_seed(1)
    settings = MistralConfig(
        vocab_size=90, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=128, sliding_window=7, attn_implementation="eager",
    )  # fmt: skip
    model = MistralForCausalLM(settings)
    rows = [list(range(3, 40)), list(range(20, 28)), list(range(50, 70))]
    apart = _gradients(model, _apart(model, rows))
    model.set_attn_implementation(register_varlen())
    assert _relative_difference(_gradients(model, _packed(model, rows)), apart) < 1e-5


def test_attention_dropout_is_refused(varlen, token_rows):
    varlen.train()
    for layer in varlen.model.layers:
        layer.self_attn.attention_dropout = 0.1
    with pytest.raises(UsageError, match=r"model\.attention=eager"):
        varlen(input_ids=torch.tensor(token_rows[:1]))


def test_auto_is_sdpa_on_a_cpu():
    config = ModelConfig(path="builtin:tiny")
    cpu = torch.device("cpu")
    assert implementation(config, cpu, training=True) == "sdpa"
    assert implementation(config.model_copy(update={"attention": "eager"}), cpu, training=True) == "eager"
    assert implementation(config.model_copy(update={"attention": "varlen"}), cpu, training=False) == VARLEN


def test_under_autocast_rows_are_attended_to_in_its_precision(varlen, model, token_rows, monkeypatch):
    """The GPU's kernel takes half precision alone, and rotary embeddings give queries and keys in float32."""
    seen = set()
    attend = attention._attend

    def watched(query, key, value, rows, shape):
        seen.update((query.dtype, key.dtype, value.dtype))
        return attend(query, key, value, rows, shape)

    monkeypatch.setattr(attention, "_attend", watched)
    with torch.autocast("cpu", torch.bfloat16):
        packed = _gradients(varlen, _packed(varlen, token_rows))
        apart = _gradients(model, _apart(model, token_rows))
    assert seen == {torch.bfloat16}
    assert _relative_difference(packed, apart) < 2e-2


@pytest.mark.parametrize(("head_size", "dtype", "taken"), [
    (24, torch.bfloat16, True), (256, torch.float16, True), (20, torch.bfloat16, False), (512, torch.bfloat16, False),
    (64, torch.float32, False),
])  # fmt: skip
def test_rows_go_to_the_kernel_where_it_takes_them_else_to_sdpa(head_size, dtype, taken, monkeypatch):
    """varlen_attn raises on head sizes that flash attention lacks; on a GPU a run would end there."""
    calls = []

    def kernel(query, *arguments, **options):
        calls.append(query.shape)
        return query

    monkeypatch.setattr(attention, "_has_kernel", lambda device: True)
    monkeypatch.setattr(attention, "varlen_attn", kernel)
    run_SHD = torch.randn(9, 2, head_size, dtype=dtype)
    rows = attention._Rows(torch.tensor([0, 4, 9], dtype=torch.int32), 5)
    attention._attend(run_SHD, run_SHD, run_SHD, rows, (None, None))
    assert bool(calls) is taken
