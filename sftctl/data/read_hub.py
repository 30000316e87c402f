"""Data sets on a hub, and folders of data files, through `datasets`: fetched once, then read from its cache."""

from collections.abc import Iterator

import datasets
from datasets.exceptions import DatasetNotFoundError, DatasetsError

from sftctl import console
from sftctl.data.plain_values import plain
from sftctl.data.rows import AnyRow, RawRow
from sftctl.errors import DataUnusable, EnvironmentProblem, UsageError


def read_hub(path: str, *, split: str, subset: str | None, revision: str | None) -> Iterator[AnyRow]:
    """Every row of a split; a row's line is its number from 1."""
    if not console.interactive():
        datasets.disable_progress_bars()
    try:
        rows = datasets.load_dataset(path, subset, split=split, revision=revision)
    except DatasetNotFoundError as problem:
        if "gated" in str(problem):
            advice = "ask for access on its page, then put a token into HF_TOKEN"
            raise EnvironmentProblem(f"{path}: the data set is gated; {advice}") from problem
        raise UsageError(f"{path}: there is no such file, and no such data set on the hub") from problem
    except FileNotFoundError as problem:
        raise UsageError(
            f"{path}: no data files (.jsonl, .json, .csv, .parquet) are found in it. Name a folder with some, or a file"
        ) from problem
    except ConnectionError as problem:
        advice = "download it once with a network, or name a file"
        raise EnvironmentProblem(
            f"{path}: the hub cannot be reached, and the cache does not have it; {advice}"
        ) from problem
    except (ValueError, RuntimeError) as problem:
        # An unknown split or subset, or a data set that needs its own code.
        raise UsageError(f"{path}: {_first_line(problem)}") from problem
    except DatasetsError as problem:
        raise DataUnusable(
            f"{path}: its files cannot be read as rows: {_first_line(problem.__cause__ or problem)}"
        ) from problem
    for number, row in enumerate(rows, start=1):
        yield RawRow(plain(row), number)


def _first_line(problem: BaseException) -> str:
    return str(problem).strip().split("\n", 1)[0]
