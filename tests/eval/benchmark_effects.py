"""What each key of eval.benchmarks and eval.general_loss changes."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

from sftctl.data.rows import RawRow
from sftctl.eval import benchmark_items, benchmark_scores, lm_eval_task, verdicts
from sftctl.eval.benchmarks import LmEval
from sftctl.eval.config import EvalConfig, LossGate
from sftctl.eval.ledger import Ledger
from sftctl.eval.result import Bounds, Difference, LossFigure
from sftctl.model.loading import load_model
from sftctl.model.tokenizer import load_tokenizer
from tests.eval.conftest import MODEL
from tests.key_effect import KeyEffect


def _general(key: str) -> Any:
    def observe(value: float, folder: Path) -> Any:
        change = Difference(value=0.1, standard_error=0.01, interval=Bounds(low=0.08, high=0.12), p=0.001, items=50)
        numbers = {
            "rows": 50,
            "tokens": 500,
            "base": 1.0,
            "tuned": 1.1,
            "base_perplexity": 2.7,
            "tuned_perplexity": 3.0,
        }
        figure = LossFigure(group="general", kind="role", difference=change, **numbers)
        limits = LossGate.model_validate({"investigate_nats": 0.05, "fail_nats": 0.3, key: value})
        gate = verdicts.general_gate(figure, limits)
        return gate and gate.verdict

    return observe


_ROW = {"question": "Q", "choices": ["yes", "no"], "answer": 1, "other": "A", "options": ["a", "b"], "right": 0}
_ROW |= {"query": "He", "endings": ["x y z", "w"], "label": 0, "group": "g"}
_ROW |= {
    name: {"choices": ["p", "q", "r"], "labels": labels}
    for name, labels in (("mc1_targets", [1, 0, 0]), ("mc2_targets", [1, 1, 0]))
}


def _sampled(key: str, **options: Any) -> Any:
    """Items of a benchmark file, what they are asked, and how an answer is scored."""

    def observe(value: Any, folder: Path) -> Any:
        for name in ("one", "two"):
            (folder / f"{name}.jsonl").write_text(
                "".join(json.dumps({**_ROW, "question": f"{name}{n}", "group": str(n % 2)}) + "\n" for n in range(4))
            )
        given = {"id": "ours", "path": "one.jsonl", **options}
        section, _, name = key.rpartition(".")
        if section:
            given[section] = {**given.get(section, {}), name: value}
        else:
            given[key] = value
        given["path"] = str(folder / given["path"])
        if given.get("shots", {}).get("path"):
            given["shots"]["path"] = str(folder / given["shots"]["path"])
        task = EvalConfig.model_validate({"benchmarks": {"tasks": [given]}}).benchmarks.tasks[0]
        assert not isinstance(task, LmEval)
        sample = benchmark_scores.read_sample(task, 1)
        item = sample.items[0].item
        nats = [-1.5, -1.0, -0.9][: len(item.choices)]
        return task.id, [each.item for each in sample.items], benchmark_scores.item_score(item, task.metric, nats)

    return observe


def _asked_of_the_hub(key: str, **options: Any) -> Any:
    """What the reader of hub data sets is asked for: the questions, and with `shots` the examples."""

    def observe(value: Any, folder: Path) -> Any:
        asked: list[Any] = []

        def read(path: str, **options: Any) -> list[RawRow]:
            asked.append((path, options))
            return [RawRow({**_ROW, "question": str(line)}, line) for line in (1, 2)]

        section, _, name = key.rpartition(".")
        given = {"id": "a", "path": "org/name", **options}
        given |= {section: {**given[section], name: value}} if section else {name: value}
        task = EvalConfig.model_validate({"benchmarks": {"tasks": [given]}}).benchmarks.tasks[0]
        with mock.patch.object(benchmark_items, "read_rows", read):
            benchmark_scores.read_sample(task, 1)  # type: ignore[arg-type]
        return asked

    return observe


def _asked_of_lm_eval(key: str) -> Any:
    """What lm-eval is given."""

    def observe(value: Any, folder: Path) -> Any:
        asked: list[Any] = []

        def evaluate(model: Any, **options: Any) -> Any:
            asked.append((options["tasks"], options["limit"]))
            sample = {"doc_id": 0, "doc_hash": "d", "prompt_hash": "p", "acc": 1.0, "acc_norm": 0.0}
            return {"samples": {options["tasks"][0]: [sample]}}

        tasks = SimpleNamespace(TaskManager=lambda include_path: asked.append(include_path))
        library = SimpleNamespace(simple_evaluate=evaluate)
        own = lm_eval_task._libraries
        lm_eval_task._libraries = lambda: (library, SimpleNamespace(HFLM=lambda **options: None), tasks)
        try:
            task = LmEval.model_validate({"id": "it", "format": "lm_eval", "task": "arc", key: value})
            scores = lm_eval_task.score_lm_eval(dict, None, task, Ledger(folder / "ledger"), as_chat=False, seed=1)
        finally:
            lm_eval_task._libraries = own
        return asked, scores

    return observe


def _drop(key: str) -> Any:
    def observe(value: float, folder: Path) -> Any:
        gate = EvalConfig.model_validate(
            {"benchmarks": {"gate": {"investigate_points": 2, "fail_points": 5, key: value}}}
        )
        limits = gate.benchmarks.gate
        change = Difference(value=-3.0, standard_error=0.5, interval=Bounds(low=-4.0, high=-2.0), p=0.001, items=50)
        return verdicts.drop_verdict(change, limits.investigate_points, limits.fail_points, significant=True)

    return observe


def _tiny_scores(key: str) -> Any:
    """Log-likelihoods by the built-in model, and the shapes of the batches that it was given."""

    def observe(value: Any, folder: Path) -> Any:
        (folder / "x.jsonl").write_text(
            "".join(json.dumps({**_ROW, "question": f"{'Say it. ' * 20}{n}"}) + "\n" for n in range(6))
        )
        config = EvalConfig.model_validate(
            {"benchmarks": {"tasks": [{"id": "a", "path": str(folder / "x.jsonl")}], key: value}}
        )
        sample = benchmark_scores.read_sample(config.benchmarks.tasks[0], 1)  # type: ignore[arg-type]
        model, shapes = load_model(MODEL), []
        model.register_forward_pre_hook(
            lambda _, args, options: shapes.append(options["input_ids"].shape), with_kwargs=True
        )
        tokenizer = load_tokenizer(MODEL)
        scores = benchmark_scores.score_sample(
            lambda: model, tokenizer, sample, Ledger(folder / "l"), config.benchmarks
        )
        return shapes, [round(score.values[0], 2) for score in scores]

    return observe


BENCHMARK_EFFECTS = [
    KeyEffect("eval.general_loss.investigate_nats", 0.05, 0.15, _general("investigate_nats")),
    KeyEffect("eval.general_loss.fail_nats", 0.09, 0.3, _general("fail_nats")),
    KeyEffect("eval.benchmarks.tasks.id", "ours", "theirs", _sampled("id")),
    KeyEffect("eval.benchmarks.tasks.path", "one.jsonl", "two.jsonl", _sampled("path")),
    KeyEffect("eval.benchmarks.tasks.subset", None, "german", _asked_of_the_hub("subset")),
    KeyEffect("eval.benchmarks.tasks.split", "test", "validation", _asked_of_the_hub("split")),
    KeyEffect("eval.benchmarks.tasks.items", 1, 3, _sampled("items")),
    KeyEffect("eval.benchmarks.tasks.shots.count", 1, 2, _sampled("shots.count")),
    KeyEffect("eval.benchmarks.tasks.shots.path", None, "two.jsonl", _sampled("shots.path", shots={"count": 1})),
    KeyEffect(
        "eval.benchmarks.tasks.shots.split", "dev", "validation", _asked_of_the_hub("shots.split", shots={"count": 1})
    ),
    KeyEffect("eval.benchmarks.tasks.format", "mmlu", "hellaswag", _sampled("format")),
    KeyEffect("eval.benchmarks.tasks.metric", "acc", "acc_norm", _sampled("metric", format="hellaswag")),
    KeyEffect("eval.benchmarks.tasks.fields.question", "question", "other", _sampled("fields.question")),
    KeyEffect("eval.benchmarks.tasks.fields.choices", "choices", "options", _sampled("fields.choices")),
    KeyEffect("eval.benchmarks.tasks.fields.answer", "answer", "right", _sampled("fields.answer")),
    KeyEffect("eval.benchmarks.tasks.fields.group", None, "group", _sampled("fields.group")),
    KeyEffect("eval.benchmarks.tasks.style", "text", "letters", _sampled("style")),
    KeyEffect("eval.benchmarks.tasks.task", "arc", "boolq", _asked_of_lm_eval("task")),
    KeyEffect("eval.benchmarks.tasks.include_path", None, "tasks", _asked_of_lm_eval("include_path")),
    KeyEffect("eval.benchmarks.gate.investigate_points", 2, 4, _drop("investigate_points")),
    KeyEffect("eval.benchmarks.gate.fail_points", 2.5, 5, _drop("fail_points")),
    KeyEffect("eval.benchmarks.as_chat", False, True, _tiny_scores("as_chat")),
    KeyEffect("eval.benchmarks.max_batch_tokens", 64, 8192, _tiny_scores("max_batch_tokens")),
]
