"""What the judge's figures say about the next step."""

from sftctl.eval.judge.result import JudgeResult
from sftctl.units import percent


def loses_to_reference(result: JudgeResult | None) -> str | None:
    """The sentence that says so, where the tuned model's answers lose to the reference beyond chance."""
    if result is None or result.against != "reference":
        return None
    rate = result.win_rate.rate
    if rate.high is None or rate.high >= 0.5:
        return None
    interval = f"95 %: {percent(rate.low)} to {percent(rate.high)}"
    return f"judge: win rate {percent(rate.value)} against the reference ({interval})"
