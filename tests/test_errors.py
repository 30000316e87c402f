from sftctl import errors
from sftctl.errors import ExitCode, SftctlError, told


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


def test_what_may_not_be_opened_is_no_bug():
    ending = told(PermissionError(13, "Permission denied", "rows/state.json"))
    message = "rows/state.json: permission denied. Change its permissions, or name another."
    assert (ending.exit_code, ending.message) == (ExitCode.STORAGE, message)
