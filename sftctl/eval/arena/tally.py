"""Votes to figures: win rate of tuned against base, agreement, biases, strengths."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from sftctl.eval.arena.agreement import cohen_kappa, fleiss_kappa
from sftctl.eval.arena.ballot import ArenaKey
from sftctl.eval.arena.bradley_terry import Match, strengths
from sftctl.eval.arena.result import Agreement, ArenaResult, Comment, Strength, Voter
from sftctl.eval.arena.votes import Sheet, Vote
from sftctl.eval.judge.result import Winner
from sftctl.eval.judge.win_rate import bounded, win_rate


@dataclass(frozen=True)
class Cast:
    """One vote by names: the model that was preferred, None for a tie or both bad."""

    voter: str
    prompt: str
    models: frozenset[str]
    preferred: str | None
    vote: Vote


def cast_votes(sheets: Sequence[Sheet], key: ArenaKey, *, repeats: bool = False) -> list[Cast]:
    """First showings, or the repeats instead."""
    found = []
    for sheet in sheets:
        for vote in sheet.votes:
            item = key.items[vote.item]
            if (item.repeats is not None) == repeats:
                preferred = {"left": item.left, "right": item.right}.get(vote.choice)
                found.append(Cast(sheet.voter, item.prompt, frozenset((item.left, item.right)), preferred, vote))
    return found


def votes_by_prompt(cast: Sequence[Cast], opponent: str) -> dict[str, list[Winner]]:
    """Votes on tuned against one opponent, in the judge's words."""
    found: dict[str, list[Winner]] = {}
    for each in cast:
        if each.models == {"tuned", opponent}:
            winner: Winner = "tie" if each.preferred is None else "tuned" if each.preferred == "tuned" else "opponent"
            found.setdefault(each.prompt, []).append(winner)
    return found


def tally(empty: ArenaResult, sheets: Sequence[Sheet], key: ArenaKey, *, seed: int) -> ArenaResult:
    """`empty` with what the votes say; as it is without votes."""
    cast = cast_votes(sheets, key)
    if not cast:
        return empty
    scores = _scores(votes_by_prompt(cast, "base"))
    return empty.model_copy(
        update={
            "votes": len(cast),
            "both_bad_share": sum(each.vote.choice == "both_bad" for each in cast) / len(cast),
            "win_rate": win_rate(scores, seed=seed) if scores else None,
            "side_bias": side_bias([each.vote for each in cast]),
            "voters": tuple(_voter(sheet, key) for sheet in sheets),
            "agreement": _agreement(cast, [sheet.voter for sheet in sheets]),
            "strengths": _strengths(cast, key, seed) if len(key.models) > 2 else (),
            "comments": tuple(
                Comment(prompt=each.prompt, voter=each.voter, preferred=each.preferred, text=each.vote.comment)
                for each in cast
                if each.vote.comment.strip()
            ),
        }
    )


def side_bias(votes: Sequence[Vote]) -> float | None:
    """(left - right) / (left + right); None where no side was chosen."""
    left, right = (sum(vote.choice == side for vote in votes) for side in ("left", "right"))
    return (left - right) / (left + right) if left + right else None


def _scores(votes: Mapping[str, Sequence[Winner]]) -> list[float]:
    """One score a prompt: the mean over its voters."""
    worth = {"tuned": 1.0, "tie": 0.5, "opponent": 0.0}
    return [sum(worth[winner] for winner in each) / len(each) for each in votes.values()]


def _voter(sheet: Sheet, key: ArenaKey) -> Voter:
    first = {vote.item: _preferred(vote, key) for vote in sheet.votes}
    again = [(key.items[vote.item].repeats, _preferred(vote, key)) for vote in sheet.votes]
    repeated = [(first[shown], preferred) for shown, preferred in again if shown is not None and shown in first]
    return Voter(
        name=sheet.voter,
        votes=len(sheet.votes),
        repeats=len(repeated),
        self_consistency=sum(a == b for a, b in repeated) / len(repeated) if repeated else None,
        side_bias=side_bias(sheet.votes),
    )


def _preferred(vote: Vote, key: ArenaKey) -> str:
    item = key.items[vote.item]
    return {"left": item.left, "right": item.right}.get(vote.choice, "neither")


def _agreement(cast: Sequence[Cast], voters: Sequence[str]) -> Agreement | None:
    if len(voters) < 2:
        return None
    labels: dict[str, dict[str, str]] = {}
    for each in cast:
        labels.setdefault(each.prompt, {})[each.voter] = each.preferred or "neither"
    kappas = []
    for one, other in combinations(voters, 2):
        shared = [given for given in labels.values() if one in given and other in given]
        if shared:
            kappas.append(cohen_kappa([given[one] for given in shared], [given[other] for given in shared]))
    by_all = [list(given.values()) for given in labels.values() if len(given) == len(voters)]
    return Agreement(
        voters=len(voters),
        prompts=sum(len(given) > 1 for given in labels.values()),
        cohen_kappa=sum(kappas) / len(kappas) if kappas else None,
        fleiss_kappa=fleiss_kappa(by_all) if by_all else None,
    )


def _strengths(cast: Sequence[Cast], key: ArenaKey, seed: int) -> tuple[Strength, ...]:
    outcomes = []
    for each in cast:
        left, right = sorted(each.models)
        score = 0.5 if each.preferred is None else float(each.preferred == left)
        outcomes.append(Match(each.prompt, left, right, score))
    count = len({outcome.prompt for outcome in outcomes})
    rated = strengths(outcomes, key.models, seed=seed)
    return tuple(Strength(model=item.model, chance=bounded(item.chance, item.interval, count)) for item in rated)
