"""The log-likelihood scorer: the same figures as row by row, for any batch, and as lm-eval's."""

import gzip
import json
import math
import os
import time
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pytest

from sftctl.demo import paths
from sftctl.eval.benchmark_scores import item_score, read_sample, score_again
from sftctl.eval.benchmarks import HellaSwag, Item, Mmlu, MultipleChoice, Shots, TruthfulQa
from sftctl.eval.config import BenchmarksConfig
from sftctl.eval.ledger import Ledger
from sftctl.eval.prompts import stratified
from sftctl.eval.scorer import choice_log_likelihoods, cut_items
from sftctl.model.scoring import score_rows
from sftctl.tokenization.rows import NOT_TRAINED

ITEMS = [
    Item("Which fee?", (" None at all.", " Five", " It is five crowns a month, and more."), (1, 0, 0)),
    Item("A much longer question about the card and its fee, with a list.\nAnswer:", (" A", " B"), (0, 1)),
    Item("One", (" two", "two three"), (0, 1)),
    Item("", (" nothing before", " it"), (0, 1)),
]


@dataclass(frozen=True)
class _Row:
    id: str
    input_ids: list[int]
    labels: list[int]


def _row_by_row(tiny, tokenizer, item):
    rows = []
    start = len(tokenizer(item.prompt)["input_ids"])
    for choice in item.choices:
        ids = tokenizer(item.prompt + choice)["input_ids"]
        rows.append(_Row("x", ids, [NOT_TRAINED] * start + ids[start:]))
    return [-loss.nats for loss in score_rows(tiny, rows, pad_token_id=0)]


def test_equal_to_scoring_every_choice_as_a_row(tiny, prepared):
    found = choice_log_likelihoods(tiny, prepared.tokenizer, ITEMS[:3])
    for item, values in zip(ITEMS, found, strict=False):
        assert values == pytest.approx(_row_by_row(tiny, prepared.tokenizer, item), abs=1e-4)


def test_the_same_for_any_batch_and_order(tiny, prepared):
    whole = choice_log_likelihoods(tiny, prepared.tokenizer, ITEMS)
    alone = [choice_log_likelihoods(tiny, prepared.tokenizer, [item])[0] for item in ITEMS]
    small = choice_log_likelihoods(tiny, prepared.tokenizer, ITEMS[::-1], max_batch_tokens=64)[::-1]
    for one, other, third in zip(whole, alone, small, strict=True):
        assert one == pytest.approx(other, abs=1e-4)
        assert one == pytest.approx(third, abs=1e-4)


def test_a_text_beyond_the_context_loses_its_beginning(tiny, prepared):
    long = Item("first " + "word " * 3000 + "end", (" one", " two"), (0, 1))
    cut = Item("other " + "word " * 3000 + "end", (" one", " two"), (0, 1))
    assert choice_log_likelihoods(tiny, prepared.tokenizer, [long]) == choice_log_likelihoods(
        tiny, prepared.tokenizer, [cut]
    )
    assert cut_items(tiny, prepared.tokenizer, [*ITEMS, long, cut]) == 2


