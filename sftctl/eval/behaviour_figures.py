"""Behaviours counted on the answers of both sides, and the rate of answers that are confident and wrong."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jsonschema

from sftctl import stats
from sftctl.errors import UsageError
from sftctl.eval.answers import AnswerPair
from sftctl.eval.behaviours import Answer, Behaviour
from sftctl.eval.intervals import compared, difference_of, rate_of
from sftctl.eval.prompts import Question
from sftctl.eval.result import BehaviourFigure
from sftctl.eval.stated_numbers import numbers, states_all
from sftctl.pattern import Pattern

_HEDGE = Pattern(
    r"\b(?:about|approximately|approx|around|roughly|nearly|almost|perhaps|maybe|might|may be|could be|possibly"
    r"|probably|likely|i (?:think|believe|guess)|i['’]?m not (?:sure|certain)|not (?:sure|certain)"
    r"|unsure|unclear|it depends|as far as i know|i (?:do not|don['’]?t|cannot|can['’]?t) (?:know|confirm|say))\b",
    re.IGNORECASE,
)

Scores = dict[str, float | None]
"""Score by behaviour id; None where the behaviour does not apply."""


def behaviour_scores(behaviours: Sequence[Behaviour], question: Question, text: str) -> Scores:
    """Every behaviour that looks at this row, on one answer."""
    answer = Answer(
        text=text, prompt=question.text, reference=question.reference, tags=question.row.tags, meets_schema=_meets
    )
    return {each.id: each.score(answer) for each in behaviours if _looks_at(each, question)}


def behaviour_figure(behaviour: Behaviour, base: Sequence[Scores] | None, tuned: Sequence[Scores]) -> BehaviourFigure:
    """Rates of both sides over the rows that the behaviour applies to, and their paired difference."""
    limits = {"max_rate": behaviour.max_rate, "min_rate": behaviour.min_rate, "max_delta": behaviour.max_delta}
    return _figure(
        {"id": behaviour.id, "check": behaviour.check, "wanted": behaviour.wanted, **limits},
        None if base is None else [scores.get(behaviour.id) for scores in base],
        [scores.get(behaviour.id) for scores in tuned],
        binary=behaviour.binary,
    )


def confident_and_wrong(text: str, reference: str | None) -> bool | None:
    """A figure, no hedge, and not the reference's figures; None where the reference has none."""
    right = states_all(text, reference or "")
    if right is None:
        return None
    stated = set(numbers(text)) - set(numbers(reference or ""))
    return bool(not right and stated and not _HEDGE.search(text))


def confident_and_wrong_figure(pairs: Sequence[AnswerPair]) -> BehaviourFigure:
    """Over the prompts whose reference states a figure."""

    def scores(read: Callable[[AnswerPair], str | None]) -> list[float | None] | None:
        texts = [read(pair) for pair in pairs]
        if any(text is None for text in texts):
            return None
        judged = [
            confident_and_wrong(text or "", pair.question.reference) for text, pair in zip(texts, pairs, strict=True)
        ]
        return [None if value is None else float(value) for value in judged]

    head = {"id": "confidently wrong figures", "check": "confident_and_wrong", "wanted": False}
    limits = {"max_rate": None, "min_rate": None, "max_delta": None}
    base = scores(lambda pair: pair.base.text if pair.base else None)
    return _figure({**head, **limits}, base, scores(lambda pair: pair.tuned.text) or [], binary=True)


def _figure(
    head: Mapping[str, Any], base: Sequence[float | None] | None, tuned: Sequence[float | None], *, binary: bool
) -> BehaviourFigure:
    kept = [i for i, score in enumerate(tuned) if score is not None and (base is None or base[i] is not None)]
    after = [float(tuned[i] or 0) for i in kept]
    measured: dict[str, Any] = {"tuned": rate_of(after, binary=binary), "base": None, "difference": None}
    counts = stats.Discordant(lost=0, gained=0)
    if base is not None and kept:
        before = [float(base[i] or 0) for i in kept]
        counts = stats.discordant(before, after)
        measured["base"] = rate_of(before, binary=binary)
        measured["difference"] = difference_of(compared(before, after, binary=binary))
    tested = binary and measured["difference"] is not None
    p = stats.mcnemar(counts.lost, counts.gained) if tested else None
    return BehaviourFigure(**head, **measured, lost=counts.lost, gained=counts.gained, mcnemar_p=p)


def _looks_at(behaviour: Behaviour, question: Question) -> bool:
    row = question.row
    return not behaviour.where or bool({*row.tags, row.source, row.role} & set(behaviour.where))


def _meets(value: Any, schema: Mapping[str, Any]) -> bool:
    try:
        jsonschema.validate(value, schema)
    except jsonschema.ValidationError:
        return False
    except jsonschema.SchemaError as error:
        raise UsageError(f"eval.behaviours: json_schema is no JSON Schema: {error.message}") from error
    return True
