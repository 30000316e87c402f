"""Every contest to the judge in both orders, with canaries and a self-test among them: verdicts -> JudgeResult."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sftctl.errors import EnvironmentProblem
from sftctl.eval.judge.asking import Request, ask_all
from sftctl.eval.judge.canaries import CanaryName, Trap, traps
from sftctl.eval.judge.config import JudgeConfig
from sftctl.eval.judge.contest import Contest, Contests
from sftctl.eval.judge.grading import Graded, answers_to_grade, ask_for_grade, grade_figures, read_grade
from sftctl.eval.judge.length_control import length_controlled_rate
from sftctl.eval.judge.pairwise import (
    ORDERS,
    Order,
    Pairing,
    ask_for_verdict,
    nonce_of,
    read_verdict,
    reason_of,
    score_for_tuned,
)
from sftctl.eval.judge.reply import JudgeReply, NoReply
from sftctl.eval.judge.result import Canary, Cost, Example, Grades, JudgeResult, Reliability, SelfTest, Winner
from sftctl.eval.judge.trust import agreement_with_humans, warnings_of
from sftctl.eval.judge.win_rate import PromptVerdicts, bounded, reliability, win_rate
from sftctl.run_dir import RunDir
from sftctl.units import percent

_CHECKED_PROMPTS = 5
"""Prompts whose answers become canaries and meet themselves: 30 requests, whatever the size of the run."""

_EXAMPLES = 5

Outcome = JudgeReply | NoReply


@dataclass(frozen=True)
class Judged:
    """The figures, and the verdicts on each contest in its order."""

    result: JudgeResult
    verdicts: list[PromptVerdicts]

    def winners(self, contests: Contests) -> dict[str, Winner]:
        """Who won each prompt that has verdicts in both orders."""
        scored = zip(contests.items, self.verdicts, strict=True)
        return {contest.task.id: _winner(pair.score) for contest, pair in scored if pair.score is not None}


@dataclass(frozen=True)
class _Docket:
    """All questions of a run in one list, so that they share one budget."""

    shown: list[tuple[str, Contest, Order]]
    traps: list[Trap]
    graded: list[Graded]


def judge_contests(
    config: JudgeConfig,
    contests: Contests,
    run_dir: RunDir,
    seed: int,
    votes: Mapping[str, Sequence[Winner]],
) -> Judged:
    """`votes` are people's, by prompt. Raises EnvironmentProblem where the judge is no use, UsageError at the cap."""
    docket = _docket(contests, config, seed)
    asked = ask_all(config, _requests(docket, seed), run_dir.judgements, random.Random(seed))
    heard = _heard(docket, asked.replies, 2 * len(contests.items))
    whole = any(pair.score is not None for pair in heard.verdicts)
    if not whole or heard.reliability.unparsed_share > config.max_unparsed_share:
        raise EnvironmentProblem(_unreadable(config, run_dir, heard.reliability))
    result = _result(config, contests, heard, asked.cost, seed)
    judged = Judged(result, heard.verdicts)
    agreement = agreement_with_humans(judged.winners(contests), votes)
    return Judged(result.model_copy(update={"human_agreement": agreement}), heard.verdicts)


@dataclass(frozen=True)
class _Heard:
    """The replies, cut apart as the docket was put together; `replies` are those on the contests."""

    replies: Sequence[Outcome]
    verdicts: list[PromptVerdicts]
    reliability: Reliability
    self_test: SelfTest
    canaries: tuple[Canary, ...]
    grades: tuple[Grades, ...]


def _heard(docket: _Docket, replies: Sequence[Outcome], contests: int) -> _Heard:
    pairs, set_traps = len(docket.shown), len(docket.traps)
    on_contests = replies[:contests]
    verdicts = _by_prompt(on_contests)
    refused, interrupted = on_contests.count(NoReply("refused")), on_contests.count(NoReply("interrupted"))
    return _Heard(
        replies=on_contests,
        verdicts=verdicts,
        reliability=reliability(verdicts, refused=refused, interrupted=interrupted),
        self_test=_self_test(_by_prompt(replies[contests:pairs])),
        canaries=_canaries(docket.traps, replies[pairs : pairs + set_traps]),
        grades=_grades(docket.graded, replies[pairs + set_traps :]),
    )


def _docket(contests: Contests, config: JudgeConfig, seed: int) -> _Docket:
    chosen = random.Random(seed).sample(contests.items, min(_CHECKED_PROMPTS, len(contests.items)))
    themselves = [Contest(contest.task, contest.tuned, contest.tuned) for contest in chosen]
    shown = [("pair", contest, order) for contest in contests.items for order in ORDERS]
    shown += [("itself", contest, order) for contest in themselves for order in ORDERS]
    set_traps = [trap for order in ORDERS for trap in traps(chosen, order)]
    return _Docket(shown, set_traps, answers_to_grade(contests) if config.grade else [])


def _requests(docket: _Docket, seed: int) -> list[Request]:
    shown = [*docket.shown, *((trap.name, trap.contest, trap.order) for trap in docket.traps)]
    requests = [_pair_request(kind, contest, order, seed) for kind, contest, order in shown]
    for item in docket.graded:
        about = {"kind": "grade", "prompt": item.task.id, "side": item.side, "turn": item.turn + 1}
        nonce = nonce_of(seed, item.task.id, item.side, str(item.turn))
        requests.append(Request(ask_for_grade(item, nonce), about))
    return requests


