"""The smoke test's forecast stands beside a training only where it was made for the same work."""

from types import SimpleNamespace

import pytest

from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir, write_json
from sftctl.tokenization.config import DataConfig
from sftctl.train.config import TrainConfig
from sftctl.train.fingerprint import Origin, of_work
from sftctl.train.outcome import read_forecast
from sftctl.train.result import Expected

FORECAST = {"seconds": 60.0, "peak_memory_bytes": 2**20, "cost_usd": None}


def work(rows="abc", device="cuda:0", processes=1, max_length="auto", model=None, train=None):
    """What decides what a full fine-tuning of the built-in model takes, with the changes that are given."""
    config = TrainConfig.model_validate({"epochs": 2} | (train or {}))
    named = ModelConfig.model_validate({"path": "builtin:tiny", "method": "full"} | (model or {}))
    origin = Origin(config, named, DataConfig(max_length=max_length), {"training rows": rows})
    return of_work(origin, SimpleNamespace(device=device, processes=processes))


@pytest.fixture
def run_dir(tmp_path):
    run_dir = RunDir(tmp_path)
    write_json(run_dir.smoke_test_result, {"forecast": {**FORECAST, "made_from": work()}})
    return run_dir


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": "def"},
        {"device": "cpu"},
        {"processes": 2},
        {"max_length": 512},
        {"model": {"method": "lora"}},
        {"model": {"path": "other/model"}},
        {"model": {"dtype": "bfloat16"}},
        {"model": {"lora": {"r": 64}}},
        {"train": {"epochs": 3}},
        {"train": {"micro_batch": 4}},
        {"train": {"gradient_checkpointing": True}},
        {"train": {"evaluations_per_epoch": 9}},
        {"train": {"gpu_hour_usd": 2.0}},
    ],
)
def test_a_forecast_of_other_work_is_not_compared(run_dir, changed):
    assert read_forecast(run_dir, work(**changed)) is None


@pytest.mark.parametrize(
    "changed", [{}, {"device": "cuda:1"}, {"train": {"learning_rate": 1e-5}}, {"train": {"schedule": "linear"}}]
)
def test_what_changes_only_what_is_learned_keeps_the_forecast(run_dir, changed):
    assert read_forecast(run_dir, work(**changed)) == Expected(seconds=60.0, peak_memory_bytes=2**20)


def test_a_run_without_a_forecast_is_compared_with_none(tmp_path):
    run_dir = RunDir(tmp_path)
    assert read_forecast(run_dir, work()) is None
    for forecast in (None, FORECAST):
        write_json(run_dir.smoke_test_result, {"forecast": forecast})
        assert read_forecast(run_dir, work()) is None
