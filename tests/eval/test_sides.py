"""Which models are compared, and how the base of an adapter is run."""

import pytest
import torch

from sftctl.errors import GateFailed
from sftctl.eval.config import EvalConfig
from sftctl.eval.result import EvalResult
from sftctl.eval.sides import find_sides
from sftctl.model import adapters
from sftctl.model.config import LoraConfig
from sftctl.model.loading import load_model
from sftctl.run_dir import RunDir
from tests.eval.conftest import MODEL, run_eval


@pytest.fixture(scope="module")
def adapter_folder(tmp_path_factory):
    """An adapter on the built-in model with weights that change its answers."""
    model = adapters.attach(load_model(MODEL, training=True), LoraConfig(r=4), base_path="builtin:tiny")
    torch.manual_seed(3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.5)
    folder = tmp_path_factory.mktemp("adapter")
    model.save_pretrained(folder)
    return folder


def test_the_base_of_an_adapter_is_the_same_model_with_the_adapter_off(adapter_folder, tmp_path):
    sides = find_sides(EvalConfig(tuned=str(adapter_folder)), MODEL, RunDir(tmp_path))
    assert (sides.base.adapter_off, sides.tuned.adapter_off) == (True, False)
    ids = torch.tensor([[5, 6, 7, 8]])
    with sides.loaded() as loaded, torch.no_grad():
        with loaded.model("tuned") as model:
            tuned = model(input_ids=ids).logits
        with loaded.model("base") as model:
            off = model(input_ids=ids).logits
        with loaded.model("tuned") as model:
            on_again = model(input_ids=ids).logits
    plain = load_model(MODEL)(input_ids=ids).logits
    assert torch.equal(off, plain)
    assert not torch.equal(tuned, plain)
    assert torch.equal(tuned, on_again)


def test_both_sides_of_an_adapter_answer_and_are_scored(adapter_folder, held_out, tmp_path):
    with pytest.raises(GateFailed, match="held-out loss"):  # random weights are worse than the base's
        run_eval({"tuned": str(adapter_folder), "held_out": str(held_out), "prompts": 2}, tmp_path)
    result = EvalResult.model_validate_json((tmp_path / "eval" / "eval.json").read_bytes())
    assert result.base.adapter_off
    assert result.losses[0].base < result.losses[0].tuned
    assert result.drift[0].tuned > 0


def test_another_base_than_the_adapters_own_is_loaded_by_itself(adapter_folder, tuned_folder, tmp_path):
    config = EvalConfig(tuned=str(adapter_folder), base=str(tuned_folder))
    sides = find_sides(config, MODEL, RunDir(tmp_path))
    assert not sides.base.adapter_off
    assert sides.base.fingerprint != sides.tuned.fingerprint


def test_the_fingerprint_follows_the_weights_and_not_the_path(tuned_folder, tmp_path):
    (tmp_path / "copy").mkdir()
    for file in tuned_folder.iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    prints = [
        find_sides(EvalConfig(tuned=str(folder)), MODEL, RunDir(tmp_path)).tuned.fingerprint
        for folder in (tuned_folder, tmp_path / "copy")
    ]
    assert prints[0] == prints[1]
    (tmp_path / "copy" / "config.json").write_text("{}", encoding="utf-8")
    changed = find_sides(EvalConfig(tuned=str(tmp_path / "copy")), MODEL, RunDir(tmp_path))
    assert changed.tuned.fingerprint != prints[0]
