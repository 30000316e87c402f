"""Who is preferred: the arena's page and its votes, the judge's verdicts, and the pairs that both leave behind."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from sftctl import console
from sftctl.data.conversation import Conversation
from sftctl.errors import EnvironmentProblem, SftctlError, UsageError
from sftctl.eval.arena.ballot import Entry, make_ballot
from sftctl.eval.arena.config import ArenaConfig
from sftctl.eval.arena.render import arena_page
from sftctl.eval.arena.result import ArenaResult
from sftctl.eval.arena.tally import cast_votes, tally, votes_by_prompt
from sftctl.eval.arena.votes import Sheet, keep, kept, merge, read_sheets
from sftctl.eval.config import EvalConfig
from sftctl.eval.judge.answering import read_answers
from sftctl.eval.judge.client import check_key
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Contests
from sftctl.eval.judge.judging import Judged, judge_contests
from sftctl.eval.judge.preferences import preferences, prompts_of, write_preferences
from sftctl.eval.judge.result import JudgeResult, Winner
from sftctl.eval.judge.tasks import choose_tasks, tasks_of
from sftctl.eval.judge.trust import gate_of, rate_gate
from sftctl.eval.measured import Measured
from sftctl.eval.result import Gate, VerdictName
from sftctl.run_dir import RunDir, write_json, write_text
from sftctl.units import percent


@dataclass(frozen=True)
class Booth:
    """What judge and arena need besides the answers."""

    config: EvalConfig
    run_dir: RunDir
    seed: int
    rows: Sequence[Conversation]
    sheets: Sequence[Sheet]


Votes = dict[str, list[Winner]]


def set_up(config: EvalConfig, run_dir: RunDir, seed: int, rows: Sequence[Conversation], votes: Path | None) -> Booth:
    """Find all that can be wrong before anything is measured: votes, prompts, files of answers, the key.

    Raises UsageError, MissingInput, DataUnusable, EnvironmentProblem.
    """
    if votes is not None and config.arena is None:
        raise UsageError(f"--votes {votes}: the recipe has no eval.arena. Add it, vote on its page, and export.")
    if config.judge is not None:
        check_key(config.judge)
        choose_tasks(config.judge, rows, run_dir, seed)
        if config.judge.against not in ("base", "reference"):
            read_answers(config.judge.against)
    for contender in config.arena.contenders if config.arena is not None else ():
        read_answers(contender.answers)
    return Booth(config, run_dir, seed, rows, read_sheets(votes) if votes is not None else ())


def ask_who_is_preferred(booth: Booth, measured: Measured) -> SftctlError | None:
    """Fill in the arena's and the judge's figures and gates.

    A judge that cannot be used is named as not measured; its error is for the stage to raise once eval.json is written.
    """
    judge, arena, contests = booth.config.judge, booth.config.arena, measured.contests
    votes = _arena(booth, measured, arena) if arena is not None else {}
    if judge is None or contests is None:
        return None
    if not contests.items:
        measured.miss("judge", "no prompt has an answer from both sides")
        return None
    try:
        judged = judge_contests(judge, contests, booth.run_dir, booth.seed, votes if contests.against == "base" else {})
    except (EnvironmentProblem, UsageError) as failure:
        measured.miss("judge", str(failure))
        return failure
    measured.judge = _with_preferences(booth, contests, judged, votes)
    _judge_gate(judge, measured.judge, measured)
    return None


def _arena(booth: Booth, measured: Measured, config: ArenaConfig) -> Votes:
    """Write the page and its key, count the votes; people's votes on tuned against base, by prompt."""
    entries = _entries(measured, config)
    if not entries:
        measured.miss("arena", "no prompt has answers of both base and tuned")
        return {}
    models = ("base", "tuned", *(contender.name for contender in config.contenders))
    ballot = make_ballot(entries, models, repeat_share=config.repeat_share, seed=booth.seed)
    write_text(booth.run_dir.arena, arena_page(ballot))
    write_json(booth.run_dir.arena_key, ballot.key.model_dump(mode="json"))
    sheets = merge(kept(booth.run_dir.votes), booth.sheets, ballot.key)
    if sheets:
        keep(sheets, booth.run_dir.votes)
    empty = ArenaResult(
        arena=ballot.key.arena, page=booth.run_dir.arena.name, comparisons=len(ballot.comparisons), models=models
    )
    measured.arena = tally(empty, sheets, ballot.key, seed=booth.seed)
    _arena_gate(measured.arena, booth, measured, config)
    return votes_by_prompt(cast_votes(sheets, ballot.key), "base")


