import json

import pytest
import torch

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.model.adapters import adapter_off, attach, merge
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.loading import load_model, pick_dtype
from sftctl.model.settings import context_length, generation_stop_ids
from sftctl.model.source import resolve_path
from sftctl.model.tokenizer import load_tokenizer

IDS = torch.tensor([[20, 21, 22, 23, 24, 25]])


def _logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


def test_the_builtin_name_becomes_a_folder():
    assert resolve_path("builtin:tiny").endswith("tiny")
    with pytest.raises(UsageError, match=r"builtin:huge"):
        resolve_path("builtin:huge")


def test_an_absent_folder_is_named():
    with pytest.raises(UsageError, match=r"no folder \./nowhere"):
        load_tokenizer(ModelConfig(path="./nowhere"))
    with pytest.raises(UsageError, match=r"no folder ~nobody-here/model"):
        load_tokenizer(ModelConfig(path="~nobody-here/model"))


def test_a_hub_id_that_is_not_cached_is_an_environment_problem_when_offline(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(EnvironmentProblem, match="the hub cannot be reached"):
        load_tokenizer(ModelConfig(path="sftctl-tests/absent"))


def test_a_folder_without_weights_is_a_usage_error(tmp_path, model_folder):
    (tmp_path / "config.json").write_text((model_folder / "config.json").read_text())
    with pytest.raises(UsageError, match="cannot be loaded as a causal language model"):
        load_model(ModelConfig(path=str(tmp_path), device="cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="the refusal is for machines without a GPU")
def test_a_gpu_that_is_asked_for_and_absent_is_refused():
    with pytest.raises(EnvironmentProblem, match="torch sees no GPU"):
        pick_device(ModelConfig(path="builtin:tiny", device="cuda"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="the refusal is for machines without a GPU")
def test_qlora_without_a_gpu_is_refused_and_never_downgraded(model_folder):
    with pytest.raises(EnvironmentProblem, match="needs a CUDA GPU"):
        load_model(ModelConfig(path=str(model_folder), method="qlora"), training=True)


def test_precision_is_float32_on_a_cpu_and_for_master_weights():
    full, lora = (ModelConfig(path="builtin:tiny", method=method) for method in ("full", "lora"))
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert pick_dtype(lora, cpu, training=True) == torch.float32
    assert pick_dtype(full, cuda, training=True) == torch.float32
    assert pick_dtype(full, cuda) == torch.bfloat16
    assert pick_dtype(lora, cuda, training=True) == torch.bfloat16
    assert pick_dtype(lora.model_copy(update={"dtype": "bfloat16"}), cpu) == torch.bfloat16


def test_the_context_and_the_stop_tokens_come_from_the_config_files(config, model_folder, tokenizer):
    assert context_length(config) == 512
    assert generation_stop_ids(config) == (tokenizer.eos_token_id,)


def test_several_stop_tokens_are_all_read(tmp_path, config, model_folder):
    for file in model_folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 2]}))
    assert generation_stop_ids(ModelConfig(path=str(tmp_path))) == (1, 2)


def test_a_fresh_adapter_changes_nothing(config):
    base = _logits(load_model(config))
    assert torch.equal(_logits(attach(load_model(config), LoraConfig(), base_path=config.path).eval()), base)


def _moved(model):
    torch.manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    return model.eval()


@pytest.mark.parametrize("options", [{}, {"dora": True}, {"rslora": True}, {"target_modules": ("q_proj", "v_proj")}])
def test_a_saved_adapter_loads_onto_its_base_with_the_same_logits(config, tmp_path, options):
    adapted = _moved(attach(load_model(config), LoraConfig(r=4, **options), base_path=config.path))
    adapted.save_pretrained(tmp_path)
    loaded = load_model(ModelConfig(path="builtin:tiny", device="cpu"), path=str(tmp_path))
    assert torch.equal(_logits(loaded), _logits(adapted))


def test_the_adapter_off_is_the_base(config):
    adapted = _moved(attach(load_model(config), LoraConfig(r=4), base_path=config.path))
    base, tuned = _logits(load_model(config)), _logits(adapted)
    with adapter_off(adapted) as plain:
        assert torch.equal(_logits(plain), base)
    assert torch.equal(_logits(adapted), tuned)
    assert not torch.equal(tuned, base)


def test_a_merged_model_has_the_logits_of_the_adapted_one(config):
    adapted = _moved(attach(load_model(config), LoraConfig(r=4), base_path=config.path))
    tuned = _logits(adapted)
    assert torch.allclose(_logits(merge(adapted)), tuned, rtol=1e-5, atol=1e-5)


def test_no_adapter_cannot_be_switched_off(model):
    with pytest.raises(UsageError, match="no adapter"), adapter_off(model):
        pass


def test_target_modules_that_do_not_exist_are_named(config):
    with pytest.raises(UsageError, match="nonsense"):
        attach(load_model(config), LoraConfig(target_modules=("nonsense",)), base_path=config.path)


def test_merge_is_refused_where_it_cannot_be():
    with pytest.raises(ValueError, match="no adapter to merge"):
        ModelConfig(path="x", method="full", merge=True)
    with pytest.raises(ValueError, match="4-bit base"):
        ModelConfig(path="x", method="qlora", merge=True)
