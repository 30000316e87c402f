"""Whole runs: the best weights are saved, watching changes no bit, and rows learned by heart come back."""

import json
import math

import peft
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, GenerationConfig, TrainerCallback

from sftctl.demo.paths import model_folder
from sftctl.model.generation import generate
from sftctl.model.loading import load_model
from sftctl.model.scoring import score_rows, token_weighted
from sftctl.model.use import how_to_use
from sftctl.tokenization.dataset import encode_prompts
from sftctl.train import assembly
from sftctl.train.inputs import encode_inputs
from sftctl.train.stage import train
from tests.train.forked import weights
from tests.train.rows import DATA, FULL, LORA, conversations, inputs_of, run_with_rows, short, trainer_for


def test_held_out_loss_is_the_same_at_batch_1_4_and_64(tmp_path):
    inputs = inputs_of(8, held_out=40, general=24)
    model = trainer_for(short(), FULL, inputs, tmp_path).trainer.model
    width = max(len(row.input_ids) for row in inputs.held_out)
    losses = [
        token_weighted(score_rows(model, inputs.held_out, pad_token_id=0, max_batch_tokens=rows * width))
        for rows in (1, 4, 64)
    ]
    assert max(losses) - min(losses) < 1e-6


def test_nothing_that_watches_changes_a_bit(tmp_path):
    inputs = inputs_of(24)

    class Watcher(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_evaluate = True

    # Each is trained at once: making a trainer seeds the global generator, as it does in a run.
    plain = trainer_for(short(evaluations_per_epoch=0), LORA, inputs, tmp_path / "plain")
    plain.trainer.pop_callback(assembly.FiniteGuard)
    plain.trainer.pop_callback(assembly.LearningGuard)
    plain.trainer.train()
    watched = trainer_for(
        short(evaluations_per_epoch=4, early_stopping={"patience": 9}, forgetting_budget={"max_rise": 9.0}),
        LORA, inputs, tmp_path / "watched",
    )  # fmt: skip
    watched.trainer.add_callback(Watcher())
    watched.conductor.evaluate_before_training()
    watched.trainer.train()
    for (name, a), (_, b) in zip(
        plain.trainer.model.named_parameters(), watched.trainer.model.named_parameters(), strict=True
    ):
        assert torch.equal(a, b), name


def test_steps_of_tokens_hold_every_row_once_an_epoch_and_never_more_tokens(tmp_path):
    inputs = inputs_of(24, held_out=0, general=0)
    total, longest = inputs.training.total_tokens, max(len(row.input_ids) for row in inputs.rows)
    config = short(epochs=3, batch_size=None, batch_tokens=3 * longest, checkpoints_per_epoch=0)
    assembled = trainer_for(config, FULL, inputs, tmp_path)
    assembled.trainer.train()
    tokens = assembled.conductor.step_tokens
    assert len(tokens) == assembled.plan.steps == 3 * assembled.plan.steps_per_epoch
    assert (sum(tokens), max(tokens) <= 3 * longest) == (3 * total, True)


@pytest.fixture(scope="module")
def overfitted(tmp_path_factory):
    """12 rows, many epochs at a high rate: the held-out loss falls, then rises."""
    run_dir = run_with_rows(tmp_path_factory.mktemp("overfit") / "run", rows=12, held_out=24, general=8)
    config = short(
        epochs=24, batch_size=12, learning_rate=1e-2, schedule="constant", evaluations_per_epoch=1,
        checkpoints_per_epoch=1, early_stopping={"patience": 4},
    )  # fmt: skip
    return run_dir, train(config, FULL, DATA, run_dir, 17)


def test_early_stopping_keeps_the_true_minimum(overfitted):
    run_dir, result = overfitted
    assert result.outcome == "stopped_early"
    lowest = min(result.held_out[1:], key=lambda measured: measured.loss)
    assert result.chosen_step == lowest.step == result.steps_done - 4
    live = load_model(FULL, path=str(run_dir.model))
    inputs = encode_inputs(FULL, DATA, conversations(12, skip=40), conversations(24), {})
    saved = token_weighted(score_rows(live, inputs.held_out, pad_token_id=inputs.prepared.pad_token_id))
    assert math.isclose(saved, lowest.loss, rel_tol=1e-6)
    assert f"turned at step {lowest.step} " in result.overfitting.sentence
    assert f"the weights kept are those of step {lowest.step}." in result.overfitting.sentence


def test_the_saved_model_is_complete_and_holds_no_pickle(overfitted):
    run_dir, result = overfitted
    names = {path.name for path in run_dir.model.iterdir()}
    assert {"model.safetensors", "config.json", "generation_config.json", "tokenizer.json", "README.md"} <= names
    assert not [name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))]
    assert (result.reload.max_logit_difference, result.reload.rows) == (0.0, 8)
    settings = GenerationConfig.from_pretrained(run_dir.model)
    assert settings.eos_token_id[0] not in (settings.pad_token_id, None)
    card = (run_dir.model / "README.md").read_text()
    assert card.startswith("---\nbase_model: builtin:tiny\n")
    assert "training rows" in card
    assert json.loads(run_dir.train_result.read_text())["chosen_step"] == result.chosen_step


