import dataclasses
import json

import pytest

from sftctl.errors import GateFailed
from sftctl.model.config import ModelConfig
from sftctl.run_dir import RunDir
from sftctl.smoke_test.stage import smoke_test
from sftctl.smoke_test.telling import tell
from sftctl.tokenization.config import DataConfig
from sftctl.train.planning import plan_run


def _verdicts(result):
    return {check.name: check.verdict for check in result.checks}


def test_a_healthy_recipe_passes_every_check(trial, tmp_path):
    result = smoke_test(trial.smoke_test, trial.train, trial.model, trial.data, RunDir(tmp_path), 17)
    assert result.failed == ()
    assert (result.steps, result.steps_not_reached) == (24, 0)
    assert {name for name, verdict in _verdicts(result).items() if verdict != "pass"} == set()
    written = json.loads((tmp_path / "smoke_test" / "smoke_test.json").read_text())
    assert written["passed"] is True
    assert written["schema_version"] == 1
    assert not (tmp_path / "smoke_test" / "scratch").exists()
    assert [answer["stopped"] for answer in written["answers"]] == [True] * 4


def test_a_healthy_adapter_recipe_passes(trial, tmp_path):
    model = ModelConfig(path="builtin:tiny", method="lora", device="cpu")
    train = trial.train.model_copy(update={"learning_rate": 5e-3})
    assert dataclasses.replace(trial, model=model, train=train).examined(tmp_path).failed == ()


def test_a_failed_check_is_exit_1_after_the_result_is_written(trial, tmp_path):
    data = DataConfig(max_length=48, max_dropped_fraction=0.01)
    with pytest.raises(
        GateFailed, match=r"1 of 1 checks failed:\n  data\.rows_dropped: .* training rows cannot be used"
    ):
        smoke_test(trial.smoke_test, trial.train, trial.model, data, RunDir(tmp_path), 17)
    written = json.loads((tmp_path / "smoke_test" / "smoke_test.json").read_text())
    assert (written["passed"], [check["name"] for check in written["checks"]]) == (False, ["data.rows_dropped"])


def test_it_never_trains_longer_than_the_run_itself(trial, tmp_path):
    train = trial.train.model_copy(update={"max_steps": 6})
    assert dataclasses.replace(trial, train=train).examined(tmp_path).steps == 6


def test_steps_of_tokens_are_rehearsed_and_forecast_as_they_will_be_run(trial, tmp_path):
    train = trial.train.model_copy(update={"batch_size": None, "batch_tokens": 700, "epochs": 3})
    config = trial.smoke_test.model_copy(update={"steps": 6})
    result = dataclasses.replace(trial, train=train, smoke_test=config).examined(tmp_path)
    planned = plan_run(train, trial.model, trial.data, RunDir(tmp_path), 17)
    assert (result.steps, result.forecast.steps) == (6, planned.steps)
    assert result.forecast.tokens == 3 * planned.total_tokens


def test_the_time_limit_ends_the_steps_and_all_else_is_still_done_and_it_is_said(trial, tmp_path, capsys):
    config = trial.smoke_test.model_copy(update={"time_limit_minutes": 1e-4})
    result = dataclasses.replace(trial, smoke_test=config).examined(tmp_path)
    assert (result.steps, result.steps_not_reached) == (1, 23)
    assert _verdicts(result)["save.checkpoint"] == "pass"
    assert result.forecast is not None
    advice = {check.name: check.advice for check in result.checks}
    assert advice["loss.falling"] == "raise smoke_test.time_limit_minutes"
    tell(result)
    told = " ".join(capsys.readouterr().err.split())
    assert "smoke_test.time_limit_minutes ended the steps after 1 of 24: checks and forecast rest on those" in told
