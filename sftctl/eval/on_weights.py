"""Measurements that run the models here: losses, answers, benchmarks, divergence, best of n; one model in memory."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from sftctl import console, stats
from sftctl.data.conversation import Conversation
from sftctl.eval import best_of, divergence, drift, held_out
from sftctl.eval.answers import answer, paired
from sftctl.eval.benchmark_runs import OpenTask, TaskRun, TaskRunner, add_benchmarks, open_tasks
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.config import HfEngine
from sftctl.eval.engines.opening import open_local
from sftctl.eval.engines.reply import Engine
from sftctl.eval.intervals import bounds_of
from sftctl.eval.judge.answering import Ask, collect
from sftctl.eval.judge.tasks import choose_tasks
from sftctl.eval.ledger import Ledger
from sftctl.eval.measured import Measured
from sftctl.eval.prompts import Question, choose_rows
from sftctl.eval.result import Gate, Side
from sftctl.eval.sides import LoadedSides, SideName, Sides
from sftctl.model.scoring import RowLoss
from sftctl.model.settings import context_length, generation_stop_ids, model_settings
from sftctl.model.tokenizer import load_tokenizer
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_dataset, encode_prompts
from sftctl.tokenization.prepare import Prepared, prepare_tokenizer
from sftctl.tokenization.rows import EncodedRow


@dataclass(frozen=True)
class Bench:
    """The models under test, and everything that a measurement on them needs."""

    config: EvalConfig
    sides: Sides
    loaded: LoadedSides
    prepared: Prepared
    data: DataConfig
    run_dir: RunDir
    seed: int

    def side(self, name: SideName) -> Side:
        return self.sides.base if name == "base" else self.sides.tuned

    def ledger(self, measure: str, *sides: SideName) -> Ledger:
        """The journal of one measure on one side (or on both together)."""
        prints = "-".join(self.side(name).fingerprint for name in sides)
        return Ledger(self.run_dir.eval_progress / f"{measure}.{prints}.jsonl")


@dataclass
class _SideScores:
    losses: list[RowLoss] = field(default_factory=list)
    tasks: dict[str, TaskRun] = field(default_factory=dict)


def measure_weights(
    config: EvalConfig,
    sides: Sides,
    data: DataConfig,
    rows: Sequence[Conversation],
    *,
    run_dir: RunDir,
    seed: int,
) -> Measured:
    """Everything that the recipe asks for; what could not be measured is named in `missing`."""
    measured = Measured(base=sides.base, tuned=sides.tuned)
    prepared = tokenizer_of(sides, data)
    with sides.loaded() as loaded:
        bench = Bench(config, sides, loaded, prepared, data, run_dir, seed)
        encoded = _encoded(rows, bench, measured)
        tasks = open_tasks(config.benchmarks, seed, measured)
        base = _score_side(bench, "base", encoded, tasks)
        answerer = open_local(config, sides, loaded, prepared)
        questions = _questions(rows, encoded, bench, measured)
        base_replies = answer(answerer, "base", questions, bench.ledger("replies", "base"))
        tuned = _score_side(bench, "tuned", encoded, tasks)
        tuned_replies = answer(answerer, "tuned", questions, bench.ledger("replies", "tuned"))
        measured.pairs = paired(questions, base_replies, tuned_replies, has_base=True).pairs
        if config.judge is not None:
            judged = choose_tasks(config.judge, rows, run_dir, seed)
            measured.contests = collect(config.judge, judged, _asker(bench, answerer))
        _losses(measured, rows, encoded, base.losses, tuned.losses, seed)
        add_benchmarks(measured, tasks, base.tasks, tuned.tasks, config.benchmarks.gate)
        _spread(measured, bench, encoded, base.losses)
        _best_of(measured, bench)
        _drift(measured, bench, encoded)
    return measured


def tokenizer_of(sides: Sides, data: DataConfig) -> Prepared:
    """The tuned model's tokenizer, with its chat template, for both sides: one text, one set of tokens."""
    tokenizer = load_tokenizer(sides.config, path=sides.tuned.path)
    stops = generation_stop_ids(sides.config, path=sides.tuned.path)
    return prepare_tokenizer(tokenizer, data, generation_stop_ids=stops)


def _encoded(rows: Sequence[Conversation], bench: Bench, measured: Measured) -> Sequence[EncodedRow]:
    if not rows:
        measured.miss("held-out loss", "there are no held-out rows")
        return []
    limit = context_length(bench.sides.config, path=bench.sides.tuned.path)
    encoded = encode_dataset(rows, bench.prepared, bench.data, model_max_length=limit, what="held-out rows")
    if encoded.refused:
        console.warn(f"{len(encoded.refused)} held-out rows cannot be tokenised and are not measured")
    return encoded.rows


def _score_side(bench: Bench, name: SideName, encoded: Sequence[EncodedRow], tasks: Sequence[OpenTask]) -> _SideScores:
    scores = _SideScores()
    tokenizer, pad = bench.prepared.tokenizer, bench.prepared.pad_token_id
    with bench.loaded.lazily(name) as model:
        console.detail(f"scoring {name}: {len(encoded)} held-out rows")
        scores.losses = held_out.row_losses(model, encoded, bench.ledger("losses", name), pad_token_id=pad)
        runner = TaskRunner(model, tokenizer, bench.ledger("choices", name), bench.config.benchmarks, bench.seed)
        for task in tasks:
            console.detail(f"scoring {name}: {task.id}")
            scores.tasks[task.id] = runner.run(task, twice=name == "base")
    return scores


