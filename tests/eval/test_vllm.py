"""What vLLM is asked for; the library itself needs a GPU."""

from types import SimpleNamespace

import pytest

from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.config import VllmEngine
from sftctl.eval.engines.vllm import VllmAnswers
from sftctl.eval.sides import find_sides
from sftctl.model.adapters import attach
from sftctl.model.config import LoraConfig, ModelConfig
from sftctl.model.loading import load_model
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir

MODEL = ModelConfig(path="builtin:tiny")


class Library:
    """Keeps what the engine is opened with."""

    SamplingParams = dict

    def __init__(self):
        self.opened = []
        self.lora = SimpleNamespace(request=SimpleNamespace(LoRARequest=lambda *of: of))

    def LLM(self, **options):
        self.opened.append(options)
        return SimpleNamespace(generate=lambda prompts, sampling, lora_request: [])


@pytest.mark.parametrize(("rank", "room"), [(4, 8), (16, 16), (48, 64)])
def test_an_adapter_of_any_rank_has_room(rank, room, tmp_path):
    """Without max_lora_rank vLLM refuses every adapter above 16."""
    attach(load_model(MODEL), LoraConfig(r=rank), base_path="builtin:tiny").save_pretrained(tmp_path / "tuned")
    load_tokenizer(MODEL).save_pretrained(tmp_path / "tuned")
    sides = find_sides(EvalConfig(tuned=str(tmp_path / "tuned")), MODEL, RunDir(tmp_path / "run"))
    library = Library()
    loaded, prepared = SimpleNamespace(free=lambda: None), SimpleNamespace(stop_token_ids=(0,))
    answers = VllmAnswers(library, VllmEngine(kind="vllm"), sides, loaded, prepared, 4)
    answers.answer("tuned", [], lambda replies: None)
    answers.answer("base", [], lambda replies: None)
    tuned, base = library.opened
    assert (tuned["enable_lora"], tuned["max_lora_rank"]) == (True, room)
    assert "max_lora_rank" not in base
