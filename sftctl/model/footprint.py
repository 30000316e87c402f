"""Memory, compute and cost of training by formula: for the plan, and for ways to train that were not tried.

Static memory is exact; activations are an estimate: docs/explanation/forecast.md says how good a one.
Bytes a parameter, with AdamW:

    way                    weights  gradients  optimizer   sum
    full_fp32                 4         4          8        16    float32 master weights, bfloat16 under autocast
    full_bf16                 2         2          2         6    bfloat16 weights, 8-bit AdamW, stochastic rounding
    lora                      2      4 of the adapter's   8 of the adapter's; the adapter itself is float32
    qlora                   0.516    in linear layers: 4 bits and their scales, Dettmers et al. (2023); else as lora
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import AutoModelForCausalLM

from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.settings import model_settings

Way = Literal["full_fp32", "full_bf16", "lora", "qlora"]
WAYS: tuple[Way, ...] = ("full_fp32", "full_bf16", "lora", "qlora")

_FOUR_BIT_BYTES = 0.5 + (8 / 64 + 32 / (64 * 256)) / 8
"""NF4: half a byte, and for each 64 weights one 8-bit scale, and for each 256 scales one float32."""

# Dense bfloat16 tensor-core peaks, in FLOP/s, from the makers' data sheets; matched by a word of the device's name.
_PEAKS = (
    ("B200", 2.25e15), ("H200", 989e12), ("H100 PCIe", 756e12), ("H100", 989e12), ("GH200", 989e12),
    ("A100", 312e12), ("L40S", 362e12), ("L40", 181e12), ("L4", 121e12), ("A10G", 70e12), ("A10", 125e12),
    ("A6000", 155e12), ("A40", 150e12), ("RTX 5090", 210e12), ("RTX 4090", 165e12), ("RTX 3090", 71e12),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """Parameters of a model, counted on its real layers without weights, and the shape of a layer."""

    parameters: int
    linear: int
    """In the linear layers that QLoRA quantises: all but the head."""
    input_embedding: int
    """Looked up, not multiplied; 0 where it is tied to the head."""
    adapter: int
    layers: int
    hidden: int
    key_value: int
    intermediate: int
    vocabulary: int

    @property
    def multiplied(self) -> int:
        """N of 6ND: parameters that a token is multiplied by."""
        return self.parameters - self.input_embedding


@dataclass(frozen=True, slots=True)
class StaticMemory:
    """Bytes that are held whatever the batch."""

    weights: int
    gradients: int
    optimizer: int

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one device holds at once, in tokens."""

    tokens: int
    trained: int
    checkpointing: bool


def size_of(config: ModelConfig) -> Size:
    """The recipe's model and adapter, from its config.json alone."""
    settings = model_settings(config)
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(settings, trust_remote_code=config.trust_remote_code)
    text = settings.get_text_config()
    head = model.get_output_embeddings()
    linear = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }
    tied = head is not None and head.weight is model.get_input_embeddings().weight
    head_size = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return Size(
        parameters=sum(weight.numel() for weight in model.parameters()),
        linear=sum(module.weight.numel() for module in linear.values()),
        input_embedding=0 if tied else model.get_input_embeddings().weight.numel(),
        adapter=sum(_adapter_of(module, config.lora) for name, module in linear.items() if _adapted(name, config.lora)),
        layers=text.num_hidden_layers,
        hidden=text.hidden_size,
        key_value=head_size * (getattr(text, "num_key_value_heads", None) or text.num_attention_heads),
        intermediate=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        vocabulary=text.vocab_size,
    )


def _adapted(name: str, lora: LoraConfig) -> bool:
    targets = lora.target_modules
    return targets == "all-linear" or any(name == target or name.endswith(f".{target}") for target in targets)


def _adapter_of(layer: torch.nn.Linear, lora: LoraConfig) -> int:
    return lora.r * (layer.in_features + layer.out_features) + (layer.out_features if lora.dora else 0)


def static_memory(size: Size, way: Way) -> StaticMemory:
    """Weights, gradients and AdamW's two moments, by the table at the top."""
    if way == "full_fp32":
        return StaticMemory(4 * size.parameters, 4 * size.parameters, 8 * size.parameters)
    if way == "full_bf16":
        return StaticMemory(2 * size.parameters, 2 * size.parameters, 2 * size.parameters)
    base = 2 * size.parameters
    if way == "qlora":
        base = round(_FOUR_BIT_BYTES * size.linear) + 2 * (size.parameters - size.linear)
    return StaticMemory(base + 4 * size.adapter, 4 * size.adapter, 8 * size.adapter)


def static_memory_on_cpu(size: Size, *, adapter_only: bool) -> StaticMemory:
    """Everything is float32 there."""
    trained = size.adapter if adapter_only else size.parameters
    weights = size.parameters + (size.adapter if adapter_only else 0)
    return StaticMemory(4 * weights, 4 * trained, 8 * trained)


def activation_bytes(size: Size, batch: MicroBatch, *, bytes_per_value: int) -> int:
    """What a forward pass keeps for the backward pass of a Llama-shaped model with memory-efficient attention.

    Per layer and token: two residual streams, two normed ones and their inputs in float32, q, k, v, the attention's
    output and its copy, four of the feed-forward width. With checkpointing: one stream a layer, and one layer whole.
    Logits of trained tokens: as they are, and twice in float32.
    """
    norms = 0 if bytes_per_value == 4 else 8 * size.hidden
    layer = bytes_per_value * (9 * size.hidden + 2 * size.key_value + 4 * size.intermediate) + norms
    kept = size.layers * bytes_per_value * size.hidden + layer if batch.checkpointing else size.layers * layer
    logits = batch.trained * size.vocabulary * (8 + bytes_per_value)
    return batch.tokens * kept + logits


def train_flops(parameters: int, tokens: int) -> float:
    """6ND: two for the forward pass, four for the backward; Kaplan et al. (2020). Attention scores are left out."""
    return 6.0 * parameters * tokens


def device_peak_flops(name: str) -> float | None:
    """Dense bfloat16 peak of a GPU by its name; None where the name is not known, or is a CPU's."""
    return next((peak for word, peak in _PEAKS if word in name), None)
