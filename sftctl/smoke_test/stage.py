"""Smoke-test: the real pipeline for a hundred steps, every check on what it left, a forecast, one verdict."""

import itertools
import math
import random
import shutil
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from accelerate.utils import broadcast_object_list

from sftctl.data.conversation import read_conversations
from sftctl.errors import GateFailed, TooManyDropped, UsageError
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.footprint import size_of
from sftctl.run_dir import RunDir, write_json
from sftctl.smoke_test import questions as asking
from sftctl.smoke_test.checks.listing import run_checks
from sftctl.smoke_test.config import SmokeTestConfig
from sftctl.smoke_test.evidence import Evidence, PromptComparison, TemplateComparison
from sftctl.smoke_test.forecast import forecast_of
from sftctl.smoke_test.machine import look_at_machine
from sftctl.smoke_test.own_template import compare_templates
from sftctl.smoke_test.preview import preview
from sftctl.smoke_test.questions import Rows
from sftctl.smoke_test.rehearsal import Limits, Rehearsal, Subject, rehearse
from sftctl.smoke_test.result import AnsweredPrompt, Check, SmokeTestResult
from sftctl.smoke_test.sample import longest_first
from sftctl.smoke_test.snapshot import Questions, Snapshot, take_snapshot
from sftctl.smoke_test.telling import in_words, tell
from sftctl.tokenization.compact import lengths_of
from sftctl.tokenization.config import DataConfig
from sftctl.train import launch, planning
from sftctl.train.assembly import TrainingSections
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs, read_inputs
from sftctl.train.row_files import row_files

_PREVIEWS = 3


def smoke_test(
    config: SmokeTestConfig, train: TrainConfig, model: ModelConfig, data: DataConfig, run_dir: RunDir, seed: int
) -> SmokeTestResult:
    """Train a little, look closely, forecast the rest. Raises GateFailed, the result written, when a check fails."""
    began = time.perf_counter()
    if launch.sharded():
        raise UsageError(
            "smoke-test looks into the model on one process, and its weights are split. Run it by torchrun, or plainly."
        )
    if torch.cuda.is_available():
        torch.cuda.set_device(launch.local_rank())
    files = row_files(train, run_dir)
    try:
        inputs = read_inputs(train, model, data, run_dir)
    except TooManyDropped as problem:
        dropped = Check(name="data.rows_dropped", verdict="fail", evidence=str(problem))
        return _concluded(SmokeTestResult.without_steps(dropped, time.perf_counter() - began), run_dir)
    paths = [path for path in (files.training, files.held_out) if path is not None]
    conversations = {row.id: row for path in paths for row in read_conversations(path)}
    result = examine(config, TrainingSections(train, model, seed), data, Rows(inputs, conversations), run_dir)
    return _concluded(result, run_dir)


def _concluded(result: SmokeTestResult, run_dir: RunDir) -> SmokeTestResult:
    """Written first, then said, then judged."""
    if not launch.rank():
        write_json(run_dir.smoke_test_result, result.model_dump(mode="json"))
        tell(result)
    if result.failed:
        lines = [f"  {in_words(check)}" for check in result.failed]
        raise GateFailed(f"{len(result.failed)} of {len(result.checks)} checks failed:\n" + "\n".join(lines))
    return result


def examine(
    config: SmokeTestConfig, recipe: TrainingSections, data: DataConfig, rows: Rows, run_dir: RunDir
) -> SmokeTestResult:
    """All but reading and writing: rehearse on a sample of `rows`, ask before and after, check, forecast."""
    began = time.perf_counter()
    rng = random.Random(recipe.seed)
    questions = asking.questions_of(config, recipe.model, data, rows, rng)
    limits = _limits(config, recipe, data, rows.inputs)
    sample = longest_first(rows.inputs.rows, limits.rows, limits.first_rows, rng)
    training = replace(rows.inputs.training, rows=sample)
    watched = _Watched(recipe.model, data, rows, questions)
    subject = Subject(recipe, data, replace(rows.inputs, training=training), rows.inputs)
    rehearsal = rehearse(subject, run_dir.smoke_test_scratch, limits, watched.look_before)
    if launch.rank():
        return _of_process_0(None)
    evidence = _gather(recipe, data, rows, watched, rehearsal, run_dir)
    shutil.rmtree(run_dir.smoke_test_scratch, ignore_errors=True)
    checks = run_checks(evidence, stand_in=config.stand_in)
    result = SmokeTestResult(
        passed=all(check.verdict != "fail" for check in checks),
        checks=checks,
        steps=len(rehearsal.steps),
        steps_not_reached=rehearsal.plan.steps - len(rehearsal.steps) if rehearsal.out_of_time else 0,
        losses=tuple(step.loss if math.isfinite(step.loss) else None for step in rehearsal.steps),
        seconds=time.perf_counter() - began,
        preview=tuple(preview(row, rows.inputs.prepared.tokenizer) for row in questions.probe[:_PREVIEWS]),
        answers=_answers(evidence),
        forecast=forecast_of(evidence, size_of(recipe.model)),
    )
    return _of_process_0(result)


