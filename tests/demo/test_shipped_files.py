"""What ships is what its programs make, is small, and is what the hashes say."""

import json
import random
from pathlib import Path

import pytest
import yaml
from transformers import AutoConfig, AutoTokenizer, GenerationConfig

from sftctl.demo import make_data
from sftctl.demo.make_model import make_model, make_tokenizer
from sftctl.demo.paths import data_folder, model_folder, recipe_path
from sftctl.demo.shipped import HASHES, hashes, shipped_files

CONFIGS = Path(__file__).parents[2] / "configs"
TEMPLATE = (model_folder() / "chat_template.jinja").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tokenizer():
    return AutoTokenizer.from_pretrained(model_folder())


def test_hashes_are_those_of_the_files():
    assert hashes() == json.loads(HASHES.read_text(encoding="utf-8"))


def test_all_of_it_is_under_four_megabytes():
    assert sum(path.stat().st_size for path in shipped_files()) < 4_000_000


def test_data_program_makes_the_shipped_rows(tmp_path):
    make_data.write(tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in data_folder().iterdir()}


def test_model_program_makes_the_shipped_tokenizer(tmp_path):
    rows = make_data.base_rows(random.Random("tokenizer"), 20_000)
    make_tokenizer(rows, TEMPLATE).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (tmp_path / name).read_bytes() == (model_folder() / name).read_bytes(), name


def test_model_is_a_llama_of_well_under_a_million_parameters(tokenizer, tmp_path):
    model = make_model(tokenizer)
    shipped = AutoConfig.from_pretrained(model_folder())
    assert model.num_parameters() == 541_536
    assert shipped.model_type == "llama"
    assert shipped.architectures == ["LlamaForCausalLM"]
    model.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == (model_folder() / "config.json").read_bytes()


def test_pad_is_not_the_stop_token(tokenizer):
    assert tokenizer.convert_tokens_to_ids(["<|pad|>", "<|turn|>", "<|end|>"]) == [0, 1, 2]
    assert (tokenizer.pad_token_id, tokenizer.eos_token_id) == (0, 2)


def test_generation_config_names_the_stop_token():
    config = GenerationConfig.from_pretrained(model_folder())
    assert (config.eos_token_id, config.pad_token_id) == (2, 0)


def test_template_renders_turns_between_markers(tokenizer):
    turns = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What is 2 + 3?"},
        {"role": "assistant", "content": "5."},
    ]
    text = "<|turn|>system\nBe brief.<|end|>\n<|turn|>user\nWhat is 2 + 3?<|end|>\n<|turn|>assistant\n"
    assert tokenizer.apply_chat_template(turns[:2], tokenize=False, add_generation_prompt=True) == text
    assert tokenizer.apply_chat_template(turns, tokenize=False) == text + "5.<|end|>\n"


def test_figures_are_read_digit_by_digit(tokenizer):
    pieces = [tokenizer.decode([token]) for token in tokenizer.encode("fee: 7300 crowns", add_special_tokens=False)]
    assert pieces[-5:] == ["7", "3", "0", "0", " crowns"]


def test_any_text_comes_back_from_the_tokenizer(tokenizer):
    text = "naïve 🙂 Übergröße\t\n 12,5 % <b>"
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == text


def test_packaged_recipe_and_the_one_in_configs_are_the_same():
    assert (CONFIGS / "demo.yaml").read_bytes() == recipe_path().read_bytes()


def test_ci_recipe_is_the_demo_with_less_of_everything():
    demo = yaml.safe_load(recipe_path().read_text(encoding="utf-8"))
    small = yaml.safe_load((CONFIGS / "ci.yaml").read_text(encoding="utf-8"))
    assert small["model"] == demo["model"]
    assert [source["path"] for source in small["curate"]["sources"]] == [
        source["path"] for source in demo["curate"]["sources"]
    ]
