"""A benchmark's rows become items, or are refused with the first reasons."""

from itertools import islice

from sftctl.data.read import read_rows
from sftctl.data.rows import BlankRow, RawRow, UnreadableRow
from sftctl.errors import DataUnusable
from sftctl.eval.benchmarks import Item, Scored

_FIRST_REASONS = 3


def read_items(task: Scored, path: str, split: str, *, most_rows: int | None = None) -> list[Item]:
    """Every row of a benchmark, or of its solved examples, as an item; of the first rows where `most_rows` says so.

    Raises DataUnusable for an empty file or a row that is no item.
    """
    items, problems = [], []
    for row in islice(read_rows(path, split=split, subset=task.subset), most_rows):
        if isinstance(row, BlankRow):
            continue
        try:
            items.append(_item(task, row))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"has no {error}" if isinstance(error, KeyError) else str(error)
            problems.append(f"row {row.line}: {reason}")
    if problems:
        raise DataUnusable(
            f"eval.benchmarks: {task.id}: {path}: {len(problems)} rows are no items of format {task.format}: "
            f"{'; '.join(problems[:_FIRST_REASONS])}. Check format and fields."
        )
    if not items:
        raise DataUnusable(f"eval.benchmarks: {task.id}: {path} has no rows.")
    return items


def _item(task: Scored, row: RawRow | UnreadableRow) -> Item:
    if isinstance(row, UnreadableRow):
        raise ValueError(row.message)
    return task.item(row.value)
