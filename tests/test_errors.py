import pytest
import torch

from sftctl import errors
from sftctl.errors import ExitCode, SftctlError, Told, told


def descendants(kind):
    return [kind, *(child for direct in kind.__subclasses__() for child in descendants(direct))]


def test_the_tree_at_the_head_of_the_module_is_the_tree_of_classes():
    drawn = [line.split() for line in errors.__doc__.splitlines() if line.startswith("  ")]
    here = [kind for kind in descendants(SftctlError)[1:] if kind.__module__ == errors.__name__]
    assert [(words[0], int(words[1])) for words in drawn] == [(kind.__name__, int(kind.exit_code)) for kind in here]


def test_the_exit_codes_are_the_documented_ones():
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "GATE_FAILED": 1,
        "USAGE": 2,
        "BUG": 3,
        "DATA_UNUSABLE": 4,
        "OUT_OF_MEMORY": 6,
        "DIVERGED": 7,
        "ENVIRONMENT": 8,
        "RUN_DIR_BUSY": 73,
        "STORAGE": 74,
        "INTERRUPTED": 75,
        "KILLED_BY_SIGINT": 130,
        "KILLED_BY_SIGTERM": 143,
    }


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            PermissionError(13, "Permission denied", "rows/a"),
            "rows/a: permission denied. Mend that, or name another place.",
        ),
        (IsADirectoryError(21, "Is a directory", "run/b"), "run/b: is a directory. Mend that, or name another place."),
        (NotADirectoryError(20, "Not a directory", "c/d"), "c/d: not a directory. Mend that, or name another place."),
    ],
)
def test_what_stands_in_the_way_on_disk_is_no_bug(error, message):
    assert told(error) == Told(ExitCode.STORAGE, type(error).__name__, message)


def test_a_gpu_out_of_memory_is_no_bug():
    assert told(torch.OutOfMemoryError("CUDA out of memory")).exit_code == ExitCode.OUT_OF_MEMORY
