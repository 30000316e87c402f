from types import SimpleNamespace

from sftctl.model.config import ModelConfig
from sftctl.model.tokenizer import load_tokenizer
from sftctl.smoke_test.forecast import steady_steps
from sftctl.smoke_test.preview import preview
from sftctl.smoke_test.rehearsal import Step
from sftctl.smoke_test.result import Check, Piece, SmokeTestResult
from sftctl.smoke_test.telling import annotations, cost_line
from sftctl.tokenization.rows import EncodedRow


def _result():
    checks = (
        Check(name="loss.finite", verdict="pass", evidence="fine"),
        Check(name="loss.falling", verdict="fail", evidence="100 % noise,\nno fall", advice="more steps"),
        Check(name="output.form", verdict="warn", evidence="0 of 4"),
    )
    return SmokeTestResult(passed=False, checks=checks, steps=4, losses=(), seconds=1.0)


def test_github_gets_one_annotation_for_each_check_that_is_not_passed(monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert annotations(_result()) == [
        "::error title=sftctl smoke-test loss.falling::loss.falling: 100 %25 noise,%0Ano fall. More steps",
        "::warning title=sftctl smoke-test output.form::output.form: 0 of 4",
    ]


def test_no_annotations_elsewhere(monkeypatch):
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert annotations(_result()) == []


def test_the_cost_of_the_run_is_one_line():
    forecast = SimpleNamespace(
        steps=1000, seconds=7500, peak_memory_bytes=3 * 2**30, cost_usd=4.166, floor_seconds=1800.0
    )
    expected = "the full run: 1000 steps, 2 h 05 min, 3.00 GiB, $4.17, no faster than 30 min at the device's peak"
    assert cost_line(forecast) == expected


def test_the_preview_is_what_the_ids_say():
    tokenizer = load_tokenizer(ModelConfig(path="builtin:tiny"))
    ids = tokenizer("Hello there, how are you?", add_special_tokens=False)["input_ids"]
    row = EncodedRow("r", "s", "domain", ids, [-100, -100, *ids[2:]])
    pieces = (
        Piece(text=tokenizer.decode(ids[:2]), trained=False),
        Piece(text=tokenizer.decode(ids[2:]), trained=True),
    )
    assert preview(row, tokenizer).pieces == pieces


def test_the_first_steps_and_a_stall_are_not_steady():
    steps = [Step(1.0, 1.0, 1e-3, seconds, 100) for seconds in (9.0, 5.0, 3.0, 1.0, 1.1, 0.9, 30.0, 1.0)]
    assert [step.seconds for step in steady_steps(steps)] == [1.0, 1.1, 0.9, 1.0]


def test_few_steps_lose_only_the_first():
    steps = [Step(1.0, 1.0, 1e-3, seconds, 100) for seconds in (9.0, 1.0, 1.2)]
    assert [step.seconds for step in steady_steps(steps)] == [1.0, 1.2]
