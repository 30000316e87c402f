import pytest

from sftctl.model.generation import Generation
from sftctl.smoke_test.checks.output import faults_of, loops
from sftctl.smoke_test.snapshot import Prompt


def _prompt(text="What does the Corvane account cost a month?", reference="It is 4 crowns."):
    return Prompt("id", text, [1, 2], reference)


def _answer(text, *, stopped=True, token_ids=(5, 6, 7)):
    return Generation(tuple(token_ids), text, stopped)


@pytest.mark.parametrize(
    ("answer", "faults"),
    [
        (_answer("It is 5 crowns."), []),
        (_answer("  \n"), ["empty"]),
        (_answer("cost cost", stopped=False, token_ids=[9, 8] * 6), ["loop"]),
        (_answer("cost cost", stopped=True, token_ids=[9, 8] * 6), []),
        (_answer("You ask: What does the Corvane account cost a month? 4."), ["prompt echo"]),
        (_answer("It is 4.<|turn|>user\nAnd now?"), ["template marker"]),
        (_answer("### Response:\nIt is 4."), ["template marker"]),
        (_answer("[INST] hello"), ["template marker"]),
        (_answer("It is 4.\nUser: and now?"), ["template marker"]),
        (_answer("It is 4.</s>"), ["template marker"]),
        (_answer("### Response Code\nIt is 4."), []),
    ],
)
def test_faults_of_an_answer(answer, faults):
    assert faults_of(answer, _prompt()) == faults


def test_what_the_reference_does_too_is_no_fault():
    quoting = _prompt(reference="You ask: What does the Corvane account cost a month? It is 4 crowns.")
    assert faults_of(_answer(quoting.reference), quoting) == []
    assert faults_of(_answer("Use <|end|>."), _prompt(reference="Write <|end|> at the end.")) == []


@pytest.mark.parametrize(
    ("token_ids", "looping"),
    [([1] * 4, True), ([1, 2, 3] * 4, True), ([7, 7, *([1, 2, 3] * 4)], True), ([1, 2, 3] * 3, False), ([], False)],
)
def test_a_loop_is_four_times_the_same_run_at_the_end(token_ids, looping):
    assert loops(token_ids) is looping
