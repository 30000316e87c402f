import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from sftctl.errors import RecipeError, UsageError
from sftctl.recipe import Recipe, leaves, load_recipe, recipe_schema, resolved_yaml
from tests.conftest import ROOT

MINIMAL = "name: test\nmodel: {path: builtin:tiny}\n"

BAD_RECIPES = {
    "empty": "",
    "a-list": "- name: x\n",
    "a-sentence": "just a sentence\n",
    "not-yaml": "name: x\nmodel: {path: x\n",
    "tab": "name: x\n\tmodel: y\n",
    "two-documents": MINIMAL + "---\nname: y\n",
    "misspelt-section": "name: x\nmodle: {path: builtin:tiny}\n",
    "misspelt-key": MINIMAL + "train:\n  lerning_rate: 1e-5\n",
    "key-in-the-wrong-section": MINIMAL + "data:\n  learning_rate: 1e-5\n",
    "key-at-the-top": MINIMAL + "epochs: 3\n",
    "unknown-key-close-to-none": MINIMAL + "data:\n  zzz: 1\n",
    "name-missing": "model: {path: builtin:tiny}\n",
    "model-path-missing": "name: x\nmodel: {}\n",
    "name-with-a-slash": "name: a/b\nmodel: {path: builtin:tiny}\n",
    "seed-negative": MINIMAL + "seed: -1\n",
    "seed-octal": MINIMAL + "seed: 010\n",
    "seed-text": MINIMAL + "seed: many\n",
    "duplicate-key": MINIMAL + "seed: 1\nseed: 2\n",
    "number-for-text": "name: 5\nmodel: {path: builtin:tiny}\n",
    "text-for-number": MINIMAL + "train: {epochs: three}\n",
    "fraction-for-a-count": MINIMAL + "train: {batch_size: 1.5}\n",
    "learning-rate-too-high": MINIMAL + "train: {learning_rate: 3}\n",
    "learning-rate-a-word": MINIMAL + "train: {learning_rate: atuo}\n",
    "epochs-zero": MINIMAL + "train: {epochs: 0}\n",
    "epochs-nan": MINIMAL + "train: {epochs: .nan}\n",
    "method-misspelt": "name: x\nmodel: {path: y, method: lorra}\n",
    "boolean-for-a-section": MINIMAL + "data: true\n",
    "section-for-a-value": MINIMAL + "seed: {value: 1}\n",
    "list-for-a-section": MINIMAL + "train: [1, 2]\n",
    "sources-empty": MINIMAL + "curate: {sources: []}\n",
    "source-without-a-path": MINIMAL + "curate: {sources: [{name: a}]}\n",
    "source-share-above-one": MINIMAL + "curate: {sources: [{name: a, path: b, share: 1.5}]}\n",
    "source-role-unknown": MINIMAL + "curate: {sources: [{name: a, path: b, role: generall}]}\n",
    "filter-unknown": MINIMAL + "curate: {sources: [{name: a, path: b}], filters: [{rule: lenght}]}\n",
    "behaviour-preset-misspelt": MINIMAL + "eval: {behaviours: [{id: a, preset: apologgy, max_rate: 2}]}\n",
    "benchmark-without-a-path": MINIMAL + "eval: {benchmarks: {tasks: [{id: mmlu}]}}\n",
    "secret": MINIMAL + "notes: hf_abcdefghijklmnopqrstuvwxyz\n",
    "foreign-tag": "name: !env NAME\nmodel: {path: builtin:tiny}\n",
    "alias-of-itself": MINIMAL + "data: &a {max_length: *a}\n",
    "merge-of-an-adapter-that-is-not-there": "name: x\nmodel: {path: builtin:tiny, method: full, merge: true}\n",
    "held-out-without-rows": MINIMAL + "train: {held_out: rows.jsonl}\n",
    "five-at-once": "name: a b\nmodel: {path: y, method: lorra}\nsede: 1\ntrain: {epochs: 0, lr: 1}\n",
}


def refusal(text, tmp_path, *overrides):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as refused:
        load_recipe(str(path), overrides)
    return str(refused.value).replace(str(path), "recipe.yaml")


