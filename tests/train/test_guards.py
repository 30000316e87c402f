"""A run stops within the step that cannot be trained on, and nothing of that step is kept."""

import dataclasses
import resource

import pytest
import torch

from sftctl.errors import DataUnusable, OutOfMemory, TrainingDiverged, UntrainedWeights
from sftctl.tokenization.rows import NOT_TRAINED
from sftctl.train import inputs as train_inputs
from sftctl.train import stage
from sftctl.train.stage import train
from sftctl.train.trainer import GuardedTrainer
from tests.train.forked import finish, start
from tests.train.rows import DATA, FULL, LORA, inputs_of, run_with_rows, short, trainer_for


@pytest.fixture(scope="module")
def inputs():
    return inputs_of(32)


def fault_at(monkeypatch, step: int, fault) -> None:
    """Let the loss of one step be changed by `fault`."""
    real = GuardedTrainer.compute_loss

    def faulty(self, *args, **kwargs):
        loss = real(self, *args, **kwargs)
        return fault(loss) if self.state.global_step == step - 1 and self.model.training else loss

    monkeypatch.setattr(GuardedTrainer, "compute_loss", faulty)


@pytest.mark.parametrize("model", [FULL, LORA], ids=["full", "lora"])
def test_a_nan_loss_at_step_3_stops_at_step_3_and_names_its_rows(model, inputs, monkeypatch, tmp_path):
    fault_at(monkeypatch, 3, lambda loss: loss * float("nan"))
    assembled = trainer_for(short(), model, inputs, tmp_path)
    rows = assembled.trainer.feed.rows_of_step(0, 2)
    with pytest.raises(TrainingDiverged, match=rf"^step 3: the loss is not finite.*{rows[0]}, {rows[1]}"):
        assembled.trainer.train()
    assert assembled.trainer.state.global_step == 2
    assert all(torch.isfinite(weight).all() for weight in assembled.trainer.model.parameters())


def test_an_infinite_gradient_behind_a_finite_loss_stops_too(inputs, monkeypatch, tmp_path):
    class Steep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, loss):
            return loss.clone()

        @staticmethod
        def backward(ctx, gradient):
            return gradient * float("inf")

    fault_at(monkeypatch, 2, Steep.apply)
    assembled = trainer_for(short(), FULL, inputs, tmp_path)
    with pytest.raises(TrainingDiverged, match=r"^step 2: the gradient is not finite"):
        assembled.trainer.train()
    assert all(torch.isfinite(weight).all() for weight in assembled.trainer.model.parameters())


def test_nothing_non_finite_becomes_a_checkpoint(monkeypatch, tmp_path):
    fault_at(monkeypatch, 4, lambda loss: loss * float("nan"))
    run_dir = run_with_rows(tmp_path / "run", rows=32, held_out=4, general=0)
    with pytest.raises(TrainingDiverged):
        train(short(checkpoints_per_epoch=4, evaluations_per_epoch=0), FULL, DATA, run_dir, 17)
    assert sorted(path.name for path in run_dir.checkpoints.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-3"]
    assert not run_dir.model.exists()


def test_a_step_without_a_trained_token_stops(inputs, tmp_path):
    masked = [dataclasses.replace(row, labels=[NOT_TRAINED] * len(row.labels)) for row in inputs.rows]
    dataset = dataclasses.replace(inputs.training, rows=masked)
    assembled = trainer_for(short(packing=False), FULL, dataclasses.replace(inputs, training=dataset), tmp_path)
    with pytest.raises(TrainingDiverged, match="step 1 has no trained token"):
        assembled.trainer.train()


def test_rows_without_a_trained_token_are_refused_before_a_model_is_loaded(inputs, monkeypatch):
    masked = dataclasses.replace(inputs.rows[3], labels=[NOT_TRAINED] * len(inputs.rows[3].labels))
    encoded = dataclasses.replace(inputs.training, rows=[*inputs.rows[:3], masked])
    monkeypatch.setattr(train_inputs, "encode_dataset", lambda *args, **kwargs: encoded)
    with pytest.raises(DataUnusable, match=masked.id):
        train_inputs.encode_inputs(FULL, DATA, [], [], {})


def test_a_tensor_without_gradient_stops_the_run(inputs, tmp_path):
    assembled = trainer_for(short(), FULL, inputs, tmp_path)
    unused = torch.nn.Linear(3, 3)
    assembled.trainer.model.model.unused = unused
    unlearned = r"step 1: 2 of \d+ trainable tensors get no gradient, such as model\.unused"
    with pytest.raises(UntrainedWeights, match=unlearned):
        assembled.trainer.train()


def test_an_adapter_that_moves_nothing_stops_the_run(inputs, tmp_path):
    assembled = trainer_for(short(), LORA, inputs, tmp_path)
    for name, weight in assembled.trainer.model.named_parameters():
        if "layers.1" in name and "q_proj.lora_B" in name:
            weight.register_hook(torch.zeros_like)
    with pytest.raises(UntrainedWeights, match=r"such as .*layers\.1\..*lora_B"):
        assembled.trainer.train()


@pytest.mark.parametrize(
    "changes",
    [{}, pytest.param({"dora": True}, marks=pytest.mark.slow), pytest.param({"rslora": True}, marks=pytest.mark.slow)],
    ids=["lora", "dora", "rslora"],
)
def test_every_adapter_moves_and_the_base_stays_bit_for_bit(changes, inputs, tmp_path):
    model = LORA.model_copy(update={"lora": LORA.lora.model_copy(update=changes)})
    assembled = trainer_for(short(), model, inputs, tmp_path)
    before = {name: weight.detach().clone() for name, weight in assembled.trainer.model.named_parameters()}
    assembled.trainer.train()
    moved = {
        name for name, weight in assembled.trainer.model.named_parameters() if not torch.equal(weight, before[name])
    }
    assert moved == {name for name in before if "lora_" in name}


def test_out_of_memory_says_what_to_lower(inputs, monkeypatch, tmp_path):
    def full(loss):
        raise torch.OutOfMemoryError("out of memory")

    fault_at(monkeypatch, 2, full)
    run_dir = run_with_rows(tmp_path / "run", rows=32, held_out=0, general=0)
    with pytest.raises(OutOfMemory, match=r"512 tokens at once\. Set train\.micro_batch=1"):
        train(short(micro_batch=2), FULL, DATA, run_dir, 17)


def test_a_disk_that_takes_no_more_ends_with_74_and_the_older_checkpoint_is_whole(tmp_path):
    run_dir = run_with_rows(tmp_path / "run", rows=32, held_out=0, general=0)
    config = short(checkpoints_per_epoch=4)

    def limited() -> None:
        def limit_files(step: int) -> None:
            # Weights take 2.2 MB and the optimizer twice that: the write of the optimizer fails half-way.
            if step == 2:
                resource.setrlimit(resource.RLIMIT_FSIZE, (3_000_000, 3_000_000))

        real = GuardedTrainer.get_batch_samples

        def counted(self, *args):
            limit_files(self.state.global_step)
            return real(self, *args)

        GuardedTrainer.get_batch_samples = counted
        train(config, FULL, DATA, run_dir, 17)

    assert finish(start(limited)) == 74
    kept = stage.checkpoints.newest_whole(run_dir.checkpoints)
    assert kept is not None
    assert kept.manifest.step == 2
    result = train(config, FULL, DATA, run_dir, 17)
    assert (result.resumed_from_step, result.steps_done) == (2, 4)
