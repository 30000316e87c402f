"""What a reader sees first: better or not, forgotten or not, the cost, what to do; and the figures behind it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from sftctl.eval.result import EvalResult
from sftctl.eval.verdicts import worst
from sftctl.manifest import Stage, StageRecord
from sftctl.report import figures
from sftctl.report.results import Results
from sftctl.report.standing import warnings
from sftctl.smoke_test.result import SmokeTestResult
from sftctl.units import dollars, duration, percent


@dataclass(frozen=True)
class Banner:
    """The verdict in a few words; `lines` are labelled sentences, `evidence` is what the advice rests on."""

    name: str
    tone: str
    verdict: str
    headline: str
    lines: tuple[tuple[str, str], ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tile:
    """One key figure; `before` is the base's."""

    label: str
    before: str
    after: str
    note: str
    tone: str = ""


def banner(results: Results, name: str) -> Banner:
    """Eval's verdict, or how far the run has come, behind what has failed since and what is out of date."""
    last = _last_result(results, name)
    first = tuple(warnings(results))
    if not first:
        return last
    verdict = last.verdict
    if results.eval is not None and "eval" in results.out_of_date:
        verdict += " (out of date)"
    tone = "bad" if last.tone == "bad" else "warn"
    return replace(last, tone=tone, verdict=verdict, lines=(*first, *last.lines))


def _last_result(results: Results, name: str) -> Banner:
    cost = (("cost", cost_in_short(results)),) if results.manifest.stages else ()
    if results.eval is not None:
        result = results.eval
        advice = ("to do", result.next_step.advice)
        return Banner(
            name,
            figures.tone(result.verdict),
            result.verdict,
            _headline(result),
            (*result.story.items(), *cost, advice),
            result.next_step.evidence,
        )
    if results.train is not None:
        kept = f"Weights of step {results.train.chosen_step} are saved."
        return Banner(name, "", "Trained, not evaluated yet", kept, cost)
    if results.smoke_test is not None:
        return _smoke_test_banner(results.smoke_test, name, cost)
    if results.curate is not None:
        count = figures.thousands(results.curate.training_rows)
        return Banner(name, "", "Data curated", f"{count} rows are ready to train on.", cost)
    return Banner(name, "", "Nothing has run yet", "Run `sftctl run` with this recipe.")


def _headline(result: EvalResult) -> str:
    """Which gates decide, and how many of all these are."""
    named = result.headline.removeprefix(f"{result.verdict}: ")
    deciding = sum(gate.verdict == result.verdict for gate in result.gates)
    return named if deciding == len(result.gates) else f"{deciding} of {len(result.gates)} gates: {named}"


def _smoke_test_banner(result: SmokeTestResult, name: str, cost: tuple[tuple[str, str], ...]) -> Banner:
    if result.passed:
        of = f" of {result.steps + result.steps_not_reached}" if result.steps_not_reached else ""
        headline = f"{len(result.checks)} checks on {result.steps}{of} real steps."
        return Banner(name, "good", "Smoke test passed", headline, cost)
    failed = tuple((check.name, check.in_words) for check in result.failed)
    headline = f"{len(failed)} of {len(result.checks)} checks failed."
    return Banner(name, "bad", "Smoke test failed", headline, (*failed, *cost))


def cost_in_short(results: Results) -> str:
    """Time of the stages whose results hold, what their devices cost at the recipe's price, and the judge; its parts.

    Stages that are out of date stand behind, and are not added.
    """
    stages = results.manifest.stages
    current = {stage: record for stage, record in stages.items() if stage not in results.out_of_date}
    older = {stage: record for stage, record in stages.items() if stage in results.out_of_date}
    judge = results.eval.judge.cost.usd if results.eval is not None and results.eval.judge is not None else None
    costs = [record.cost_usd for record in current.values()] + ([judge] if "eval" in current else [])
    known = [cost for cost in costs if cost is not None]
    whole = [dollars(sum(known))] if known else []
    whole.append(duration(sum(record.seconds for record in current.values())))
    told = f"{', '.join(whole)} ({_parts(current, judge)})" if current else "nothing yet with this recipe"
    return told + (f"; out of date and not added: {_parts(older, judge)}" if older else "")


def _parts(stages: Mapping[Stage, StageRecord], judge_usd: float | None) -> str:
    parts = [
        f"{stage} {duration(record.seconds)}" + (f" {dollars(record.cost_usd)}" if record.cost_usd is not None else "")
        for stage, record in stages.items()
    ]
    parts += [f"judge {dollars(judge_usd)}"] if judge_usd is not None and "eval" in stages else []
    return ", ".join(parts)


def tiles(result: EvalResult | None) -> list[Tile]:
    """Base and tuned at a glance: behaviours, losses, benchmarks, each in the colour of its worst gate."""
    return [*_behaviour_tiles(result), *_loss_tiles(result), *_benchmark_tiles(result)] if result else []


def _behaviour_tiles(result: EvalResult) -> Iterator[Tile]:
    for behaviour in result.behaviours:
        if behaviour.tuned is None:
            continue
        base = percent(behaviour.base.value) if behaviour.base else ""
        after = percent(behaviour.tuned.value)
        interval = figures.interval(behaviour.tuned.interval, percent)
        note = f"{figures.thousands(behaviour.tuned.rows)} answers {interval}".rstrip()
        yield Tile(behaviour.id.replace("-", " "), base, after, note, _tone(result, "behaviour", behaviour.id))


def _loss_tiles(result: EvalResult) -> Iterator[Tile]:
    for loss in (loss for loss in result.losses if loss.kind == "role"):
        label = "held-out loss" if loss.group == "domain" else f"{loss.group} loss"
        change = f"{figures.with_interval(loss.difference, 3)} " if loss.difference else ""
        before = "" if loss.base is None else figures.figure(loss.base, 3)
        tone = _tone(result, "general" if loss.group == "general" else "held-out", loss.group)
        yield Tile(label, before, figures.figure(loss.tuned, 3), f"{change}nats per token", tone)


def _benchmark_tiles(result: EvalResult) -> Iterator[Tile]:
    for item in result.benchmarks:
        note = f"{figures.with_interval(item.difference, 1)} points, {figures.thousands(item.items)} items"
        before, after = figures.figure(item.base, 1), figures.figure(item.tuned, 1)
        yield Tile(item.id.replace("-", " "), before, after, note, figures.tone(item.verdict))


def _tone(result: EvalResult, section: str, subject: str) -> str:
    verdicts = [gate.verdict for gate in result.gates if (gate.section, gate.subject) == (section, subject)]
    return figures.tone(worst(verdicts)) if verdicts else ""