def _entries(measured: Measured, config: ArenaConfig) -> list[Entry]:
    """The judge's prompts, so that people and judge can be compared; without a judge of the base, eval's answers."""
    contests = measured.contests
    if contests is not None and contests.against == "base":
        entries = [
            Entry(contest.task, {"base": contest.opponent, "tuned": contest.tuned}) for contest in contests.items
        ]
    else:
        entries = [
            Entry(task, {"base": (pair.base.text,), "tuned": (pair.tuned.text,)})
            for pair in measured.pairs
            if pair.base is not None
            for task in tasks_of([pair.question.row])
        ]
    for contender in config.contenders:
        stored = read_answers(contender.answers)
        found = [stored.get(entry.task.id, stored.get(entry.task.turns[0].strip(), ())) for entry in entries]
        entries = [
            replace(entry, answers={**entry.answers, contender.name: texts})
            for entry, texts in zip(entries, found, strict=True)
            if len(texts) == len(entry.task.turns)
        ]
    return entries[: config.prompts]


def _arena_gate(result: ArenaResult, booth: Booth, measured: Measured, config: ArenaConfig) -> None:
    page = booth.run_dir.arena
    if not result.votes:
        console.say(f"arena: send {page} to voters (keep {booth.run_dir.arena_key.name}), then eval --votes FILE")
    if result.win_rate is None:
        if config.min_win_rate is not None:
            measured.miss("arena", f"nobody has voted yet; vote on {page} and run eval with --votes FILE")
        return
    rate = result.win_rate.rate
    if config.min_win_rate is not None:
        verdict, message = rate_gate(rate, config.min_win_rate, "the base")
        measured.failures.append(_gate("arena", "base", config.min_win_rate, verdict, message))
    console.say(f"arena: {result.votes} votes, voters: {len(result.voters)}, win rate of tuned {percent(rate.value)}")


def _judge_gate(config: JudgeConfig, result: JudgeResult, measured: Measured) -> None:
    for warning in result.warnings:
        console.warn(f"judge {console.safe(config.model)}: {warning}")
    if gate := gate_of(config, result):
        measured.failures.append(_gate("judge", result.against, config.min_win_rate, *gate))


def _gate(
    asked: Literal["judge", "arena"], against: str, min_win_rate: float | None, verdict: VerdictName, message: str
) -> Gate:
    return Gate(
        name=f"{asked}: tuned against {against}",
        section=asked,
        subject=against,
        limits={} if min_win_rate is None else {"min_win_rate": min_win_rate},
        verdict=verdict,
        message=message,
    )


def _with_preferences(booth: Booth, contests: Contests, judged: Judged, votes: Votes) -> JudgeResult:
    """A judge that is not to be trusted leaves no pairs of its own; people's votes stay."""
    both = zip(contests.items, judged.verdicts, strict=True)
    scores = {} if judged.result.warnings else {contest.task.id: pair.score for contest, pair in both}
    clear = {prompt: score for prompt, score in scores.items() if score is not None}
    by_people = votes if contests.against == "base" else {}
    if contests.origin == "held_out":
        return judged.result
    found = preferences(contests, clear, by_people, prompts_of(booth.rows))
    write_preferences(found, booth.run_dir.preferences)
    return judged.result.model_copy(update={"preferences": len(found)})
