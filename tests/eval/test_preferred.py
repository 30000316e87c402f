"""Judge and arena inside the stage: gates, votes, preference pairs, and failures that keep what was measured."""

import json

import pytest
from trl.data_utils import is_conversational, maybe_apply_chat_template

from sftctl.data.conversation import read_conversations
from sftctl.demo import paths
from sftctl.errors import DataUnusable, EnvironmentProblem, GateFailed, MissingInput, UsageError
from sftctl.model.tokenizer import load_tokenizer
from tests.eval.conftest import MODEL, run_eval
from tests.eval.judge.server import always_first, perfect, serving


@pytest.fixture
def stage(held_out, tmp_path):
    """Options of an eval on files of answers: the tuned model is good on domain rows, the base on the others."""
    rows = list(read_conversations(held_out))
    for side in ("base", "tuned"):
        answers = [
            {"id": row.id, "answer": "good" if (side == "tuned") == (row.role == "domain") else "poor"} for row in rows
        ]
        _write(tmp_path / f"{side}.jsonl", answers)
    engine = {"kind": "answers", "base": str(tmp_path / "base.jsonl"), "tuned": str(tmp_path / "tuned.jsonl")}
    return {"engine": engine, "held_out": str(held_out), "prompts": 32}


def _write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def _judge(judge, **more):
    return {"base_url": judge.url, "model": "judge-1", **more}


def test_the_judge_is_a_gate_and_its_figures_are_in_eval_json(stage, tmp_path):
    with serving(perfect) as judge:
        result = run_eval({**stage, "judge": _judge(judge, min_win_rate=0.5)}, tmp_path / "run")
    # 24 domain rows won, 8 general ones lost.
    assert (result.judge.win_rate.rate.value, result.judge.win_rate.won, result.judge.win_rate.lost) == (0.75, 24, 8)
    gate = next(gate for gate in result.gates if gate.section == "judge")
    assert (gate.name, gate.verdict) == ("judge: tuned against base", "pass")
    assert gate.message.startswith("win rate 75 % (95 %: 5")
    assert [example.winner for example in result.judge.examples] == ["tuned"] * 5 + ["opponent"] * 5
    assert not (tmp_path / "run" / "eval" / "preferences.jsonl").exists()


def test_a_win_rate_below_the_limit_fails_the_run(stage, tmp_path):
    with (
        serving(perfect) as judge,
        pytest.raises(GateFailed, match=r"judge: tuned against base: fail, win rate 75 %"),
    ):
        run_eval({**stage, "judge": _judge(judge, min_win_rate=0.95)}, tmp_path / "run")


def test_a_judge_that_cannot_be_trusted_is_never_a_pass(stage, tmp_path):
    with serving(always_first) as judge:
        result = run_eval({**stage, "judge": _judge(judge, min_win_rate=0.1)}, tmp_path / "run")
    gate = next(gate for gate in result.gates if gate.section == "judge")
    assert gate.verdict == "inconclusive"
    assert result.verdict == "inconclusive"


def test_a_judge_out_of_reach_ends_with_exit_8_and_eval_json_is_kept(stage, tmp_path):
    with serving(perfect) as judge:
        options = _judge(judge, max_attempts=1)
    with pytest.raises(EnvironmentProblem, match="no usable reply"):
        run_eval({**stage, "judge": options}, tmp_path / "run")
    written = json.loads((tmp_path / "run" / "eval" / "eval.json").read_text())
    assert "judge" in [item["name"] for item in written["not_measured"]]
    assert len(written["side_by_side"]) == 32


def test_what_is_wrong_with_the_recipe_is_said_before_anything_is_asked(stage, tmp_path, monkeypatch):
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with serving(perfect) as judge:
        for options, error in (
            ({"api_key_env": "JUDGE_KEY"}, EnvironmentProblem),
            ({"prompts": "no-such.jsonl"}, MissingInput),
            ({"prompts": "training"}, MissingInput),
            ({"against": "no-such.jsonl"}, MissingInput),
            ({"prompts": str(_write(tmp_path / "odd.jsonl", [{"x": 1}]))}, DataUnusable),
        ):
            with pytest.raises(error):
                run_eval({**stage, "judge": _judge(judge, **options)}, tmp_path / "run")
    assert judge.seen == []
    assert not (tmp_path / "run").exists()


def _prompts(stage, tmp_path, count=12):
    """A file of new prompts, with answers of both sides to each; the first one is a held-out prompt."""
    asked = next(read_conversations(stage["held_out"] and paths.data_folder() / "held_out.jsonl"))
    texts = [asked.messages[-2]["content"], *(f"New question {i}?" for i in range(1, count))]
    for side, good in (("base", lambda i: i % 3 == 0), ("tuned", lambda i: i % 3 != 0)):
        path = tmp_path / f"{side}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        _write(path, rows + [{"prompt": t, "answer": "good" if good(i) else "poor"} for i, t in enumerate(texts)])
    return str(_write(tmp_path / "new.jsonl", [{"id": f"n{i}", "prompt": text} for i, text in enumerate(texts)]))


