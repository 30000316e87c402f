"""Eleven faults, each caught by the check that is named for it. Guards of the recipe are passed by: a fault that they
would refuse is planted behind them, in the encoded rows or in the model's folder."""

import dataclasses
import math
import shutil

import pytest
import safetensors.torch
import torch

from sftctl.demo import paths
from sftctl.model.collate import padded_batch
from sftctl.model.config import ModelConfig
from sftctl.model.loading import load_model
from sftctl.run_dir import RunDir
from sftctl.smoke_test import machine
from sftctl.tokenization.config import DataConfig

pytestmark = pytest.mark.slow


def _failed(result):
    return {check.name for check in result.failed}


def _with_rows(rows, change):
    """The encoded training rows changed one by one: `change(number, row) -> row`."""
    changed = [change(number, row) for number, row in enumerate(rows.inputs.training.rows)]
    training = dataclasses.replace(rows.inputs.training, rows=changed)
    return dataclasses.replace(rows, inputs=dataclasses.replace(rows.inputs, training=training))


def _short(trial, steps=8):
    return dataclasses.replace(trial, smoke_test=trial.smoke_test.model_copy(update={"steps": steps}))


@pytest.fixture
def broken_model(tmp_path):
    """A copy of the built-in model whose weights a test changes: `broken_model(change) -> ModelConfig`."""

    def make(change):
        folder = tmp_path / "broken"
        shutil.copytree(paths.model_folder(), folder)
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        change(weights)
        safetensors.torch.save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        return ModelConfig(path=str(folder), method="full", device="cpu")

    return make


def test_a_learning_rate_of_1000_is_called_diverging(trial, tmp_path):
    train = trial.train.model_copy(update={"learning_rate": 1e3})
    result = _short(dataclasses.replace(trial, train=train)).examined(tmp_path)
    assert "loss.learning_rate" in _failed(result)
    assert "diverging" in next(check.advice for check in result.failed if check.name == "loss.learning_rate")


def test_rows_whose_labels_are_all_masked_are_counted(trial, tmp_path):
    rows = _with_rows(
        trial.rows(RunDir(tmp_path)), lambda _, row: dataclasses.replace(row, labels=[-100] * len(row.labels))
    )
    assert "data.trained_tokens" in _failed(_short(trial).examined(tmp_path, rows))


def test_responses_that_are_cut_away_in_half_of_the_rows_are_named(trial, tmp_path):
    def cut(number, row):
        end = len(row.input_ids) - 6
        return row if number % 2 else dataclasses.replace(row, input_ids=row.input_ids[:end], labels=row.labels[:end])

    rows = _with_rows(trial.rows(RunDir(tmp_path)), cut)
    assert "data.whole_responses" in _failed(_short(trial).examined(tmp_path, rows))


def test_another_template_than_the_models_own_makes_it_less_sure(trial, tmp_path):
    result = _short(dataclasses.replace(trial, data=DataConfig(chat_template="alpaca"))).examined(tmp_path)
    assert "template.models_own" in _failed(result)


def test_rows_of_another_template_than_inference_uses_are_seen(trial, tmp_path):
    other = dataclasses.replace(trial, data=DataConfig(chat_template="zephyr")).rows(RunDir(tmp_path))
    own = trial.rows(RunDir(tmp_path))
    planted = dataclasses.replace(own, inputs=dataclasses.replace(own.inputs, training=other.inputs.training))
    assert "template.same_as_inference" in _failed(_short(trial).examined(tmp_path, planted))


def test_a_stop_token_that_is_never_trained_is_missed(trial, tmp_path):
    rows = trial.rows(RunDir(tmp_path))
    stops = set(rows.inputs.prepared.stop_token_ids)

    def unstopped(_, row):
        return dataclasses.replace(row, labels=[-100 if label in stops else label for label in row.labels])

    assert "template.stop_trained" in _failed(_short(trial).examined(tmp_path, _with_rows(rows, unstopped)))


def test_weights_that_are_not_numbers_are_found_before_the_first_step(trial, tmp_path, broken_model):
    def poison(weights):
        weights["model.embed_tokens.weight"][:, 0] = math.nan

    result = _short(dataclasses.replace(trial, model=broken_model(poison))).examined(tmp_path)
    assert "loss.finite" in _failed(result)
    assert "untrained model" in next(check.evidence for check in result.failed if check.name == "loss.finite")


def test_one_row_fifty_times_as_long_is_named(trial, tmp_path):
    rows = trial.rows(RunDir(tmp_path))
    usual = sorted(len(row.input_ids) for row in rows.inputs.training.rows)[len(rows.inputs.training.rows) // 2]

    def stretched(number, row):
        times = -(-50 * usual // len(row.input_ids)) if number == 7 else 1
        return dataclasses.replace(row, input_ids=row.input_ids * times, labels=row.labels * times)

    result = _short(trial, steps=4).examined(tmp_path, _with_rows(rows, stretched))
    assert "memory.longest_row" in _failed(result)


def test_data_that_the_model_knows_by_heart_is_recognised(trial, tmp_path):
    rows = trial.rows(RunDir(tmp_path))
    few = dataclasses.replace(rows.inputs.training, rows=rows.inputs.training.rows[:8])
    rows = dataclasses.replace(rows, inputs=dataclasses.replace(rows.inputs, training=few))
    learned = tmp_path / "learned"
    _memorise(trial, rows, learned)
    model = ModelConfig(path=str(learned), method="full", device="cpu")
    assert "loss.not_memorised" in _failed(_short(dataclasses.replace(trial, model=model)).examined(tmp_path, rows))


def _memorise(trial, rows, folder):
    """Plain AdamW on the eight rows until they are known by heart."""
    model = load_model(trial.model).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = padded_batch(rows.inputs.training.rows, rows.inputs.prepared.pad_token_id)
    for _ in range(80):
        model(**batch).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder)
    rows.inputs.prepared.tokenizer.save_pretrained(folder)


def test_a_disk_without_room_for_the_checkpoints_is_said(trial, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "free_disk_bytes", lambda folder: 4 * 2**20)
    assert "save.disk" in _failed(_short(trial).examined(tmp_path))


def test_a_disk_that_fills_while_saving_is_said(trial, tmp_path, monkeypatch):
    save = torch.save
    monkeypatch.setattr("torch.save", lambda value, path, **options: save(value, "/dev/full", **options))
    result = _short(trial).examined(tmp_path)
    assert "save.checkpoint" in _failed(result)
    evidence = next(check.evidence for check in result.failed if check.name == "save.checkpoint")
    assert "the optimizer's state could not be written. Free disk space." in evidence


def test_labels_shifted_by_one_are_found(trial, tmp_path):
    def shifted(_, row):
        return dataclasses.replace(row, labels=[*row.labels[1:], -100])

    rows = _with_rows(trial.rows(RunDir(tmp_path)), shifted)
    assert "template.labels_aligned" in _failed(_short(trial).examined(tmp_path, rows))


def test_a_model_that_ignores_its_input_is_found(trial, tmp_path, broken_model):
    def deafen(weights):
        # Nothing of a token reaches the output: every embedding is the same, and no position is looked at.
        weights["model.embed_tokens.weight"][:] = weights["model.embed_tokens.weight"][20].clone()
        for name in weights:
            if name.endswith(("o_proj.weight",)):
                weights[name].zero_()

    model = broken_model(deafen)
    frozen = trial.train.model_copy(update={"learning_rate": 1e-9})
    result = _short(dataclasses.replace(trial, model=model, train=frozen)).examined(tmp_path)
    assert "learning.reads_prompt" in _failed(result)
