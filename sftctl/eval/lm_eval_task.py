"""A task of lm-eval (extra: benchmarks), run by its own code on the loaded model; its items pair like ours."""

import contextlib
import sys
from collections.abc import Callable, Sequence
from typing import Any

from sftctl.errors import EnvironmentProblem, UsageError
from sftctl.eval.benchmark_figures import ItemScore
from sftctl.eval.benchmarks import LmEval
from sftctl.eval.ledger import Ledger, key_of

_BATCH_SIZE = 8


def score_lm_eval(
    model: Callable[[], Any], tokenizer: Any, task: LmEval, ledger: Ledger, *, as_chat: bool, seed: int
) -> list[ItemScore]:
    """One score a document, 0..1. A finished task is kept whole; an interrupted one starts again."""

    def measure(positions: Sequence[int]) -> list[list[tuple[str, str, float]]]:
        samples = _samples(model(), tokenizer, task, as_chat=as_chat, seed=seed)
        if samples and task.metric not in samples[0]:
            raise UsageError(f"eval.benchmarks: {task.id}: lm-eval gives no per-item {task.metric} for {task.task}.")
        return [[(s["doc_hash"], s["prompt_hash"], float(s[task.metric])) for s in samples] for _ in positions]

    key = key_of("lm_eval", task.model_dump(mode="json"), as_chat, seed)
    (items,) = ledger.fill([key], measure, at_once=1)
    return [ItemScore(f"{number}:{doc}", prompt, score) for number, (doc, prompt, score) in enumerate(items)]


def _samples(model: Any, tokenizer: Any, task: LmEval, *, as_chat: bool, seed: int) -> list[dict[str, Any]]:
    lm_eval, huggingface, tasks = _libraries()
    # lm-eval prints to standard output, which holds results only.
    with contextlib.redirect_stdout(sys.stderr):
        language_model = huggingface.HFLM(pretrained=model, tokenizer=tokenizer, batch_size=_BATCH_SIZE)
        manager = tasks.TaskManager(include_path=task.include_path)
        try:
            results = lm_eval.simple_evaluate(
                language_model,
                tasks=[task.task],
                task_manager=manager,
                limit=task.items,
                log_samples=True,
                bootstrap_iters=0,
                apply_chat_template=as_chat,
                random_seed=seed,
                numpy_random_seed=seed,
                torch_random_seed=seed,
                fewshot_random_seed=seed,
            )
        except (KeyError, StopIteration) as error:
            raise UsageError(f"eval.benchmarks: {task.id}: lm-eval cannot run {task.task} ({error!r}).") from error
    return sorted(results["samples"][task.task], key=lambda sample: int(sample["doc_id"]))


def _libraries() -> tuple[Any, Any, Any]:
    """The one place that picks this optional engine."""
    try:
        import lm_eval
        from lm_eval import tasks
        from lm_eval.models import huggingface
    except ImportError as error:
        raise EnvironmentProblem(
            f"eval.benchmarks: lm-eval is not installed ({error}). Install sftctl[benchmarks], or give the benchmark "
            "as a file with format: multiple_choice."
        ) from error
    return lm_eval, huggingface, tasks