def _questions(
    rows: Sequence[Conversation], encoded: Sequence[EncodedRow], bench: Bench, measured: Measured
) -> list[Question]:
    """The chosen prompts that fit the model's context with an answer behind them."""
    usable = {row.id for row in encoded}
    chosen = choose_rows([row for row in rows if row.id in usable], bench.config.prompts, bench.seed)
    questions = _fitting(chosen, bench)
    if not questions:
        measured.miss("answers", "no held-out prompt could be asked")
    return questions


def _fitting(rows: Sequence[Conversation], bench: Bench) -> list[Question]:
    """Prompts that fit the context with an answer behind them; a warning counts the others."""
    prompts = encode_prompts(rows, bench.prepared, bench.data)
    limit = context_length(bench.sides.config, path=bench.sides.tuned.path) or math.inf
    room = limit - bench.config.max_new_tokens
    questions = [Question(row, tuple(ids)) for row, ids in zip(rows, prompts, strict=True) if 0 < len(ids) <= room]
    if len(questions) < len(rows):
        console.warn(
            f"{len(rows) - len(questions)} of {len(rows)} prompts leave no room for {bench.config.max_new_tokens} "
            f"new tokens in the context of {limit} and are left out; lower eval.max_new_tokens"
        )
    return questions


def _asker(bench: Bench, answerer: Engine) -> Ask:
    """The judge's way to both models: an answer to each row, None where its prompt does not fit."""

    def ask(side: SideName, rows: Sequence[Conversation]) -> list[str | None]:
        questions = _fitting(rows, bench)
        replies = answer(answerer, side, questions, bench.ledger("replies", side))
        by_id = {question.row.id: reply for question, reply in zip(questions, replies, strict=True) if reply}
        return [by_id[row.id].text if row.id in by_id else None for row in rows]

    return ask


def _losses(
    measured: Measured,
    rows: Sequence[Conversation],
    encoded: Sequence[EncodedRow],
    base: Sequence[RowLoss],
    tuned: Sequence[RowLoss],
    seed: int,
) -> None:
    if not encoded:
        return
    for name, losses in (("base", base), ("tuned", tuned)):
        broken = sum(not math.isfinite(loss.nats) for loss in losses)
        if broken and name == "tuned":
            message = f"not a finite number on {broken} of {len(losses)} rows: the weights are broken"
            measured.failures.append(
                Gate(name="held-out loss", section="held-out", subject="all", verdict="fail", message=message)
            )
        elif broken:
            measured.miss("held-out loss", f"the base's loss is not a finite number on {broken} rows")
        if broken:
            return
    measured.losses = held_out.loss_figures(encoded, rows, base, tuned, seed)


def _spread(measured: Measured, bench: Bench, encoded: Sequence[EncodedRow], base: Sequence[RowLoss]) -> None:
    if not measured.losses:
        return
    with bench.loaded.lazily("base") as model:
        ledger = bench.ledger("losses", "base")
        few = encoded[:_AGAIN_ROWS]
        pad = bench.prepared.pad_token_id
        measured.spreads.insert(0, held_out.loss_spread(model, few, base[:_AGAIN_ROWS], ledger, pad_token_id=pad))


_AGAIN_ROWS = 100


def _best_of(measured: Measured, bench: Bench) -> None:
    if bench.config.best_of < 2 or not measured.pairs:
        return
    engine = bench.config.engine
    batch_size = engine.batch_size if isinstance(engine, HfEngine) else 16
    sampling = best_of.default_sampling(bench.config.best_of, bench.seed, batch_size)
    with bench.loaded.lazily("tuned") as model:
        measured.best_of = best_of.best_of(
            model,
            bench.prepared,
            measured.pairs,
            bench.ledger("samples", "tuned"),
            sampling=sampling,
            max_new_tokens=bench.config.max_new_tokens,
        )


def _drift(measured: Measured, bench: Bench, encoded: Sequence[EncodedRow]) -> None:
    """On general rows where there are any, else on all."""
    general = [pair for pair in measured.pairs if pair.question.row.role == "general"] or measured.pairs
    if general:
        base = [pair.base.text for pair in general if pair.base is not None]
        measured.drift = drift.text_signs(base, [pair.tuned.text for pair in general])
    if not measured.losses:
        return
    rows = [row for row in encoded if row.role == "general"] or list(encoded)
    vocabulary = model_settings(bench.sides.config, path=bench.sides.tuned.path).get_text_config().vocab_size
    few = divergence.rows_within_memory(rows, vocabulary)
    found = divergence.kl_to_base(bench.loaded.model, few, bench.ledger("kl", "base", "tuned"), identity="kl")
    nats, tokens = [item[0] for item in found], [item[1] for item in found]
    if all(map(math.isfinite, nats)):
        interval = bounds_of(stats.bootstrap_interval(nats, tokens, seed=bench.seed))
        measured.drift.insert(0, drift.kl_sign(nats, tokens, interval))