@pytest.mark.parametrize(
    "merge",
    [pytest.param(False, marks=pytest.mark.slow), pytest.param(True, marks=pytest.mark.slow)],
    ids=["adapter", "merged"],
)
def test_a_saved_adapter_or_merged_model_gives_the_live_logits(merge, tmp_path):
    run_dir = run_with_rows(tmp_path / "run", rows=16, held_out=4, general=0)
    model = LORA.model_copy(update={"merge": merge})
    result = train(short(checkpoints_per_epoch=0, evaluations_per_epoch=0), model, DATA, run_dir, 17)
    assert result.reload.max_logit_difference <= (1e-4 if merge else 0.0)
    assert result.saved_as == ("merged" if merge else "adapter")
    if merge:
        assert AutoModelForCausalLM.from_pretrained(run_dir.model).dtype == torch.float32
    else:
        settings = json.loads((run_dir.model / "adapter_config.json").read_text())
        assert settings["base_model_name_or_path"] == str(model_folder())
        # The line that is printed for loading it works as it stands.
        load_line = how_to_use(model, run_dir.model)[0].removeprefix("load:").strip()
        assert eval(load_line, {"peft": peft}).peft_config["default"].r == model.lora.r
        base = load_file(model_folder() / "model.safetensors")
        assert not set(base) & set(load_file(run_dir.model / "adapter_model.safetensors"))


@pytest.mark.slow
def test_eight_rows_learned_by_heart_come_back_and_stop_on_their_own(tmp_path):
    rows = conversations(8, skip=40)
    run_dir = run_with_rows(tmp_path / "run", rows=8, held_out=0, general=0)
    train(short(epochs=60, learning_rate=5e-3, checkpoints_per_epoch=0), FULL, DATA, run_dir, 17)
    inputs = encode_inputs(FULL, DATA, rows, [], {})
    live = load_model(FULL, path=str(run_dir.model))
    prompts = encode_prompts(rows, inputs.prepared, DATA)
    stop = inputs.prepared.stop_token_ids
    answers = generate(live, inputs.prepared.tokenizer, prompts, stop_token_ids=stop, max_new_tokens=80)
    assert [answer.text.strip() for answer in answers] == [row.response for row in rows]
    assert [answer.stopped for answer in answers] == [True] * 8


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not(tmp_path):
    saved = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        run_dir = run_with_rows(tmp_path / name, rows=16, held_out=0, general=0)
        train(short(checkpoints_per_epoch=0), LORA, DATA, run_dir, seed)
        saved.append(weights(run_dir.model))
    assert saved[0] == saved[1] != saved[2]
