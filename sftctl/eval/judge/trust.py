"""Why a judge's answer may not be trusted, and the gate on its win rate."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

from sftctl.eval.arena.agreement import cohen_kappa
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.result import Canary, Estimate, HumanAgreement, JudgeResult, Reliability, SelfTest, Winner
from sftctl.units import percent

VerdictName = Literal["pass", "weak pass", "inconclusive", "fail"]

MOST_POSITION_BIAS = 0.5
LEAST_SWAP_CONSISTENCY = 0.5
MOST_FOOLED_SHARE = 0.1
MOST_SELF_TEST_GAP = 0.2
MOST_TIES = 0.9
FEW_PROMPTS = 20
"""With fewer prompts a bootstrap interval is too narrow to be believed."""


def warnings_of(reliability: Reliability, self_test: SelfTest, canaries: Sequence[Canary]) -> tuple[str, ...]:
    """One sentence for each reason to doubt the verdicts."""
    found = []
    if abs(reliability.position_bias) > MOST_POSITION_BIAS:
        found.append(
            f"position bias {reliability.position_bias:+.2f}: it names the answer at one place, not the better"
        )
    if reliability.swap_consistency < LEAST_SWAP_CONSISTENCY:
        found.append(f"only {percent(reliability.swap_consistency)} of prompts get the same winner in both orders")
    if reliability.tie_share > MOST_TIES:
        found.append(f"{percent(reliability.tie_share)} of its verdicts are ties")
    if not self_test.verdicts:
        found.append("no verdict on equal answers, so it is not known whether they come out even")
    elif abs(self_test.win_rate - 0.5) > MOST_SELF_TEST_GAP:
        found.append(f"equal answers come out at {percent(self_test.win_rate)}, not at 50 %")
    for canary in canaries:
        # What the server refuses, no real answer can get past either.
        if not canary.verdicts and not canary.refused:
            found.append(f"{canary.name}: no verdict on any, so it is not known whether the judge falls for it")
        if canary.fooled > MOST_FOOLED_SHARE * canary.verdicts:
            found.append(f"{canary.name}: {canary.fooled} of {canary.verdicts} verdicts fell for it")
    return tuple(found)


def gate_of(config: JudgeConfig, result: JudgeResult) -> tuple[VerdictName, str] | None:
    """Verdict and message; None where the recipe sets no limit and nothing speaks against the judge."""
    rate, limit = result.win_rate.rate, config.min_win_rate
    if result.warnings:
        _, said = rate_gate(rate, limit or 0.5, result.against)
        return "inconclusive", f"{said}; not to be trusted: {'; '.join(result.warnings)}"
    if limit is None:
        return None
    verdict, said = rate_gate(rate, limit, result.against)
    fair = result.length_controlled
    if verdict == "pass" and fair.low is not None and fair.low <= limit:
        return "weak pass", f"{said}; at equal length {percent(fair.value)}, from {percent(fair.low)}"
    return verdict, said


def rate_gate(rate: Estimate, limit: float, against: str) -> tuple[VerdictName, str]:
    """A pass needs the whole interval above the limit, a fail has it below; on few prompts a pass is a weak one."""
    low, high = (0.0 if rate.low is None else rate.low), (1.0 if rate.high is None else rate.high)
    interval = f"95 %: {percent(low)} to {percent(high)}"
    said = f"win rate {percent(rate.value)} ({interval}) against {against} on {rate.items} prompts"
    if low > limit:
        return "pass" if rate.items >= FEW_PROMPTS else "weak pass", f"{said}, above {percent(limit)}"
    if high < limit:
        return "fail", f"{said}, below {percent(limit)}"
    return "inconclusive", f"{said}, {percent(limit)} is within"


def majority(votes: Sequence[Winner]) -> Winner:
    """More than half of the votes, else a tie."""
    for winner in ("tuned", "opponent"):
        if 2 * list(votes).count(winner) > len(votes):
            return winner
    return "tie"


def agreement_with_humans(
    winners: Mapping[str, Winner], votes: Mapping[str, Sequence[Winner]]
) -> HumanAgreement | None:
    """On the prompts that both judged; the human figures are over all pairs of voters. None where none is shared."""
    shared = [prompt for prompt in winners if votes.get(prompt)]
    if not shared:
        return None
    judged, voted = [winners[prompt] for prompt in shared], [majority(votes[prompt]) for prompt in shared]
    pairs = [pair for prompt in shared for pair in combinations(votes[prompt], 2)]
    one, other = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    return HumanAgreement(
        prompts=len(shared),
        agreement=_share_equal(judged, voted),
        kappa=cohen_kappa(judged, voted),
        human_agreement=_share_equal(one, other) if pairs else None,
        human_kappa=cohen_kappa(one, other) if pairs else None,
    )


def _share_equal(one: Sequence[Winner], other: Sequence[Winner]) -> float:
    return sum(a == b for a, b in zip(one, other, strict=True)) / len(one)
