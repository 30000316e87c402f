"""The smoke test's forecast stands beside a training only where it was made of one of the same size."""

from types import SimpleNamespace

from sftctl.run_dir import RunDir, write_json
from sftctl.train.outcome import read_forecast
from sftctl.train.result import Expected

FORECAST = {"steps": 15, "tokens": 3000, "seconds": 60.0, "peak_memory_bytes": 2**20, "cost_usd": None}


def plan(**changes):
    """Fifteen steps in an epoch and a half of 2,000 tokens each."""
    return SimpleNamespace(**{"steps": 15, "steps_per_epoch": 10, "total_tokens": 2000} | changes)


def test_a_forecast_of_another_run_is_not_compared(tmp_path):
    run_dir = RunDir(tmp_path)
    assert read_forecast(run_dir, plan()) is None
    write_json(run_dir.smoke_test_result, {"forecast": FORECAST})
    assert read_forecast(run_dir, plan()) == Expected(seconds=60.0, peak_memory_bytes=2**20)
    assert read_forecast(run_dir, plan(steps=20)) is None
    assert read_forecast(run_dir, plan(total_tokens=2100)) is None
    write_json(run_dir.smoke_test_result, {"forecast": None})
    assert read_forecast(run_dir, plan()) is None
