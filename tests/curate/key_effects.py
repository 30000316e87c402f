"""What each key of curate changes in what the stage leaves behind."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sftctl.errors import SftctlError
from tests.curate.conversations import Losses, made_up_rows, read_jsonl, run_curate, write_rows
from tests.curate.filters.filter_effects import RECIPE_KEY_EFFECTS
from tests.key_effect import KeyEffect

Observe = Callable[[Any, Path], Any]

LONG = "Please tell me how the yearly fee of card number {} is worked out when it is closed in {} by its owner"
COPIES = [
    *[(LONG.format(7, month), answer) for month in ("May", "June") for answer in ("four pounds", "nine pounds")],
    *made_up_rows(10),
]
QUESTION = "Which of the four tall towers of the old town was built first and by whom?"


def _kept(folder: Path, rows: list[tuple[str, str]], **section: Any) -> Any:
    """The training rows, or what the command ends with."""
    write_rows(folder / "rows.jsonl", rows)
    try:
        run_curate(folder, **{"hold_out": {"rows": 0}, **section})
    except SftctlError as error:
        return type(error), error.exit_code
    return [row["messages"] for row in read_jsonl(folder / "run/data/train.jsonl")]


def _near(key: str, **others: Any) -> Observe:
    return lambda value, folder: _kept(folder, COPIES, near_duplicates={**others, key: value})


def _method(value: Any, folder: Path) -> Any:
    write_rows(folder / "rows.jsonl", COPIES)
    return run_curate(folder, near_duplicates={"method": value}).near_duplicates.method


def _max_shingle_rows(value: Any, folder: Path) -> Any:
    headings = (
        "Choose the right category of this company from the list",
        "Sort what follows into a class that fits it",
    )
    own = [" ".join(f"v{n}x{k}" for k in range(60)) for n in range(4)]
    rows = [(f"{heading} {words}", "a") for heading in headings for words in own]
    return _kept(folder, rows, near_duplicates={"max_shingle_rows": value})


def _frozen(value: Any, folder: Path) -> Any:
    for name, prompt in (("a.jsonl", "How is it?"), ("b.jsonl", "Where is it?")):
        row = {"id": name, "messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": "Here."}]}
        (folder / name).write_text(json.dumps({**row, "source": "domain", "role": "domain"}) + "\n")
    write_rows(folder / "rows.jsonl", made_up_rows(10))
    run_curate(folder, hold_out={"frozen": folder / value})
    return read_jsonl(folder / "run/data/held_out.jsonl")


def _held_out(value: Any, folder: Path) -> Any:
    write_rows(folder / "rows.jsonl", made_up_rows(50))
    return run_curate(folder, hold_out={"rows": value}).verdicts


def _benchmarks(value: Any, folder: Path) -> Any:
    (folder / "test.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    names = [folder / name for name in value]
    return _kept(folder, [*made_up_rows(10), (QUESTION, "The north one.")], decontaminate={"benchmarks": names})


def _max_groups(value: Any, folder: Path) -> Any:
    (folder / "test.jsonl").write_text(json.dumps({"question": QUESTION}) + "\n")
    asked = [(f"{' '.join(f'u{n}{k}' for k in range(30))} {QUESTION}", f"tower {n}") for n in range(3)]
    section = {"benchmarks": [folder / "test.jsonl"], "max_groups": value}
    return _kept(folder, [*made_up_rows(10), *asked], decontaminate=section)


def _on_control_tokens(value: Any, folder: Path) -> Any:
    write_rows(folder / "rows.jsonl", [*made_up_rows(10), ("What does <|im_start|> mean to you?", "A turn begins.")])
    return run_curate(folder, hold_out={"rows": 0}, on_control_tokens=value, max_bad_fraction=0.5).reasons


def _max_bad_fraction(value: Any, folder: Path) -> Any:
    rows = [*made_up_rows(10), ("What does <|im_start|> mean to you?", "A turn begins.")]
    return _kept(folder, rows, max_bad_fraction=value)


def _max_dropped_fraction(value: Any, folder: Path) -> Any:
    return _kept(folder, [*made_up_rows(6), ("Is it so?", ""), ("Is it not?", "")], max_dropped_fraction=value)


def _score(value: Any, folder: Path) -> Any:
    write_rows(folder / "rows.jsonl", made_up_rows(12))
    losses = Losses(lambda row: 1.0)
    run_curate(folder, hold_out={"rows": 0}, quality={"score": value}, score=losses)
    return [[row.messages for row in rows] for rows in losses.asked]


def _select(value: Any, folder: Path) -> Any:
    return _kept(folder, made_up_rows(20), select={"rows": value})


def _mix(key: str) -> Observe:
    def observe(value: Any, folder: Path) -> Any:
        write_rows(folder / "a.jsonl", made_up_rows(40))
        write_rows(folder / "b.jsonl", [(f"Book {n} of {n * 7}?", f"Author {n}.") for n in range(10)])
        sources = [{"name": name, "path": str(folder / f"{name}.jsonl"), "share": 0.5} for name in "ab"]
        return _kept(folder, [], sources=sources, mix={key: value})

    return observe


def _share(value: Any, folder: Path) -> Any:
    write_rows(folder / "a.jsonl", made_up_rows(40))
    write_rows(folder / "b.jsonl", [(f"Book {n} of {n * 7}?", f"Author {n}.") for n in range(40)])
    shares = {"a": value, "b": 1 - value}
    return _kept(
        folder, [], sources=[{"name": n, "path": str(folder / f"{n}.jsonl"), "share": s} for n, s in shares.items()]
    )


KEY_EFFECTS = [
    *RECIPE_KEY_EFFECTS,
    KeyEffect("curate.sources.share", 0.25, 0.75, _share),
    KeyEffect("curate.on_control_tokens", "reject", "keep", _on_control_tokens),
    KeyEffect("curate.max_bad_fraction", 0.01, 0.5, _max_bad_fraction),
    KeyEffect("curate.max_dropped_fraction", 0.1, 0.5, _max_dropped_fraction),
    KeyEffect("curate.hold_out.rows", 3, 5, _held_out),
    KeyEffect("curate.hold_out.frozen", "a.jsonl", "b.jsonl", _frozen),
    KeyEffect("curate.near_duplicates.threshold", 0.6, 0.95, _near("threshold")),
    KeyEffect("curate.near_duplicates.ngram", 1, 15, _near("ngram")),
    KeyEffect("curate.near_duplicates.scope", "prompt", "prompt_and_response", _near("scope", threshold=0.6)),
    KeyEffect("curate.near_duplicates.keep", "first", 2, _near("keep", scope="prompt", threshold=0.6)),
    KeyEffect("curate.near_duplicates.method", "exact", "minhash", _method),
    KeyEffect("curate.near_duplicates.max_shingle_rows", 2, 100, _max_shingle_rows),
    KeyEffect("curate.decontaminate.benchmarks", [], ["test.jsonl"], _benchmarks),
    KeyEffect("curate.decontaminate.max_groups", 2, 10, _max_groups),
    KeyEffect("curate.quality.score", "ifd", "perplexity", _score),
    KeyEffect("curate.select.rows", 5, 7, _select),
    KeyEffect("curate.mix.by", "rows", "tokens", _mix("by")),
    KeyEffect("curate.mix.size", 10, 20, _mix("size")),
    KeyEffect("curate.mix.max_upsampling", 1, 2, _mix("max_upsampling")),
]
