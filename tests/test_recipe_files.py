import os
import re
from pathlib import Path

import pytest

from sftctl.errors import RecipeError, UsageError
from sftctl.recipe import Recipe, load_recipe
from sftctl.recipe_files import DATA_KEYS, FILE_KEYS, MODEL_KEYS, require_files

RECIPE = """\
name: desk
model: {path: models/tuned}
curate:
  sources:
    - {name: desk, path: rows.jsonl}
    - {name: hub, path: org/rows}
  decontaminate: {benchmarks: [there.jsonl, bench.jsonl]}
eval:
  judge: {base_url: "http://localhost:1/v1", model: judge, against: answers/tuned.jsonl}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
    (tmp_path / "models" / "tuned2").mkdir(parents=True)
    for name in ("rows.jsonl.gz", "there.jsonl"):
        (tmp_path / name).touch()
    return tmp_path


def test_every_missing_file_is_named_at_once_with_its_place_and_a_like_name(folder):
    with pytest.raises(RecipeError) as raised:
        require_files(load_recipe("recipe.yaml"), ("curate", "smoke-test", "train", "eval"), folder / "runs/desk")
    assert str(raised.value).splitlines()[1::3] == [
        "recipe.yaml:2:15: `model.path`: there is no folder models/tuned; did you mean models/tuned2?",
        "recipe.yaml:5:26: `curate.sources.path`: there is no file rows.jsonl; did you mean rows.jsonl.gz?",
        "recipe.yaml:7:45: `curate.decontaminate.benchmarks`: there is no file bench.jsonl",
        "recipe.yaml:9:69: `eval.judge.against`: there is no file answers/tuned.jsonl, and no folder answers"
        f" in {folder}",
    ]


def test_a_stage_asks_for_its_own_files_alone(folder):
    loaded = load_recipe("recipe.yaml", ["model.path=builtin:tiny"])
    require_files(loaded, ("train",), folder / "runs/desk")
    with pytest.raises(RecipeError, match=r"eval\.judge\.against"):
        require_files(loaded, ("eval",), folder / "runs/desk")


def test_what_the_run_may_still_make_is_not_asked_for(folder):
    loaded = load_recipe("recipe.yaml", ["model.path=builtin:tiny", "eval.judge=null", "eval.tuned=runs/desk/model"])
    require_files(loaded, ("eval",), folder / "runs/desk")
    with pytest.raises(RecipeError, match=r"command line:1:12: `eval\.tuned`: there is no folder runs/desk/model"):
        require_files(loaded, ("eval",), folder / "runs/other")


def test_every_key_that_names_a_file_is_looked_for():
    looked_for = {key.rpartition(".")[2] for key in (*FILE_KEYS, *DATA_KEYS, *MODEL_KEYS)}
    schema = Recipe.model_json_schema()
    named = {
        name
        for section in (schema, *schema["$defs"].values())
        for name, key in section.get("properties", {}).items()
        if re.search(r"\b(?:file of|file \(|files whose|folder with|local folder|path of)", key.get("description", ""))
        or any(choice.get("format") == "path" for choice in (key, *key.get("anyOf", ())))
    }
    assert named - {"run_dir"} <= looked_for


def refusal(*overrides, stages=("curate", "smoke-test", "train", "eval")):
    fixed = (
        "model.path=builtin:tiny",
        "curate.decontaminate=null",
        "eval.judge=null",
        "curate.sources.0.path=org/rows",
    )
    with pytest.raises(RecipeError) as raised:
        require_files(load_recipe("recipe.yaml", (*fixed, *overrides)), stages, Path("runs/desk"))
    return str(raised.value).splitlines()[1].partition(": ")[2]


def accepted(*overrides):
    fixed = (
        "model.path=builtin:tiny",
        "curate.decontaminate=null",
        "eval.judge=null",
        "curate.sources.0.path=org/rows",
    )
    require_files(load_recipe("recipe.yaml", (*fixed, *overrides)), ("curate", "train", "eval"), Path("runs/desk"))


def test_a_name_without_an_owner_is_no_data_set_on_the_hub(folder):
    assert (
        refusal("curate.sources.0.path=row")
        == "`curate.sources.path`: there is no file row; did you mean rows.jsonl.gz?"
    )


def test_what_no_reader_opens_is_told_how_to_write_it(folder):
    (folder / "home.jsonl").touch()
    told = "`curate.sources.path`: there is no file"
    assert refusal("curate.sources.0.path=~/rows.jsonl") == (
        f"{told} ~/rows.jsonl: `~` is not expanded here; write {Path.home()}/rows.jsonl"
    )
    assert refusal("curate.sources.0.path=https://example.com/rows.jsonl") == (
        f"{told} https://example.com/rows.jsonl: addresses are not read; download it, or name a data set as owner/name"
    )
    assert refusal("curate.sources.0.path='data/*.jsonl'") == (
        f"{told} data/*.jsonl: patterns are not expanded; name the folder, or one source for each file"
    )


@pytest.mark.parametrize("key", ["data.chat_template", "curate.sources.0.path", "curate.hold_out.frozen", "model.path"])
def test_what_may_not_be_read_is_told_at_its_place(folder, key, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: path != Path("there.jsonl"))
    told = f"`{key.replace('.0', '')}`: there.jsonl may not be read by you; see its permissions"
    assert refusal(f"{key}=there.jsonl") == told


def test_a_link_that_leads_nowhere_is_told_as_one(folder):
    (folder / "linked.jsonl").symlink_to("gone.jsonl")
    told = "`curate.sources.path`: there is no file linked.jsonl: it is a link to gone.jsonl, which is not there"
    assert refusal("curate.sources.0.path=linked.jsonl") == told


def test_a_hub_id_is_accepted_beside_a_folder_of_its_owner_that_holds_no_such_name(folder):
    (folder / "meta-llama" / "Other").mkdir(parents=True)
    accepted("model.path=meta-llama/Llama-3.1-8B")


def test_a_folder_that_may_not_be_looked_into_is_named(folder, monkeypatch):
    look_up = Path.stat

    def refuse(path, **kwargs):
        if "locked" in path.parts:
            raise PermissionError(13, "Permission denied", str(path))
        return look_up(path, **kwargs)

    monkeypatch.setattr(Path, "stat", refuse)
    assert refusal("curate.sources.0.path=locked/rows.jsonl") == (
        "`curate.sources.path`: locked/rows.jsonl cannot be looked up (Permission denied)"
    )


@pytest.mark.parametrize(
    ("override", "place", "told"),
    [
        ("model.path=builtin:tinny", "1:12", "`model.path`: there is no built-in model builtin:tinny; {tiny}"),
        ("model.path=Builtin:tiny", "1:12", "`model.path`: there is no built-in model Builtin:tiny; {tiny}"),
        ("model.path=builtin:llama", "1:12", "`model.path`: there is no built-in model builtin:llama; there is {only}"),
        (
            "curate.sources.0.path=builtin:demo/domian.jsonl",
            "1:23",
            "`curate.sources.path`: there is no built-in file builtin:demo/domian.jsonl; "
            "did you mean builtin:demo/domain.jsonl?",
        ),
    ],
)
def test_a_mistyped_built_in_is_told_at_its_place_with_the_nearest(folder, override, place, told):
    with pytest.raises(RecipeError) as raised:
        require_files(load_recipe("recipe.yaml", [override]), ("curate",), folder / "runs/desk")
    expected = told.format(tiny="did you mean builtin:tiny?", only="builtin:tiny")
    assert f"command line:{place}: {expected}\n" in str(raised.value)


def test_a_mistyped_built_in_recipe_names_the_one_there_is(folder):
    with pytest.raises(
        UsageError, match=r"^builtin:dmeo: no such recipe\. The one that is built in is builtin:demo\.$"
    ):
        load_recipe("builtin:dmeo")


@pytest.mark.parametrize("key", ["model.path", "curate.sources.0.path"])
def test_the_home_of_nobody_is_told_as_such(folder, key):
    with pytest.raises(
        RecipeError, match=r"there is no (folder|file) ~nobody-here/x: no home folder of ~nobody-here is"
    ):
        require_files(load_recipe("recipe.yaml", [f"{key}=~nobody-here/x"]), ("curate",), folder / "runs/desk")


def test_a_home_folder_is_expanded_for_a_model_alone(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    overrides = ["model.path=~/models/tuned2", "curate.sources.0.path=~/rows.jsonl"]
    with pytest.raises(RecipeError) as raised:
        require_files(load_recipe("recipe.yaml", overrides), ("curate",), folder / "runs/desk")
    assert "model.path" not in str(raised.value)
    assert f"`~` is not expanded here; write {folder}/rows.jsonl\n" in str(raised.value)
    with pytest.raises(RecipeError, match=r"there is no folder ~/models/tuned; did you mean .*/models/tuned2\?"):
        require_files(load_recipe("recipe.yaml", ["model.path=~/models/tuned"]), ("curate",), folder / "runs/desk")


def test_what_a_whole_override_says_is_told_on_the_command_line(folder):
    sources = "curate.sources=[{name: a, path: there.jsonl}, {name: b, path: rowz.jsonl}]"
    with pytest.raises(RecipeError, match=r"command line:1:16: `curate\.sources\.path`: there is no file rowz\.jsonl"):
        require_files(load_recipe("recipe.yaml", [sources]), ("curate",), folder / "runs/desk")
