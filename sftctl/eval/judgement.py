"""What the judge's figures say about the next step."""

from sftctl.eval.judge.result import JudgeResult


def loses_to_reference(result: JudgeResult | None) -> str | None:
    """The sentence that says so, where the tuned model's answers lose to the reference beyond chance."""
    if result is None or result.against != "reference":
        return None
    rate = result.win_rate.rate
    if rate.high is None or rate.high >= 0.5:
        return None
    return f"judge: win rate {rate.value:.2f} against the reference (95 %: {rate.low:.2f} to {rate.high:.2f})"
