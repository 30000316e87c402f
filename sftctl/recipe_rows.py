"""The first rows of what a recipe names must be what it says: what is not so is told before anything slow begins."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sftctl import console
from sftctl.curate.config import CurateConfig
from sftctl.data.first_look import MOST_ROWS, FileCheck, FirstLook, Look, look_at, look_at_file, look_at_own_rows
from sftctl.data.read import read_values
from sftctl.errors import DataUnusable
from sftctl.eval.first_look import file_checks
from sftctl.manifest import Stage
from sftctl.recipe import LoadedRecipe
from sftctl.recipe_errors import Problem, recipe_error
from sftctl.recipe_files import misread_problems
from sftctl.stage_inputs import with_builtin_paths
from sftctl.train.config import TrainConfig
from sftctl.units import percent


def look_at_sources(loaded: LoadedRecipe, stages: Sequence[Stage]) -> FirstLook:
    """Raises RecipeError with all that the recipe says wrongly of any source. Empty where these stages read none."""
    if "curate" not in stages or loaded.recipe.curate is None:
        return FirstLook()
    config = with_builtin_paths(loaded.recipe.curate)
    found = look_at(
        config.sources, on_control_tokens=config.on_control_tokens, max_bad_fraction=config.max_bad_fraction
    )
    if found.misread:
        for unusable in found.unusable:
            console.warn(str(unusable))
        raise recipe_error(problem for misread in found.misread for problem in misread_problems(loaded, misread))
    return found


def look_at_files(loaded: LoadedRecipe, stages: Sequence[Stage]) -> None:
    """Raises DataUnusable with all that is wrong with the first rows of files that these stages read later.

    Those of eval are looked at before a training; where eval is not asked for, what is wrong is a warning.
    """
    faults = _faults(loaded, "curate", _curate_checks) if "curate" in stages else []
    faults += _faults(loaded, "train", _train_checks) if "train" in stages else []
    of_eval = _faults(loaded, "eval", file_checks) if "train" in stages else []
    if "eval" in stages:
        faults += of_eval
    elif of_eval:
        console.warn("\n".join(["eval will not be able to read what the recipe names:", *of_eval]))
    if faults:
        count = "a file" if len(faults) == 1 else f"{len(faults)} files"
        raise DataUnusable("\n".join([f"{count} that the recipe names cannot be used", *faults]))


def _faults(loaded: LoadedRecipe, name: str, checks: Callable[[Any], Iterable[FileCheck]]) -> list[str]:
    section = getattr(loaded.recipe, name)
    found = [(check.key, check.fault()) for check in checks(with_builtin_paths(section))] if section else []
    return [
        Problem(fault, *loaded.locate((name, *key), key=False)).describe() for key, fault in found if fault is not None
    ]


def _curate_checks(config: CurateConfig) -> Iterator[FileCheck]:
    if config.hold_out.frozen is not None:
        yield FileCheck(("hold_out", "frozen"), str(config.hold_out.frozen), look_at_own_rows)
    for index, path in enumerate(config.decontaminate.benchmarks):
        read = partial(read_values, most_rows=MOST_ROWS)
        yield FileCheck(("decontaminate", "benchmarks", index), str(path), read)


def _train_checks(config: TrainConfig) -> Iterator[FileCheck]:
    for key, path in (("rows", config.rows), ("held_out", config.held_out)):
        if path is not None:
            yield FileCheck((key,), str(path), look_at_file)


def refuse_unusable_rows(found: FirstLook, max_bad_fraction: float) -> None:
    """Raises DataUnusable with every source that is seen to be unusable.

    Warns where a source's first rows have more bad ones among them than the recipe allows in all, or lack a column.
    """
    for look in found.looks:
        for doubt in look.doubts:
            console.warn(f"source {look.source}, of its first {look.rows} rows: {doubt}")
        bad = look.rows - look.usable
        if bad > max_bad_fraction * look.rows:
            console.warn(
                f"source {look.source}: {bad} of its first {look.rows} rows cannot be used, and "
                f"curate.max_bad_fraction allows {percent(max_bad_fraction)} of all: {look.first_bad}"
            )
    if found.unusable:
        raise DataUnusable("\n".join(str(each) for each in found.unusable))


def tell(found: FirstLook, max_bad_fraction: float) -> list[Mapping[str, Any]]:
    """A line for each source, a verdict on a bad row, and the same for a JSON document. Raises DataUnusable."""
    for look in found.looks:
        console.say(f"  {look.source}: {_in_short(look)}")
        if look.first_bad and look.rows - look.usable <= max_bad_fraction * look.rows:
            console.say(f"    {look.first_bad}")
    refuse_unusable_rows(found, max_bad_fraction)
    return [_document(look) for look in found.looks]


def _in_short(look: Look) -> str:
    if look.not_yet or look.found is None:
        return f"looked at when it is read ({look.not_yet})"
    return f"{look.found}; {look.usable} of the first {look.rows} rows can be used"


def _document(look: Look) -> Mapping[str, Any]:
    return {
        "source": look.source,
        "format": look.found and look.found.format,
        "columns": list(look.found.columns) if look.found else [],
        "rows_looked_at": look.rows,
        "usable": look.usable,
        "first_bad": look.first_bad,
        "not_looked_at_because": look.not_yet,
    }