def test_prompts_that_the_model_cannot_read_whole_are_told(tiny, prepared, tmp_path, capsys):
    rows = [{"question": "word " * 50 + str(n), "choices": ["a", "b"], "answer": 0} for n in range(3)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for count, told in ((1, False), (40, True)):
        rows_of_shots = [{**rows[0], "question": f"{n} " + "word " * 50} for n in range(40)]
        (tmp_path / "dev.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows_of_shots))
        shots = Shots(path=str(tmp_path / "dev.jsonl"), count=count)
        sample = read_sample(MultipleChoice(id="ours", path=str(tmp_path / "rows.jsonl"), shots=shots), 1)
        score_again(lambda: tiny, prepared.tokenizer, sample, Ledger(tmp_path / f"ledger{count}"), BenchmarksConfig())
        sentence = "ours: 3 of the first 3 prompts are longer than the model's context and lose their beginning"
        assert (sentence in " ".join(capsys.readouterr().err.split())) is told


def test_metrics_by_hand():
    item = Item("q", (" ab", " abcd", " c"), (0, 1, 1))
    assert item_score(item, "acc", [-1.0, -1.5, -3.0]) == 0.0
    # per character: -0.5, -0.375, -3
    assert item_score(item, "acc_norm", [-1.0, -1.5, -3.0]) == 1.0
    # masses 1/2, 1/4, 1/4
    assert item_score(item, "mc2", [math.log(mass) for mass in (1 / 2, 1 / 4, 1 / 4)]) == pytest.approx(0.5)
    assert item_score(item, "acc", [float("nan"), -1.0, -2.0]) == 0.0


def test_a_sample_is_spread_over_groups_and_grows_without_changing():
    names = [f"{group}{number}" for group, size in (("a", 60), ("b", 30), ("c", 10)) for number in range(size)]
    few = stratified(names, 10, 3, stratum=lambda name: name[0], name=str)
    assert {group: sum(name[0] == group for name in few) for group in "abc"} == {"a": 6, "b": 3, "c": 1}
    shuffled = stratified(names[::-1], 10, 3, stratum=lambda name: name[0], name=str)
    assert set(few) == set(shuffled)
    assert set(few) < set(stratified(names, 50, 3, stratum=lambda name: name[0], name=str))
    assert set(few) != set(stratified(names, 10, 4, stratum=lambda name: name[0], name=str))


@pytest.mark.slow
def test_agrees_with_lm_eval_item_by_item(tiny, prepared, tmp_path):
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    data = os.environ.get("SFTCTL_TEST_DATA")
    cases = _real_cases(data) if data else _built_in_case()
    manager_folder = tmp_path / "tasks"
    manager_folder.mkdir()
    for name, (rows, _, task) in cases.items():
        file = tmp_path / f"{name}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        task |= {"task": f"our_{name}", "dataset_path": "json", "test_split": "test", "output_type": "multiple_choice"}
        task |= {"dataset_kwargs": {"data_files": {"test": str(file)}}, "metric_list": [{"metric": "acc"}]}
        (manager_folder / f"{name}.yaml").write_text(json.dumps(task), encoding="utf-8")
    language_model = HFLM(pretrained=tiny, tokenizer=prepared.tokenizer, batch_size=16)
    manager = TaskManager(include_path=str(manager_folder), include_defaults=False)
    ours_seconds = theirs_seconds = 0.0
    for name, (rows, benchmark, _) in cases.items():
        items = [benchmark.item(row).after(()) for row in rows]
        started = time.process_time()
        ours = choice_log_likelihoods(tiny, prepared.tokenizer, items)
        between = time.process_time()
        results = lm_eval.simple_evaluate(
            language_model, tasks=[f"our_{name}"], task_manager=manager, log_samples=True, bootstrap_iters=0
        )
        ours_seconds, theirs_seconds = ours_seconds + between - started, theirs_seconds + time.process_time() - between
        samples = sorted(results["samples"][f"our_{name}"], key=lambda sample: sample["doc_id"])
        for item, values, sample in zip(items, ours, samples, strict=True):
            assert values == pytest.approx([response[0][0] for response in sample["resps"]], abs=1e-3)
            assert item_score(item, "acc", values) == sample["acc"]
    assert ours_seconds <= theirs_seconds


@pytest.mark.slow
@pytest.mark.skipif("SFTCTL_TEST_DATA" not in os.environ, reason="needs MMLU")
def test_five_shot_mmlu_is_asked_and_scored_as_by_lm_eval(tiny, prepared, tmp_path):
    lm_eval = pytest.importorskip("lm_eval")
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    for split in ("test", "dev"):
        rows = [row for row in _mmlu_rows(split) if row["subject"] == "anatomy"][:50]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    listed = "\n".join(f"{letter}. {{{{choices[{i}]}}}}" for i, letter in enumerate("ABCD"))
    task = {"task": "our_mmlu", "dataset_path": "json", "test_split": "test", "output_type": "multiple_choice"}
    task |= {"dataset_kwargs": {"data_files": {split: str(tmp_path / f"{split}.jsonl") for split in ("test", "dev")}}}
    task |= {"description": "The following are multiple choice questions (with answers) about anatomy.\n\n"}
    task |= {"doc_to_text": f"{{{{question.strip()}}}}\n{listed}\nAnswer:", "doc_to_choice": ["A", "B", "C", "D"]}
    task |= {"doc_to_target": "answer", "fewshot_split": "dev", "num_fewshot": 5}
    task |= {"fewshot_config": {"sampler": "first_n"}, "metric_list": [{"metric": "acc"}]}
    (tmp_path / "mmlu.yaml").write_text(json.dumps(task), encoding="utf-8")
    results = lm_eval.simple_evaluate(
        HFLM(pretrained=tiny, tokenizer=prepared.tokenizer, batch_size=16),
        tasks=["our_mmlu"],
        task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False),
        log_samples=True,
        bootstrap_iters=0,
    )
    theirs = {sample["arguments"][0][0]: sample for sample in results["samples"]["our_mmlu"]}

    benchmark = Mmlu(id="mmlu", path=str(tmp_path / "test.jsonl"), shots=Shots(path=str(tmp_path / "dev.jsonl")))
    items = [each.item for each in read_sample(benchmark, 1).items]
    assert {item.prompt for item in items} == theirs.keys()
    for item, values in zip(items, choice_log_likelihoods(tiny, prepared.tokenizer, items), strict=True):
        assert values == pytest.approx([response[0][0] for response in theirs[item.prompt]["resps"]], abs=1e-3)
        assert item_score(item, "acc", values) == theirs[item.prompt]["acc"]


def _mmlu_rows(split):
    path = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "benchmarks" / f"mmlu_{split}.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def _real_cases(data):
    def rows(name):
        with gzip.open(Path(data) / "data" / "benchmarks" / f"{name}.jsonl.gz", "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in islice(file, 200)]

    listed = "\n".join(f"{letter}. {{{{choices[{i}]}}}}" for i, letter in enumerate("ABCD"))
    about = 'The following are multiple choice questions (with answers) about {{subject|replace("_", " ")}}.\n\n'
    mmlu = {"doc_to_text": f"{about}{{{{question.strip()}}}}\n{listed}\nAnswer:", "doc_to_target": "answer"}
    truth = {"doc_to_text": "Q: {{question}}\nA:", "doc_to_target": 0, "doc_to_choice": "{{mc1_targets.choices}}"}
    endings = {"doc_to_text": "{{query}}", "doc_to_target": "{{label}}", "doc_to_choice": "endings"}
    return {
        "hellaswag": (rows("hellaswag_validation"), HellaSwag(id="hellaswag", path="x"), endings),
        "truthfulqa": (rows("truthfulqa_mc_validation"), TruthfulQa(id="truthfulqa", path="x"), truth),
        "mmlu": (rows("mmlu_test"), Mmlu(id="mmlu", path="x"), mmlu | {"doc_to_choice": ["A", "B", "C", "D"]}),
    }


def _built_in_case():
    lines = (paths.data_folder() / "choices.jsonl").read_text(encoding="utf-8").splitlines()
    task = {"doc_to_text": "{{question}}", "doc_to_target": "answer", "doc_to_choice": "choices"}
    return {"desk": ([json.loads(line) for line in lines], MultipleChoice(id="desk", path="x"), task)}


def test_the_built_in_choices_are_items():
    sample = read_sample(MultipleChoice(id="desk", path=str(paths.data_folder() / "choices.jsonl")), 1)
    assert sample.available == len(sample.items)