def test_each_of_these_recipes_is_refused_with_its_exact_words(golden, tmp_path):
    assert len(BAD_RECIPES) >= 40
    refusals = [f"== {name}\n{refusal(text, tmp_path)}\n" for name, text in BAD_RECIPES.items()]
    golden(ROOT / "tests" / "golden" / "bad_recipes.txt", "\n".join(refusals))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.epochs", "command line:1:1: not an override: write key=value, such as train.learning_rate=1e-5"),
        ("=3", "command line:1:1: not an override"),
        ("train.epochs=none", "command line:1:14: `train.epochs` must be a number, not 'none'"),
        ("train.epoch=3", "command line:1:1: unknown key `epoch` in `train`; did you mean `epochs`?"),
        ("curate.sources.1.share=0.4", "command line:1:1: `curate.sources` has items 0 to 0; `1` is none of them"),
        ("name.first=x", "command line:1:1: `name` is a single value, not a section"),
        ("train.epochs=[1", "command line:1:3: not YAML"),
        ("foo.bar=1", "command line:1:1: unknown key `foo` in a recipe"),
        ("seed=007", "command line:1:6: `007` reads as octal in YAML 1.1: write 7"),
    ],
)
def test_a_bad_override_is_shown_with_its_place(override, message, tmp_path):
    text = MINIMAL + "curate: {sources: [{name: a, path: b}]}\n"
    assert message in refusal(text, tmp_path, override)


def loaded(tmp_path, text, *overrides):
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(str(path), overrides).recipe


def test_overrides_follow_the_recipes_scalar_rules_and_reach_list_items(tmp_path):
    text = MINIMAL + "curate: {sources: [{name: a, path: b, share: 0.5}, {name: c, path: d, share: 0.6}]}\n"
    recipe = loaded(
        tmp_path, text, "train.learning_rate=1e-5", "curate.sources.0.share=0.4", "run_dir=out", "train.epochs=3"
    )
    assert (recipe.train.learning_rate, recipe.curate.sources[0].share) == (1e-5, 0.4)
    assert (recipe.run_folder, recipe.train.epochs) == (Path("out"), 3.0)


def test_null_removes_a_section_and_puts_a_default_back(tmp_path):
    text = MINIMAL + "train: {epochs: 7, max_steps: 9}\ncurate: {sources: [{name: a, path: b}]}\n"
    recipe = loaded(tmp_path, text, "train.epochs=null", "train.max_steps=null", "curate=null")
    assert (recipe.train.epochs, recipe.train.max_steps, recipe.curate) == (2.0, None, None)


def test_a_recipe_in_a_folder_that_was_removed_is_a_usage_error(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(UsageError, match="no such recipe in the current folder, which was removed"):
        load_recipe("recipe.yaml")


def test_the_command_to_repeat_can_be_pasted_where_the_recipe_begins_with_a_dash(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-r.yaml").write_text("name: desk\nmodel: {path: builtin:tiny}\n", encoding="utf-8")
    assert load_recipe("-r.yaml").command("train") == "sftctl train ./-r.yaml"


def test_a_recipe_that_does_not_exist_says_how_to_get_one(tmp_path):
    with pytest.raises(UsageError, match=r"no such recipe in .*`sftctl init` writes one; `builtin:demo` is built in"):
        load_recipe(str(tmp_path / "none.yaml"))


def test_a_recipe_in_another_encoding_is_refused_at_its_byte(tmp_path):
    (tmp_path / "recipe.yaml").write_bytes("name: é".encode("latin-1"))
    with pytest.raises(RecipeError, match="not UTF-8 at byte 6"):
        load_recipe(str(tmp_path / "recipe.yaml"))


def test_a_byte_order_mark_is_ignored(tmp_path):
    assert loaded(tmp_path, "\ufeff" + MINIMAL).name == "test"


def test_the_schema_accepts_what_the_recipe_accepts_and_refuses_unknown_keys():
    schema = json.loads(recipe_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = yaml.safe_load(MINIMAL)
    assert list(validator.iter_errors(good)) == []
    assert [error.validator for error in validator.iter_errors({**good, "sede": 1})] == ["additionalProperties"]


def test_every_key_is_described():
    schema = json.loads(recipe_schema())
    models = [schema, *(model for model in schema["$defs"].values() if model.get("type") == "object")]
    bare = [
        f"{model['title']}.{name}"
        for model in models
        for name, key in model.get("properties", {}).items()
        if "description" not in key and "const" not in key
    ]
    assert bare == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_recipe_in_configs_is_valid_and_its_resolved_form_says_the_same(path, tmp_path):
    recipe = load_recipe(str(path)).recipe
    again = tmp_path / "resolved.yaml"
    again.write_text(resolved_yaml(recipe), encoding="utf-8")
    assert load_recipe(str(again)).recipe == recipe


def test_the_resolved_recipe_of_a_minimal_one_is_valid_and_equal(tmp_path):
    recipe = loaded(tmp_path, MINIMAL)
    assert loaded(tmp_path, resolved_yaml(recipe)) == recipe


def test_leaves_name_each_key_that_changed():
    one = Recipe.model_validate(yaml.safe_load(MINIMAL))
    other = Recipe.model_validate({**yaml.safe_load(MINIMAL), "train": {"epochs": 3}})
    before, after = leaves("train", one.train), leaves("train", other.train)
    assert [key for key in before if before[key] != after[key]] == ["train.epochs"]
