import pytest
import torch
from safetensors.torch import load_file

from sftctl.data.conversation import Conversation
from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir, write_text
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.stage import train
from tests.gpu.on_a_cpu import train_as_on_a_gpu
from tests.jsonl import to_jsonl


def row(number):
    question, answer = f"What is the fee of plan {number}?", f"It is {number} crowns."
    messages = ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    return Conversation(str(number), messages, source="desk")


def test_tokens_added_for_a_template_are_trained_and_saved_under_lora(tmp_path):
    run_dir = RunDir(tmp_path)
    write_text(run_dir.training_rows, to_jsonl([row(number) for number in range(16)]))
    write_text(run_dir.held_out_rows, "")
    model = ModelConfig(path="builtin:tiny", method="lora")
    data = DataConfig(chat_template="chatml", add_missing_special_tokens=True)
    config = TrainConfig(
        max_steps=2, batch_size=8, learning_rate=1e-2, evaluations_per_epoch=0, checkpoints_per_epoch=0
    )
    base = load_model(model).get_input_embeddings().weight.detach().clone()

    result = train(config, model, data, run_dir, seed=1)

    assert result.reload.max_logit_difference == 0.0
    tokenizer = load_tokenizer(model, path=str(run_dir.model))
    assert tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]) == [1024, 1025]
    saved = load_file(run_dir.model / "adapter_model.safetensors")
    (embeddings,) = [weight for name, weight in saved.items() if "embed_tokens" in name]
    assert embeddings.shape == (1026, 96)
    assert not torch.equal(embeddings[:1024], base)
    assert load_model(model, path=str(run_dir.model)).get_input_embeddings().weight.shape == (1026, 96)


@pytest.mark.parametrize("checkpointing", [True, False], ids=["checkpointing", "plain"])
def test_added_tokens_are_trained_beside_a_bfloat16_base_as_on_a_gpu(checkpointing, tmp_path, monkeypatch):
    """Embeddings and head keep the precision of the layers between them, or these would refuse their input."""
    train_as_on_a_gpu(monkeypatch.setattr)
    run_dir = RunDir(tmp_path)
    write_text(run_dir.training_rows, to_jsonl([row(number) for number in range(8)]))
    write_text(run_dir.held_out_rows, to_jsonl([row(number) for number in range(8, 10)]))
    model = ModelConfig(path="builtin:tiny", method="lora", dtype="bfloat16")
    data = DataConfig(chat_template="chatml", add_missing_special_tokens=True)
    config = TrainConfig(max_steps=2, batch_size=8, learning_rate=1e-2, gradient_checkpointing=checkpointing)
    result = train(config, model, data, run_dir, seed=1)
    assert result.held_out[-1].loss < result.held_out[0].loss
    assert result.reload.max_logit_difference <= result.reload.tolerance
