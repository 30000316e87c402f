"""How many tokens a GPU holds at once, by formula; the memory figures are made up, and no GPU is needed."""

import pytest
import torch

from sftctl.model.footprint import Size
from sftctl.train import planning, precision
from sftctl.train.config import TrainConfig
from sftctl.train.micro_batch import MOST_TOKENS, ON_CPU, Demand, Room, held_by_anchor, room_on_gpu
from sftctl.train.planning import Scale, tokens_at_once
from tests.train.rows import DATA, LORA, inputs_of

GIB = 2**30


def llama(layers: int, hidden: int, key_value: int, intermediate: int, vocabulary: int) -> Size:
    """Parameters of a Llama of this shape with an adapter of rank 16 on every linear layer."""
    shapes = [(hidden, hidden)] * 2 + [(hidden, key_value)] * 2 + [(hidden, intermediate)] * 3
    linear = layers * sum(a * b for a, b in shapes)
    adapter = layers * 16 * sum(a + b for a, b in shapes)
    norms = (2 * layers + 1) * hidden
    head = vocabulary * hidden
    return Size(linear + 2 * head + norms, linear, head, adapter, layers, hidden, key_value, intermediate, vocabulary)


B1 = llama(16, 2048, 512, 8192, 128_256)
B7 = llama(32, 4096, 4096, 11_008, 32_000)
B70 = llama(80, 8192, 1024, 28_672, 128_256)


def room(size: Size, way: str, gib: int) -> Room:
    return room_on_gpu(Demand(size, way, trained_share=0.5, checkpointing=True), gib * GIB)  # type: ignore[arg-type]


def test_the_shapes_are_those_of_models_in_use():
    assert [round(size.parameters / 1e9, 1) for size in (B1, B7, B70)] == [1.5, 6.7, 70.6]


def test_the_tokens_of_a_7b_model_on_24_gib_by_hand():
    # LoRA: 2 bytes for each of 6,738,415,616 weights, 16 for each of 39,976,960 of the adapter: 13.15 GiB.
    # A token: 32 streams of 4,096 in bfloat16; a layer of 2 x (9 x 4,096 + 2 x 4,096 + 4 x 11,008) + 8 x 4,096;
    # half of the tokens trained, 10 bytes for each of 32,000 logits: 633,088 bytes, and a quarter more: 791,360.
    # 0.95 x 24 GiB less 13.15 GiB are 10,364,850,995 bytes: 13,097 tokens, 12 x 1,024.
    made = room(B7, "lora", 24)
    assert made == Room(12_288, "9.65 GiB of 24.00 GiB are left for 773 KiB a token")


@pytest.mark.parametrize(
    ("size", "way", "gib", "tokens"),
    [
        (B1, "lora", 24, MOST_TOKENS),
        (B1, "full_fp32", 24, 0),
        (B1, "full_fp32", 40, 15_360),
        (B1, "full_bf16", 24, 14_336),
        (B7, "lora", 16, 2_048),
        (B7, "qlora", 16, 14_336),
        (B7, "lora", 80, MOST_TOKENS),
        (B7, "full_bf16", 80, MOST_TOKENS),
        (B7, "full_fp32", 80, 0),
        (B70, "qlora", 80, 12_288),
        (B70, "qlora", 48, 1_024),
        (B70, "lora", 80, 0),
    ],
)
def test_what_fits_on_a_card(size, way, gib, tokens):
    assert room(size, way, gib).tokens == tokens


def test_the_reason_is_said():
    assert room(B7, "full_fp32", 80).why == "the longest row alone: 100.41 GiB of 80.00 GiB go to weights and optimizer"
    assert room(B7, "lora", 80).why.startswith("more would fit: 62.")


def test_the_plan_on_a_gpu_asks_for_its_free_memory(monkeypatch):
    monkeypatch.setattr(planning, "pick_device", lambda model: torch.device("cuda"))
    monkeypatch.setattr(precision, "device_memory_bytes", lambda device: 24 * GIB)
    for free, tokens in ((24 * GIB, MOST_TOKENS), (2**20, 47)):
        monkeypatch.setattr(planning, "free_gpu_bytes", lambda device, free=free: free)
        inputs = inputs_of(8, held_out=0, general=0)
        made = planning.complete_plan(TrainConfig(), LORA, DATA, inputs, seed=1, packing=True)
        assert made.micro_batch_tokens == max(tokens, made.longest)
        assert (made.device, made.gradient_checkpointing) == ("cuda", True)
    assert made.micro_batch_reason.startswith("the longest row alone: 1 MiB of 1 MiB")


def test_one_row_is_always_held_whole_and_the_recipe_goes_first():
    scale = Scale(lengths=[3000, 40], trained=9, max_length=3000, held_out=0, device=None)  # type: ignore[arg-type]
    assert tokens_at_once(TrainConfig(), scale, ON_CPU) == Room(3000, "the longest row; 2,048 are fixed on a CPU")
    assert tokens_at_once(TrainConfig(), scale, Room(0, "nothing fits")) == Room(3000, "nothing fits")
    assert tokens_at_once(TrainConfig(), scale, Room(8192, "why")) == Room(8192, "why")
    assert tokens_at_once(TrainConfig(micro_batch=2), scale, ON_CPU) == Room(6000, "train.micro_batch=2")


@pytest.mark.parametrize(
    ("kind", "way", "held"),
    [
        ("kl", "full_fp32", 4 * B1.parameters),
        ("l2sp", "full_bf16", 2 * B1.parameters),
        ("ewc", "full_fp32", 8 * B1.parameters),
        ("kl", "lora", 0),
        ("ewc", "qlora", 8 * B1.adapter),
    ],
)
def test_what_an_anchor_keeps_is_not_given_to_tokens(kind, way, held):
    anchor = TrainConfig.model_validate({"anchor": {"kind": kind, "strength": 1}}).anchor
    assert held_by_anchor(anchor, B1, way) == held
    besides = room_on_gpu(Demand(B1, way, 0.5, True, held), 40 * GIB)
    assert besides.tokens <= room_on_gpu(Demand(B1, way, 0.5, True), 40 * GIB).tokens
    if kind == "kl" and held:  # 5.75 GiB of the 40
        assert besides.tokens < 15_360
