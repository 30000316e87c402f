import json

import pytest

from sftctl.model.adapters import attach
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.footprint import (
    MicroBatch,
    activation_bytes,
    device_peak_flops,
    size_of,
    static_memory,
    train_flops,
)
from sftctl.model.loading import load_model

LLAMA_2_7B = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32000,
    "tie_word_embeddings": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def seven_b(tmp_path_factory):
    folder = tmp_path_factory.mktemp("7b")
    (folder / "config.json").write_text(json.dumps(LLAMA_2_7B))
    return size_of(ModelConfig(path=str(folder)))


def test_llama_2_7b_is_counted_to_the_last_parameter(seven_b):
    # 2 * 32000 * 4096 embedding and head; per layer 4 * 4096**2 attention, 3 * 4096 * 11008 feed-forward,
    # 2 * 4096 norms; one last norm: 262,144,000 + 32 * 202,383,360 + 4,096 = 6,738,415,616, as published.
    assert seven_b.parameters == 6_738_415_616
    assert seven_b.linear == 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    assert seven_b.multiplied == 6_738_415_616 - 32000 * 4096


def test_the_adapter_of_rank_16_on_all_linear_layers_of_7b(seven_b):
    # r * (in + out): 4 * 16 * 8192 + 3 * 16 * 15104 a layer, 32 layers: 39,976,960, as peft prints it.
    assert seven_b.adapter == 39_976_960


def test_memory_of_7b_by_the_bytes_of_each_way(seven_b):
    n, a = 6_738_415_616, 39_976_960
    assert static_memory(seven_b, "full_fp32").total == 16 * n
    assert static_memory(seven_b, "full_bf16").total == 6 * n
    assert static_memory(seven_b, "lora").total == 2 * n + 16 * a
    # 6,476,005,376 linear parameters at 0.5 + (8/64 + 32/16384)/8 = 0.515869140625 bytes, the rest at 2
    linear = 32 * (4 * 4096**2 + 3 * 4096 * 11008)
    assert static_memory(seven_b, "qlora").total == round(0.515869140625 * linear) + 2 * (n - linear) + 16 * a


@pytest.mark.parametrize("lora", [LoraConfig(r=4), LoraConfig(r=4, dora=True), LoraConfig(target_modules=("q_proj",))])
def test_the_counted_adapter_is_the_attached_one(config, lora):
    adapted = attach(load_model(config), lora, base_path=config.path)
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert size_of(config.model_copy(update={"lora": lora})).adapter == trained


def test_checkpointing_keeps_one_stream_a_layer_and_one_layer(seven_b):
    # 2 * 4096 * 32 streams, and one layer: 2 * (9 * 4096 + 2 * 4096 + 4 * 11008) + 8 * 4096
    batch = MicroBatch(tokens=1000, trained=0, checkpointing=True)
    assert activation_bytes(seven_b, batch, bytes_per_value=2) == 1000 * (262_144 + 178_176 + 32_768)


def test_compute():
    assert train_flops(7_000_000_000, 1_000_000) == 4.2e16


@pytest.mark.parametrize(
    ("name", "peak"),
    [("NVIDIA H100 80GB HBM3", 989e12), ("NVIDIA A100-SXM4-80GB", 312e12), ("NVIDIA L4", 121e12), ("CPU", None)],
)
def test_the_peak_of_a_device_by_its_name(name, peak):
    assert device_peak_flops(name) == peak
