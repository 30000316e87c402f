"""Twenty recipes without a fault: two architectures, full and adapters, packed and padded, one turn and several."""

import dataclasses
import itertools

import pytest
import safetensors.torch
from transformers import Qwen2Config, Qwen2ForCausalLM

from sftctl.data.conversation import Conversation, read_conversations
from sftctl.demo import paths
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.settings import model_settings
from sftctl.model.tokenizer import load_tokenizer
from sftctl.tokenization.config import DataConfig
from tests.jsonl import to_jsonl

pytestmark = pytest.mark.slow

RATES = {"full": 3e-3, "lora": 1e-2}


@pytest.fixture(scope="module")
def qwen(tmp_path_factory):
    """The built-in model's weights in another architecture: Qwen2 with its biases at zero."""
    config = ModelConfig(path="builtin:tiny")
    llama = model_settings(config)
    shared = (
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads",
        "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "tie_word_embeddings", "eos_token_id",
        "pad_token_id",
    )  # fmt: skip
    model = Qwen2ForCausalLM(Qwen2Config(**{name: getattr(llama, name) for name in shared}))
    weights = safetensors.torch.load_file(paths.model_folder() / "model.safetensors")
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert (unexpected, [name for name in missing if ".bias" not in name and "lm_head" not in name]) == ([], [])
    folder = tmp_path_factory.mktemp("qwen")
    for name, weight in model.named_parameters():
        if name.endswith(".bias"):
            weight.data.zero_()
    model.tie_weights()
    model.save_pretrained(folder)
    load_tokenizer(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def files(desk, tmp_path_factory):
    """turns -> (training, held-out): rows of one turn, rows of four turns, and plain text."""
    folder = tmp_path_factory.mktemp("healthy")

    def written(name, path, change, count):
        rows = [change(group) for group in _grouped(list(read_conversations(path)), 4 if name == "four" else 1)]
        (folder / f"{name}-{path.name}").write_text(to_jsonl(rows[:count]))
        return folder / f"{name}-{path.name}"

    def joined(group):
        messages = tuple(message for row in group for message in row.messages)
        return Conversation(group[0].id, messages, "desk")

    def text(group):
        row = group[0]
        content = f"{row.prompt} {row.response}"
        return Conversation(row.id, ({"role": "document", "content": content},), "desk")

    return {
        name: (written(name, desk.training, change, count), written(name, desk.held_out, change, 16))
        for name, change, count in (("one", joined, 240), ("four", joined, 64), ("text", text, 240))
    }


def _grouped(rows, size):
    return [rows[i : i + size] for i in range(0, len(rows) - size + 1, size)]


MATRIX = [
    pytest.param(
        {}, {}, model, method, packing, length, id=f"{model}-{method}-{'packed' if packing else 'padded'}-{length}"
    )
    for model, method, packing, length in itertools.product(("llama", "qwen"), RATES, (True, False), ("one", "four"))
]
OTHERS = [
    pytest.param({"train_on": "last_assistant"}, {}, "llama", "full", True, "four", id="last-response-only"),
    pytest.param({"train_on": "all_tokens"}, {}, "llama", "full", True, "text", id="plain-text"),
    pytest.param({"chat_template": "zephyr"}, {}, "llama", "full", True, "one", id="another-template-it-can-read"),
    pytest.param({}, {"lora": LoraConfig(r=8, dora=True)}, "llama", "lora", True, "one", id="dora"),
]


@pytest.mark.parametrize(("data", "model", "name", "method", "packing", "length"), MATRIX + OTHERS)
def test_nothing_healthy_fails(trial, files, qwen, tmp_path, data, model, name, method, packing, length):
    training, held_out = files[length]
    batch_size = 4 if length == "four" else 8
    changes = {
        "rows": training, "held_out": held_out, "packing": packing, "batch_size": batch_size,
        "learning_rate": RATES[method], "epochs": 4,
    }  # fmt: skip
    healthy = dataclasses.replace(
        trial,
        train=trial.train.model_copy(update=changes),
        model=ModelConfig(path=qwen if name == "qwen" else "builtin:tiny", method=method, device="cpu", **model),
        data=DataConfig(max_length=512, **data),
        smoke_test=trial.smoke_test.model_copy(update={"steps": 40, "max_new_tokens": 24}),
    )
    result = healthy.examined(tmp_path)
    assert [(check.name, check.evidence) for check in result.failed] == []
