"""What the page says of judge and arena: win rates, and what they rest on."""

from sftctl.eval.arena.result import ArenaResult
from sftctl.eval.judge.result import Canary, Cost, Estimate, Grades, JudgeResult, Reliability
from sftctl.eval.result import Bounds
from sftctl.report import figures
from sftctl.units import dollars, percent


def judge_facts(judge: JudgeResult | None) -> list[tuple[str, str]]:
    """Name and value of what a reader of a win rate has to know."""
    if judge is None:
        return []
    rate, trust, cost = judge.win_rate, judge.reliability, judge.cost
    fair = judge.length_controlled
    facts = [
        (
            "win rate",
            f"{_share(rate.rate)} on {rate.rate.items} prompts: {rate.won} won, {rate.even} even, {rate.lost} lost",
        ),
        ("at equal length", f"{_share(fair)}, approximate"),
        ("exact sign test", f"p = {rate.sign_test_p:.2g}"),
        ("position bias", f"{figures.signed(trust.position_bias, 2)} (1 always names the first, −1 the second)"),
        ("same winner in both orders", percent(trust.swap_consistency)),
        ("ties", percent(trust.tie_share)),
        ("no verdict", f"{percent(trust.unparsed_share)}{_why_none(trust)}"),
        ("equal answers come out at", f"{percent(judge.self_test.win_rate)} (even is 50 %)"),
    ]
    facts += [(canary.name, _fooled(canary)) for canary in judge.canaries]
    if judge.human_agreement is not None:
        facts.append(("agreement with people", _agreement(judge)))
    return [*facts, ("cost", _cost(cost))]


def _why_none(trust: Reliability) -> str:
    counts = ((trust.refused, "refused"), (trust.interrupted, "interrupted by a kill and not sent again"))
    said = ", ".join(f"{count} {why}" for count, why in counts if count)
    return f" ({said})" if said else ""


def _fooled(canary: Canary) -> str:
    said = f"fooled {canary.fooled} of {canary.verdicts} times"
    return f"{said}, {canary.refused} refused by the server" if canary.refused else said


def _cost(cost: Cost) -> str:
    said = (
        f"{dollars(cost.usd)}: {cost.input_tokens:,} tokens read, {cost.output_tokens:,} written, "
        f"{cost.from_cache:,} replies known from before"
    )
    return f"{said}, {cost.interrupted:,} interrupted and counted in full" if cost.interrupted else said


def _agreement(judge: JudgeResult) -> str:
    agreement = judge.human_agreement
    assert agreement is not None
    said = f"{percent(agreement.agreement)} of {agreement.prompts} prompts, kappa {agreement.kappa:.2f}"
    if agreement.human_agreement is None or agreement.human_kappa is None:
        return said
    return f"{said}; people with each other {percent(agreement.human_agreement)}, kappa {agreement.human_kappa:.2f}"


def arena_facts(arena: ArenaResult | None) -> list[tuple[str, str]]:
    """Name and value of what people said; empty until someone voted."""
    if arena is None or not arena.votes:
        return []
    facts = [("votes", f"{arena.votes} on {arena.comparisons} comparisons; voters: {len(arena.voters)}")]
    if arena.win_rate is not None:
        rate = arena.win_rate
        facts.append(("win rate", f"{_share(rate.rate)}, exact sign test p = {rate.sign_test_p:.2g}"))
    facts.append(("both bad", percent(arena.both_bad_share)))
    if arena.side_bias is not None:
        facts.append(("side bias", f"{figures.signed(arena.side_bias, 2)} (1 always left)"))
    if arena.agreement is not None:
        kappas = (("Cohen's", arena.agreement.cohen_kappa), ("Fleiss'", arena.agreement.fleiss_kappa))
        said = ", ".join(f"{name} kappa {kappa:.2f}" for name, kappa in kappas if kappa is not None)
        facts.append(("agreement of people", said or "no prompt in common"))
    for voter in arena.voters:
        if voter.self_consistency is not None:
            repeated = f"{percent(voter.self_consistency)} of {voter.repeats} repeats"
            facts.append((f"{voter.name} repeats themselves", repeated))
    facts += [(f"{item.model} beats an average model", _share(item.chance)) for item in arena.strengths]
    return facts


def _share(rate: Estimate) -> str:
    """A share with its interval, in percent."""
    bounds = figures.interval(Bounds(low=rate.low, high=rate.high), percent)
    return f"{percent(rate.value)} {bounds or '(too few for an interval)'}"


def grade_difference(grades: Grades) -> str:
    """Tuned minus base with its 95 % interval; a dash where only one side was graded."""
    found = grades.difference
    if found is None:
        return "–"
    ends = figures.interval(Bounds(low=found.low, high=found.high), lambda end: figures.figure(end, 2), said="")
    return f"{figures.signed(found.value, 2)} {ends}".rstrip()