def test_preference_pairs_come_from_new_prompts_only_and_trl_takes_them(stage, tmp_path):
    prompts = _prompts(stage, tmp_path)
    with serving(perfect) as judge:
        result = run_eval({**stage, "judge": _judge(judge, prompts=prompts)}, tmp_path / "run")
    rows = [json.loads(line) for line in (tmp_path / "run" / "eval" / "preferences.jsonl").read_text().splitlines()]
    assert result.judge.preferences == len(rows) == 11
    assert [row["prompt"][-1]["content"] for row in rows] == [f"New question {i}?" for i in range(1, 12)]
    assert {row["chosen"][0]["content"] for row in rows} == {"good"}
    assert {row["rejected"][0]["content"] for row in rows} == {"poor"}
    assert all(row["by"] == "judge" and row["split"] in ("train", "test") for row in rows)
    tokenizer = load_tokenizer(MODEL)
    for row in rows:
        columns = {name: row[name] for name in ("prompt", "chosen", "rejected")}
        assert is_conversational(columns)
        rendered = maybe_apply_chat_template(columns, tokenizer)
        assert rendered["chosen"].startswith("good")
        assert rendered["prompt"].count(row["prompt"][-1]["content"]) == 1


def _vote(run, voter, preferred):
    """A sheet in which `voter` names the model that `preferred(item)` says."""
    key = json.loads((run / "eval" / "arena_key.json").read_text())
    votes = []
    for identity, item in key["items"].items():
        wanted = preferred(item)
        choice = "left" if item["left"] == wanted else "right" if item["right"] == wanted else "tie"
        votes.append({"item": identity, "choice": choice, "comment": "clear" if wanted == "base" else "", "seconds": 2})
    return {"arena": key["arena"], "voter": voter, "votes": votes}


def test_votes_of_several_people_are_merged_and_compared_with_the_judge(stage, tmp_path):
    run, prompts = tmp_path / "run", _prompts(stage, tmp_path)
    with serving(perfect) as judge:
        options = {**stage, "judge": _judge(judge, prompts=prompts), "arena": {"prompts": 12, "min_win_rate": 0.5}}
        first = run_eval(options, run)
        assert first.arena.votes == 0
        assert "arena" in [item.name for item in first.not_measured]
        page = (run / "eval" / "arena.html").read_text()
        number = lambda item: int(item["prompt"][1:])  # noqa: E731
        ann = _vote(run, "Ann", lambda item: "tuned" if number(item) % 3 else "base")
        bob = _vote(run, "Bob", lambda item: "tuned" if number(item) != 3 else "tie")
        _write(tmp_path / "ann.json", [ann])
        run_eval(options, run, votes=tmp_path / "ann.json")
        result = run_eval(options, run, votes=_write(tmp_path / "bob.json", [bob]))
    assert (run / "eval" / "arena.html").read_text() == page
    arena = result.arena
    assert [voter.name for voter in arena.voters] == ["Ann", "Bob"]
    assert (arena.votes, arena.comparisons) == (24, 13)
    assert [(voter.repeats, voter.self_consistency) for voter in arena.voters] == [(1, 1.0), (1, 1.0)]
    # Prompts 0, 6 and 9 split the voters (0.5), 3 is lost with half a vote (0.25), eight are won.
    assert arena.win_rate.rate.value == pytest.approx((8 + 3 * 0.5 + 0.25) / 12)
    assert (arena.win_rate.won, arena.win_rate.even, arena.win_rate.lost) == (8, 3, 1)
    assert (arena.agreement.voters, arena.agreement.prompts) == (2, 12)
    # Observed 8/12; Ann 8 tuned, 4 base; Bob 11 tuned, 1 neither: chance 88/144.
    assert arena.agreement.cohen_kappa == pytest.approx((8 / 12 - 88 / 144) / (1 - 88 / 144))
    human = result.judge.human_agreement
    assert (human.prompts, human.agreement, human.human_agreement) == (12, pytest.approx(8 / 12), pytest.approx(8 / 12))
    rows = [json.loads(line) for line in (run / "eval" / "preferences.jsonl").read_text().splitlines()]
    assert {row["by"] for row in rows} == {"people"}
    assert len(rows) == 8
    assert "arena: tuned against base" in [gate.name for gate in result.gates]


def test_votes_on_another_page_and_files_that_are_no_votes_are_refused(stage, tmp_path):
    run = tmp_path / "run"
    run_eval({**stage, "arena": {}}, run)
    sheet = _vote(run, "Ann", lambda item: "tuned")
    with pytest.raises(UsageError, match="the votes of Ann are on arena"):
        run_eval({**stage, "arena": {"prompts": 3}}, run, votes=_write(tmp_path / "v.json", [sheet]))
    with pytest.raises(DataUnusable, match=r"no votes exported from arena\.html"):
        run_eval({**stage, "arena": {}}, run, votes=_write(tmp_path / "w.json", [{"a": 1}]))
    with pytest.raises(UsageError, match=r"the recipe has no eval\.arena"):
        run_eval(stage, run, votes=tmp_path / "v.json")


def test_three_models_are_rated_by_bradley_terry(stage, tmp_path, held_out):
    run = tmp_path / "run"
    rows = [{"id": row.id, "answer": "other"} for row in read_conversations(held_out)]
    contender = {"name": "other-7b", "answers": str(_write(tmp_path / "other.jsonl", rows))}
    options = {**stage, "arena": {"contenders": [contender], "repeat_share": 0}}
    run_eval(options, run)
    order = ("tuned", "other-7b", "base")
    best = lambda item: min((item["left"], item["right"]), key=order.index)  # noqa: E731
    result = run_eval(options, run, votes=_write(tmp_path / "v.json", [_vote(run, "Ann", best)]))
    assert [strength.model for strength in result.arena.strengths] == list(order)
    middle = result.arena.strengths[1].chance
    assert middle.low < 0.5 < middle.high
    assert result.arena.strengths[0].chance.low > 0.5
    assert "other-7b" not in (run / "eval" / "arena.html").read_text()