def _of_process_0(result: SmokeTestResult | None) -> SmokeTestResult:
    """Process 0 alone looks closely; all of them end with its verdict."""
    shared = [result]
    if launch.processes() > 1:
        broadcast_object_list(shared)
    assert shared[0] is not None
    return shared[0]


@dataclass
class _Watched:
    """What is asked of the model as it came, before the first step changes it."""

    model: ModelConfig
    data: DataConfig
    rows: Rows
    questions: Questions
    before: Snapshot | None = None
    own_template: TemplateComparison | None = None
    prompts: PromptComparison | None = None

    def look_before(self, model: Any) -> None:
        self.before = take_snapshot(model, self.rows.inputs.prepared, self.questions)
        pad = self.rows.inputs.prepared.pad_token_id
        self.prompts = asking.compare_prompts(model, self.questions.probe, pad)
        asked = [self.rows.conversations[row.id] for row in self.questions.probe if row.id in self.rows.conversations]
        self.own_template = compare_templates(model, self.model, self.rows.inputs.prepared, self.data, asked)


def _limits(config: SmokeTestConfig, recipe: TrainingSections, data: DataConfig, inputs: Inputs) -> Limits:
    """Never more steps than the run itself; the longest rows that one micro-batch holds come first."""
    packing = recipe.train.packing is not False
    full = planning.complete_plan(recipe.train, recipe.model, data, inputs, seed=recipe.seed, packing=packing)
    rules = planning.batch_rules(full, planning.scale_of(inputs, pick_device(recipe.model), full.processes))
    longest = sorted(lengths_of(inputs.rows), reverse=True)[: full.batch_size]
    held = [total <= rules.budget for total in itertools.accumulate(longest if packing else [1] * len(longest))]
    steps = min(config.steps, full.steps)
    return Limits(steps, 60 * config.time_limit_minutes, max(1, sum(held)), rows=steps * full.batch_size)


def _gather(
    recipe: TrainingSections, data: DataConfig, rows: Rows, watched: _Watched, rehearsal: Rehearsal, run_dir: RunDir
) -> Evidence:
    assert watched.before is not None
    questions, prepared = watched.questions, rows.inputs.prepared
    after = reload = None
    if rehearsal.stopped_by is None:
        after = take_snapshot(rehearsal.model, prepared, questions)
        reload = asking.reload_checkpoint(rehearsal, questions.probe)
    return Evidence(
        recipe=recipe,
        data=data,
        inputs=rows.inputs,
        conversations=rows.conversations,
        questions=questions,
        rehearsal=rehearsal,
        before=watched.before,
        after=after,
        prompts=watched.prompts,
        own_template=watched.own_template,
        reload=reload,
        machine=look_at_machine(pick_device(recipe.model), run_dir.root, recipe.train.report_to),
    )


def _answers(evidence: Evidence) -> tuple[AnsweredPrompt, ...]:
    if evidence.after is None:
        return ()
    return tuple(
        AnsweredPrompt(
            id=prompt.id,
            prompt=prompt.text,
            reference=prompt.reference,
            before=before.text,
            after=after.text,
            stopped=after.stopped,
        )
        for prompt, before, after in zip(
            evidence.questions.prompts, evidence.before.answers, evidence.after.answers, strict=True
        )
    )
