"""Judge and arena on the page: figures in words, examples with reasons, and data that stays text."""

from sftctl.eval.arena.result import ArenaResult, Comment, Strength, Voter
from sftctl.eval.judge.result import (
    Canary,
    Cost,
    Estimate,
    Example,
    Grades,
    HumanAgreement,
    JudgeResult,
    Reliability,
    SelfTest,
    WinRate,
)
from sftctl.report.stage import write_report
from sftctl.run_dir import RunDir, write_json
from tests.conftest import ROOT
from tests.report.made_run import HOSTILE, evaluated


def _estimate(value, low=None, high=None, items=40):
    return Estimate(value=value, low=low, high=high, items=items)


def _rate(value, low, high):
    rate = _estimate(value, low, high)
    return WinRate(rate=rate, standard_error=0.05, won=24, even=8, lost=8, sign_test_p=0.007)


JUDGE = JudgeResult(
    judge="judge-1",
    against="base",
    prompts="held_out",
    win_rate=_rate(0.7, 0.58, 0.81),
    length_controlled=_estimate(0.61, 0.49, 0.72),
    length_slope=1.1,
    reliability=Reliability(
        position_bias=-0.1, swap_consistency=0.8, tie_share=0.15, unparsed_share=0.05, refused=1, interrupted=3
    ),
    self_test=SelfTest(win_rate=0.5, ties=9, verdicts=10),
    canaries=(Canary(name="injected command", fooled=4, verdicts=10),),
    human_agreement=HumanAgreement(prompts=12, agreement=0.75, kappa=0.5, human_agreement=0.8, human_kappa=0.6),
    grades=(Grades(category="math", base=5.5, tuned=6.25, difference=_estimate(0.75, 0.1, 1.4), items=8, unparsed=0),),
    cost=Cost(requests=100, from_cache=20, interrupted=4, input_tokens=50_000, output_tokens=9_000, usd=0.1234),
    examples=(Example(id="a", winner="tuned", prompt="Fee?", tuned="5", opponent=HOSTILE, reason=f"Right. {HOSTILE}"),),
    warnings=("injected command: 4 of 10 verdicts fell for it",),
)
ARENA = ArenaResult(
    arena="ab",
    page="arena.html",
    comparisons=13,
    models=("base", "tuned", "other"),
    votes=24,
    both_bad_share=0.25,
    win_rate=_rate(0.66, 0.5, 0.8),
    side_bias=0.1,
    voters=(Voter(name=HOSTILE, votes=13, repeats=2, self_consistency=0.5, side_bias=0.1),),
    strengths=(Strength(model="tuned", chance=_estimate(0.8, 0.6, 0.9)),),
    comments=(Comment(prompt="p1", voter="Ann", preferred=None, text=HOSTILE),),
)


def _page(tmp_path, **found):
    run_dir = RunDir(tmp_path)
    write_json(run_dir.eval_result, evaluated().model_copy(update=found).model_dump(mode="json"))
    return write_report(run_dir).read_text(encoding="utf-8")


def test_judge_and_arena_are_on_the_page_with_their_intervals_and_doubts(tmp_path):
    page = _page(tmp_path, judge=JUDGE, arena=ARENA)
    for said in (
        "70 % (95 %: 58 % to 81 %) on 40 prompts: 24 won, 8 even, 8 lost",
        "61 % (95 %: 49 % to 72 %), approximate",
        "fooled 4 of 10 times",
        "injected command: 4 of 10 verdicts fell for it",
        "75 % of 12 prompts, kappa 0.50; people with each other 80 %, kappa 0.60",
        "$0.12: 50,000 tokens read, 9,000 written, 20 replies known from before",
        "+0.75 (0.10 to 1.40)",
        "5 % (1 refused, 3 interrupted by a kill and not sent again)",
        "20 replies known from before, 4 interrupted and counted in full",
        "tuned beats an average model",
        "judge, equal length",
        "people",
        "The judge: Right.",
    ):
        assert said in page
    assert HOSTILE not in page


def test_the_text_for_pull_requests_says_the_same(tmp_path, golden):
    run_dir = RunDir(tmp_path / "made")
    found = evaluated().model_copy(update={"judge": JUDGE, "arena": ARENA})
    write_json(run_dir.eval_result, found.model_dump(mode="json"))
    write_report(run_dir)
    golden(ROOT / "tests" / "golden" / "report_preferred.md", run_dir.markdown_report.read_text(encoding="utf-8"))


def test_a_page_that_nobody_voted_on_says_what_to_do(tmp_path):
    empty = ArenaResult(arena="ab", page="arena.html", comparisons=13, models=("base", "tuned"))
    assert "Nobody has voted yet. Send eval/arena.html to voters" in _page(tmp_path, arena=empty)


def test_without_judge_and_arena_the_section_is_not_there(tmp_path):
    assert "Who is preferred" not in _page(tmp_path)
