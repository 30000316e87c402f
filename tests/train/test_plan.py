"""What is decided before the first step, and what is advised."""

import pytest
import torch
from pydantic import ValidationError

from sftctl.errors import EnvironmentProblem, MissingInput, UsageError
from sftctl.run_dir import RunDir
from sftctl.train import precision
from sftctl.train.advice import Situation, advise
from sftctl.train.conductor import schedule_of
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import read_inputs
from sftctl.train.live import LiveTable, Now, cells
from sftctl.train.monitor import Progress
from sftctl.train.planning import Scale, in_words, make_plan, plan_run
from sftctl.train.result import HeldOutLoss
from tests.jsonl import to_jsonl
from tests.train.rows import DATA, FULL, LORA, conversations, run_with_rows, short

CPU = torch.device("cpu")
BF16 = FULL.model_copy(update={"dtype": "bfloat16"})


def planned(config: TrainConfig, model=FULL, rows: int = 1000, length: int = 40):
    scale = Scale(lengths=[length] * rows, trained=rows * 10, max_length=64, held_out=10, device=CPU)
    return make_plan(config, model, scale, seed=1, packing=True)


def advised(config: TrainConfig, model=FULL, data=DATA, roles=("general",), **options) -> list[str]:
    made = planned(config, model, **options).model_copy(update={"parameters": 8_000_000_000})
    lengths = [40] * made.rows
    return [advice.change for advice in advise(Situation(config, model, data, made, lengths, roles * made.rows))]


def test_steps_epochs_and_micro_batches_by_hand():
    # 1000 rows of 40 tokens, 32 a step: 32 steps an epoch (31 full, one of 8); 32 x 40 = 1280 tokens a step.
    made = planned(TrainConfig(epochs=1.5, batch_size=32, micro_batch=8))
    assert (made.steps_per_epoch, made.steps, made.epochs) == (32, 48, 1.5)
    # 8 x 64 = 512 tokens at once: 12 rows of 40; 32 rows need 3 micro-batches.
    assert (made.micro_batch_tokens, made.micro_batches_per_step) == (512, 3)
    assert planned(TrainConfig(max_steps=7)).steps == 7


def test_steps_of_tokens_by_hand():
    # 1,000 rows of 40 tokens, at most 1,300 tokens a step: 32 rows (1,280); 31 steps of 32 rows, and one of 8.
    made = planned(TrainConfig(epochs=2, batch_tokens=1300, micro_batch=8))
    assert (made.steps_per_epoch, made.steps, made.batch_size, made.batch_tokens) == (32, 64, 31, 1300)
    assert made.micro_batches_per_step == 3
    assert "64 steps of at most 1,300 tokens (about 31 examples) (2 epochs)" in in_words(made)


def test_a_step_that_cannot_hold_the_longest_row_is_refused():
    with pytest.raises(
        UsageError, match=r"train\.batch_tokens is 39, and the longest row has 40 tokens\. Set at least 40"
    ):
        planned(TrainConfig(batch_tokens=39))


def test_examples_and_tokens_together_are_refused_at_the_second_of_them():
    with pytest.raises(ValidationError) as refused:
        TrainConfig(batch_size=8, batch_tokens=4096)
    assert [error["loc"] for error in refused.value.errors()] == [("batch_tokens",)]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"epochs": 2}, "64 steps of 32 examples (2 epochs)"),
        ({"epochs": 1}, "32 steps of 32 examples (1 epoch)"),
        ({"epochs": 2, "max_steps": 500}, "64 steps of 32 examples (2 epochs end before max_steps 500)"),
        ({"epochs": 1, "max_steps": 500}, "32 steps of 32 examples (1 epoch ends before max_steps 500)"),
        ({"epochs": 2, "max_steps": 16}, "16 steps of 32 examples (max_steps 16 ends them after 0.5 epochs)"),
    ],
)
def test_the_plan_says_which_limit_ends_the_run(limits, said):
    assert said in in_words(planned(TrainConfig(**limits)))


@pytest.mark.parametrize(("model", "rate"), [(FULL, 2e-5), (LORA, 2e-4)])
def test_the_automatic_rate_depends_on_the_method(model, rate):
    assert planned(TrainConfig(), model).learning_rate == rate


def test_the_schedule_is_even_and_holds_the_last_step():
    made = planned(TrainConfig(epochs=1))
    schedule = schedule_of(TrainConfig(epochs=1), made, watched=True)
    assert sorted(schedule.evaluations) == [8, 16, 24, 32]
    assert schedule_of(TrainConfig(epochs=1), made, watched=False).evaluations == frozenset()


def test_a_good_recipe_gets_no_advice():
    assert advised(TrainConfig(), data=DATA.model_copy(update={"max_length": "auto"})) == []


@pytest.mark.parametrize(
    ("config", "options", "change"),
    [
        ({"epochs": 5}, {}, "set train.early_stopping={patience: 3}, or train.epochs=3"),
        ({"learning_rate": 1e-4}, {}, "set train.learning_rate=2e-5"),
        ({"batch_size": 4}, {}, "set train.batch_size between 8 and 128"),
        ({"batch_size": 128}, {}, "try train.learning_rate=8e-05"),
        ({"batch_tokens": 160}, {}, "set train.batch_tokens between 320 and 5_120"),
        ({}, {"data": DATA.model_copy(update={"max_length": 400})}, "set data.max_length=auto"),
        (
            {}, {"roles": ("domain",)},
            "add a source with role: general and a share of 0.05-0.10, or set train.anchor",
        ),
        ({"max_steps": 10}, {}, "raise train.max_steps"),
        ({"epochs": 1, "batch_size": 100}, {}, "lower train.batch_size, raise train.epochs, or add rows"),
        (
            {}, {"model": LORA.model_copy(update={"lora": LORA.lora.model_copy(update={"r": 128})})},
            "set model.lora.rslora=true",
        ),
    ],
)  # fmt: skip
def test_advice_says_what_to_change(config, options, change):
    assert change in advised(
        TrainConfig(**config), **({"data": DATA.model_copy(update={"max_length": "auto"})} | options)
    )


