"""Files that a stage reads late are looked into before anything slow begins, each fault at its place in the recipe."""

import json

import pytest

from sftctl.errors import DataUnusable
from sftctl.recipe import load_recipe
from sftctl.recipe_rows import look_at_files

RECIPE = """\
name: t
model: {path: builtin:tiny}
curate:
  sources: [{name: a, path: rows.jsonl}]
  hold_out: {frozen: FROZEN}
  decontaminate: {benchmarks: [BENCHMARK]}
train: {rows: ROWS, held_out: ROWS}
eval:
  held_out: ROWS
  engine: {kind: answers, base: FINISHED, tuned: FINISHED}
  benchmarks: {tasks: [{id: own, path: ITEMS, shots: {path: ITEMS}}]}
  judge: {base_url: "http://localhost:1/v1", model: m, prompts: PROMPTS, against: ANSWERS}
  arena: {contenders: [{name: c, answers: ANSWERS}]}
"""
TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
OWN_ROW = {"id": "1", "messages": TURNS, "source": "desk", "role": "domain"}
GOOD = {
    "FROZEN": OWN_ROW,
    "BENCHMARK": {"question": "Which fee?"},
    "ROWS": {"messages": TURNS},
    "FINISHED": {"id": "1", "answer": "None."},
    "ITEMS": {"question": "Q", "choices": ["a", "b"], "answer": 0},
    "PROMPTS": {"turns": ["Which fee?"]},
    "ANSWERS": {"id": "1", "answer": "None."},
}
FAULTS = {
    "FROZEN": (
        {"messages": TURNS},
        "t.yaml:5:22: FROZEN:2: no row as sftctl writes it, with id, messages, source and role. Name the held_out",
    ),
    "BENCHMARK": (["Which fee?"], "t.yaml:6:32: BENCHMARK:2: a list where a row, an object with columns, is expected"),
    "ROWS": (
        {"messages": None},
        "t.yaml:7:15: source rows (ROWS): 1 of 2 rows cannot be used; at most 1 % may be bad.",
    ),
    "FINISHED": ({"id": "2"}, "t.yaml:10:33: FINISHED: row 2 needs an `id` or one of prompt, instruction, question"),
    "ITEMS": (
        {"question": "Q", "choices": ["a", "b"], "answer": 7},
        "t.yaml:11:40: eval.benchmarks: own: ITEMS: 1 rows are no items of format multiple_choice: row 2: answer 7",
    ),
    "PROMPTS": ({"messages": [{"text": "Hi"}]}, "t.yaml:12:65: PROMPTS: row 2 needs `turns`, `messages`, or one of"),
    "ANSWERS": ({"id": "2"}, "t.yaml:12:89: ANSWERS: row 2 needs one of id, question_id, prompt, question"),
}
PLACES = {"FROZEN": 1, "BENCHMARK": 1, "ROWS": 3, "FINISHED": 2, "ITEMS": 2, "PROMPTS": 1, "ANSWERS": 2}
ALL = ("curate", "smoke-test", "train", "eval")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Loads the recipe over good files, with a second row in some of them."""
    monkeypatch.chdir(tmp_path)

    def load(**second_rows):
        text = RECIPE
        for name, row in GOOD.items():
            rows = [row, second_rows[name]] if name in second_rows else [row]
            (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))
            text = text.replace(name, f"{name}.jsonl")
        (tmp_path / "t.yaml").write_text(text)
        return load_recipe("t.yaml")

    return load


def faults(loaded, stages):
    with pytest.raises(DataUnusable) as refused:
        look_at_files(loaded, stages)
    head, *rest = str(refused.value).replace(".jsonl", "").splitlines()
    return head, [line for line in rest if line.startswith("t.yaml:")]


def test_good_files_are_no_matter(recipe, capsys):
    look_at_files(recipe(), ALL)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_a_file_is_told_wherever_the_recipe_names_it(name, recipe):
    row, told = FAULTS[name]
    head, places = faults(recipe(**{name: row}), ALL)
    assert places[0].startswith(told)
    assert len(places) == PLACES[name]
    assert head == f"{'a file' if PLACES[name] == 1 else f'{PLACES[name]} files'} that the recipe names cannot be used"


def test_a_training_without_eval_is_warned_of_what_eval_will_not_read(recipe, capsys):
    look_at_files(recipe(PROMPTS={"n": 1}), ("train",))
    told = capsys.readouterr().err
    assert told.startswith(
        "warning: eval will not be able to read what the recipe names:\nt.yaml:12:65: PROMPTS.jsonl: row 2"
    )


def test_a_stage_looks_at_its_own_files_alone(recipe, capsys):
    loaded = recipe(**{name: row for name, (row, _) in FAULTS.items()})
    assert len(faults(loaded, ("curate",))[1]) == 2
    look_at_files(loaded, ("eval",))
    assert capsys.readouterr().err == ""


def test_a_file_that_is_not_here_is_left_to_its_stage(recipe, tmp_path):
    loaded = recipe()
    for name in GOOD:
        (tmp_path / f"{name}.jsonl").unlink()
    look_at_files(loaded, ALL)


def test_an_empty_file_of_held_out_rows_is_left_to_eval(recipe, tmp_path):
    loaded = recipe()
    (tmp_path / "ROWS.jsonl").write_text("")
    look_at_files(loaded, ALL)
