"""QLoRA without a GPU: for bitsandbytes stand weights that are rounded to a coarse grid when they are loaded."""

import functools
from types import SimpleNamespace

import pytest
import safetensors.torch
import torch

from sftctl.errors import StorageFailed
from sftctl.model import device, loading
from sftctl.train import publishing
from sftctl.train.stage import train
from tests.train.rows import DATA, LORA, run_with_rows, short

QLORA = LORA.model_copy(update={"method": "qlora"})


@pytest.fixture
def few_levels(monkeypatch):
    load = loading.AutoModelForCausalLM.from_pretrained

    def coarse(source, *, quantization_config=None, **options):
        model = load(source, **options)
        if quantization_config is not None:
            model.is_loaded_in_4bit = True
            model.num_parameters = lambda **options: 1  # transformers asks bitsandbytes, which is not there
            for layer in model.model.layers.modules():
                if isinstance(layer, torch.nn.Linear):
                    scale = layer.weight.detach().abs().max() / 7
                    layer.weight.data = (layer.weight.data / scale).round() * scale
        return model

    monkeypatch.setattr(loading, "AutoModelForCausalLM", SimpleNamespace(from_pretrained=coarse))
    monkeypatch.setattr(loading, "_four_bit", lambda device: "four bits")
    monkeypatch.setattr(device, "require_four_bit", lambda device: None)


def test_the_saved_adapter_is_read_back_on_the_base_it_was_trained_on(few_levels, monkeypatch, tmp_path):
    run_dir = run_with_rows(tmp_path / "run", rows=8, held_out=0, general=0)
    result = train(short(), QLORA, DATA, run_dir, 17)
    assert result.reload.max_logit_difference == 0
    monkeypatch.setattr(publishing, "load_model", functools.partial(loaded_whole, publishing.load_model))
    with pytest.raises(StorageFailed, match="differ"):
        train(short(), QLORA, DATA, run_dir, 17)


def loaded_whole(load_model, config, *, path, training):
    return load_model(config, path=path)


def test_the_adapter_is_trained_in_float32(few_levels, tmp_path):
    run_dir = run_with_rows(tmp_path / "run", rows=8, held_out=0, general=0)
    train(short(checkpoints_per_epoch=1, warmup=0), QLORA, DATA, run_dir, 17)
    checkpoint = max(run_dir.checkpoints.iterdir())
    moments = torch.load(checkpoint / "optimizer.pt")["state"].values()
    assert {state["exp_avg"].dtype for state in moments} == {torch.float32}
    adapter = safetensors.torch.load_file(checkpoint / "adapter_model.safetensors")
    assert any((weight != weight.bfloat16()).any() for weight in adapter.values())