def test_a_run_with_an_anchor_is_not_advised_to_set_one():
    data = DATA.model_copy(update={"max_length": "auto"})
    assert advised(TrainConfig(anchor={"kind": "l2sp"}), data=data, roles=("domain",)) == []


def test_bfloat16_weights_with_plain_adamw_are_refused_at_low_rates():
    plain = TrainConfig(optimizer="adamw")
    with pytest.raises(UsageError, match="most updates round to nothing"):
        precision.optimizer_for(plain, BF16, CPU, 2e-5)
    assert precision.optimizer_for(plain, BF16, CPU, 1e-4) == "adamw"
    assert precision.optimizer_for(plain, LORA.model_copy(update={"dtype": "bfloat16"}), CPU, 2e-5) == "adamw"
    assert precision.optimizer_for(TrainConfig(), FULL, CPU, 2e-5) == "adamw"


def test_bfloat16_weights_use_stochastic_rounding_or_ask_for_it(monkeypatch):
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match=r"sftctl\[low-memory\]"):
        precision.optimizer_for(TrainConfig(), BF16, CPU, 2e-5)
    monkeypatch.setattr(precision.importlib.util, "find_spec", lambda name: object())
    chosen = precision.optimizer_for(TrainConfig(), BF16, CPU, 2e-5)
    assert precision.optimizer_settings(chosen) == {
        "optim": "adamw_torch_8bit",
        "optim_args": "bf16_stochastic_round=True",
    }


def test_a_dry_run_plans_without_weights(tmp_path):
    made = plan_run(short(), FULL, DATA, run_with_rows(tmp_path / "run"), 17)
    assert (made.rows, made.steps, made.parameters) == (48, 6, made.trainable_parameters)
    assert (made.weights, made.optimizer, made.method) == ("float32", "adamw", "full")
    # Weights, gradients and two moments in float32.
    assert [made.memory_bytes[name] for name in ("weights", "gradients", "optimizer")] == [
        4 * made.parameters, 4 * made.parameters, 8 * made.parameters,
    ]  # fmt: skip


def test_rows_of_any_format_are_read_and_a_missing_run_names_the_command(tmp_path):
    (tmp_path / "pairs.jsonl").write_text('{"question": "Which fee?", "answer": "None."}\n')
    inputs = read_inputs(TrainConfig(rows=tmp_path / "pairs.jsonl"), FULL, DATA, RunDir(tmp_path))
    assert [row.source for row in inputs.rows] == ["rows"]
    (tmp_path / "own.jsonl").write_text(to_jsonl(conversations(2)))
    inputs = read_inputs(TrainConfig(rows=tmp_path / "own.jsonl"), FULL, DATA, RunDir(tmp_path))
    assert [row.id for row in inputs.rows] == [row.id for row in conversations(2)]
    with pytest.raises(MissingInput, match="sftctl curate"):
        read_inputs(TrainConfig(), FULL, DATA, RunDir(tmp_path / "nothing"))


@pytest.mark.parametrize(("parts", "said"), [(1, "a whole step"), (4, "a step in 4 parts")])
def test_the_plan_says_how_much_of_a_step_is_held_at_once(parts, said):
    made = planned(TrainConfig()).model_copy(update={"micro_batches_per_step": parts})
    held = f"at most {made.micro_batch_tokens:,} tokens ({made.micro_batch_reason})"
    assert in_words(made).splitlines()[-1] == f"at once on a device: {said}, {held}"


def test_the_live_row_says_what_remains_and_what_it_cost():
    now = Now(learning_rate=1e-4, tokens_per_second=2000.0, seconds_per_step=3.0, elapsed_seconds=1800.0)
    progress = Progress(step=12, train_losses=(0.5,))
    row = cells(planned(TrainConfig()), progress, now, None, 2.0)
    # 64 steps, 12 done, 3 s each: 156 s; half an hour at 2 dollars.
    assert row == ("12/64", "0.500", "-", "1.0e-04", "2,000", "-", "0:02:36", "$1.00")


def test_a_held_out_loss_stands_only_beside_the_step_that_it_was_measured_at(monkeypatch, capsys):
    monkeypatch.setattr("sftctl.train.live._SECONDS_BETWEEN_LINES", 0.0)
    now = Now(learning_rate=1e-4, tokens_per_second=2000.0, seconds_per_step=3.0, elapsed_seconds=1800.0)
    table = LiveTable(planned(TrainConfig()), None, None)
    before = (HeldOutLoss(step=0, epoch=0.0, loss=4.1),)
    for step, measured, held_out in ((1, False, before), (6, False, before), (8, True, before)):
        table.row(Progress(step=step, train_losses=(0.5,), held_out=held_out), now, measured=measured)
    rows = [line.split() for line in capsys.readouterr().err.splitlines()[1:]]
    assert [row[2] for row in rows] == ["4.100", "-", "4.100"]