def _pair_request(kind: str, contest: Contest, order: Order, seed: int) -> Request:
    sides = (contest.tuned, contest.opponent)
    first, second = sides if order == "tuned first" else sides[::-1]
    nonce = nonce_of(seed, kind, contest.task.id, order)
    about = {"kind": kind, "prompt": contest.task.id, "order": order}
    return Request(ask_for_verdict(Pairing(contest.task, first, second), nonce), about)


def _by_prompt(replies: Sequence[Outcome]) -> list[PromptVerdicts]:
    read = [read_verdict(reply.text) for reply in replies]
    return [PromptVerdicts(first, second) for first, second in zip(read[0::2], read[1::2], strict=True)]


def _result(config: JudgeConfig, contests: Contests, heard: _Heard, cost: Cost, seed: int) -> JudgeResult:
    both = zip(contests.items, heard.verdicts, strict=True)
    scored = [(contest, pair.score) for contest, pair in both if pair.score is not None]
    scores = [score for _, score in scored]
    own = [sum(map(len, contest.tuned)) for contest, _ in scored]
    others = [sum(map(len, contest.opponent)) for contest, _ in scored]
    fair = length_controlled_rate(scores, own, others, seed=seed)
    return JudgeResult(
        judge=config.model,
        against=contests.against,
        prompts=contests.origin,
        win_rate=win_rate(scores, seed=seed),
        length_controlled=bounded(fair.rate, fair.interval, len(scores)),
        length_slope=fair.slope,
        reliability=heard.reliability,
        self_test=heard.self_test,
        canaries=heard.canaries,
        grades=heard.grades,
        cost=cost,
        examples=_examples(contests, heard.verdicts, heard.replies),
        warnings=warnings_of(heard.reliability, heard.self_test, heard.canaries),
    )


def _self_test(verdicts: Sequence[PromptVerdicts]) -> SelfTest:
    scores = [score for pair in verdicts for score in pair.scores]
    ties = sum(verdict == "tie" for pair in verdicts for verdict in (pair.tuned_first, pair.tuned_second))
    return SelfTest(win_rate=sum(scores) / len(scores) if scores else 0.5, ties=ties, verdicts=len(scores))


def _canaries(set_traps: Sequence[Trap], replies: Sequence[Outcome]) -> tuple[Canary, ...]:
    names = dict.fromkeys(trap.name for trap in set_traps)
    met = list(zip(set_traps, replies, strict=True))
    return tuple(_canary(name, [(trap.order, reply) for trap, reply in met if trap.name == name]) for name in names)


def _canary(name: CanaryName, met: Sequence[tuple[Order, Outcome]]) -> Canary:
    verdicts = [(order, read_verdict(reply.text)) for order, reply in met]
    scores = [score_for_tuned(verdict, order) for order, verdict in verdicts if verdict is not None]
    refused = sum(reply == NoReply("refused") for _, reply in met)
    return Canary(name=name, fooled=scores.count(1.0), verdicts=len(scores), refused=refused)


def _grades(graded: Sequence[Graded], replies: Sequence[Outcome]) -> tuple[Grades, ...]:
    return grade_figures(graded, [read_grade(reply.text) for reply in replies]) if graded else ()


def _examples(
    contests: Contests, verdicts: Sequence[PromptVerdicts], replies: Sequence[Outcome]
) -> tuple[Example, ...]:
    """Prompts won and lost in both orders, with the reason given where the tuned answer was shown first."""
    found: dict[str, list[Example]] = {"tuned": [], "opponent": []}
    for number, (contest, pair) in enumerate(zip(contests.items, verdicts, strict=True)):
        winner = _winner(pair.score)
        if pair.score in (0.0, 1.0) and len(found[winner]) < _EXAMPLES:
            found[winner].append(_example(contest, winner, reason_of(replies[2 * number].text)))
    return (*found["tuned"], *found["opponent"])


def _example(contest: Contest, winner: Winner, reason: str) -> Example:
    return Example(
        id=contest.task.id,
        winner=winner,
        prompt=contest.task.text,
        tuned="\n\n".join(contest.tuned),
        opponent="\n\n".join(contest.opponent),
        reason=reason,
    )


def _winner(score: float | None) -> Winner:
    if score is None or score == 0.5:
        return "tie"
    return "tuned" if score > 0.5 else "opponent"


def _unreadable(config: JudgeConfig, run_dir: RunDir, trust: Reliability) -> str:
    share, most = percent(trust.unparsed_share), config.max_unparsed_share
    said = f"judge {config.model}: {share} of its replies hold no verdict"
    if trust.unparsed_share > most:
        said += f", more than eval.judge.max_unparsed_share ({percent(most)})."
    else:
        said += ", and no prompt has one in both orders."
    said += f" Read {run_dir.judgements}; then take another judge, or raise eval.judge.max_reply_tokens."
    if not trust.interrupted:
        return said
    return f"{said} {trust.interrupted} were under way when a run was killed: eval.judge.interrupted=resend asks again."
