"""Does the model stop, and do its answers look like the data's?"""

import json
from collections.abc import Callable, Sequence

from sftctl.data.chat_markers import IN_ANSWER
from sftctl.model.generation import Generation
from sftctl.model.scoring import StopRank
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check
from sftctl.smoke_test.snapshot import Prompt
from sftctl.units import percent

_SURE_SHARE = 0.9
_ECHO_CHARACTERS = 24
_MAX_PERIOD, _LOOPS = 24, 4


def stop(evidence: Evidence) -> Check:
    """The stop token's rank at the true end of responses, before and after the steps."""
    name = "output.stop"
    if evidence.after is None or not evidence.before.stop_ranks:
        why = "no row trains a stop token" if evidence.after else "the steps ended in an error"
        return Check(name=name, verdict="skipped", evidence=why)
    before, after = _first_share(evidence.before.stop_ranks), _first_share(evidence.after.stop_ranks)
    text = f"ranked first at {percent(after)} of {len(evidence.after.stop_ranks)} true ends, {percent(before)} before"
    if after >= 0.5 and (after > before or after >= _SURE_SHARE):
        return Check(name=name, verdict="pass", evidence=text)
    if after >= 0.5 and after == before:
        return Check(
            name=name,
            verdict="warn",
            evidence=text,
            advice=f"raise {evidence.key_for_more_steps} to see it rise",
        )
    advice = f"check that the stop token is trained (template.stop_trained), or raise {evidence.key_for_more_steps}"
    return Check(name=name, verdict="fail", evidence=text, advice=advice)


def answers(evidence: Evidence) -> Check:
    """Greedy answers that are empty, loop, echo the prompt or hold a template marker."""
    name = "output.answers"
    prompts = evidence.questions.prompts
    if evidence.after is None or not prompts:
        return Check(name=name, verdict="skipped", evidence="nothing was answered")
    before = [faults_of(answer, prompt) for answer, prompt in zip(evidence.before.answers, prompts, strict=True)]
    after = [faults_of(answer, prompt) for answer, prompt in zip(evidence.after.answers, prompts, strict=True)]
    bad_before, bad_after = (sum(map(bool, faults)) for faults in (before, after))
    stopped = sum(answer.stopped for answer in evidence.after.answers)
    kinds = sorted({fault for faults in after for fault in faults})
    text = (
        f"{stopped} of {len(prompts)} answers end with a stop token; {bad_after} are at fault, {bad_before} before"
        + (f" ({', '.join(kinds)})" if kinds else "")
    )
    if bad_after > len(prompts) / 2 and bad_after > bad_before:
        advice = "read the answers in smoke_test.json; look at the template and the learning rate"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    return Check(name=name, verdict="warn" if bad_after else "pass", evidence=text)


def form(evidence: Evidence) -> Check:
    """Where nearly all references have one form (JSON, a code fence, a single line), so should the answers."""
    name = "output.form"
    prompts = evidence.questions.prompts
    found = next((known for known in _FORMS if prompts and _share(known[1], [p.reference for p in prompts])), None)
    if evidence.after is None or found is None:
        return Check(name=name, verdict="skipped", evidence="the references have no common form")
    title, has_form = found
    # An answer that was cut at max_new_tokens cannot be judged.
    finished = [answer.text for answer in evidence.after.answers if answer.stopped]
    if not finished:
        return Check(name=name, verdict="skipped", evidence=f"references are {title}; no answer was finished")
    kept = sum(has_form(text) for text in finished)
    text = f"references are {title}; so are {kept} of {len(finished)} finished answers"
    if kept < len(finished) / 2:
        advice = "the form is not learned yet: more steps, or rows that show it more plainly"
        return Check(name=name, verdict="warn", evidence=text, advice=advice)
    return Check(name=name, verdict="pass", evidence=text)


def faults_of(answer: Generation, prompt: Prompt) -> list[str]:
    """What is wrong with an answer whatever its content; the reference's own habits are no faults."""
    faults = []
    if not answer.text.strip() and prompt.reference.strip():
        faults.append("empty")
    if not answer.stopped and loops(answer.token_ids):
        faults.append("loop")
    asked = prompt.text.strip()[-_ECHO_CHARACTERS:]
    if len(asked) == _ECHO_CHARACTERS and asked in answer.text and asked not in prompt.reference:
        faults.append("prompt echo")
    if IN_ANSWER.search(answer.text) and not IN_ANSWER.search(prompt.reference):
        faults.append("template marker")
    return faults


def loops(token_ids: Sequence[int]) -> bool:
    """Whether the end is the same run of up to 24 tokens, four times over."""
    for period in range(1, min(_MAX_PERIOD, len(token_ids) // _LOOPS) + 1):
        end = list(token_ids[-period * _LOOPS :])
        if end == end[:period] * _LOOPS:
            return True
    return False


def _first_share(ranks: Sequence[StopRank]) -> float:
    return sum(rank.rank == 1 for rank in ranks) / len(ranks)


def _share(has_form: Callable[[str], bool], texts: Sequence[str]) -> bool:
    return sum(map(has_form, texts)) >= _SURE_SHARE * len(texts)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def _has_fence(text: str) -> bool:
    return text.count("```") >= 2


def _is_one_line(text: str) -> bool:
    return "\n" not in text.strip()


_FORMS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("JSON", _is_json),
    ("fenced code", _has_fence),
    ("one line", _is_one_line),
)
