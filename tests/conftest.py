"""What all tests share: goldens, and the folder of real data."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Before torch is imported: workers, and the commands that tests start, run one thread each.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Modules make a million objects and drop none: no search for garbage while they load, and none among them later.
gc.disable()


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write the goldens anew; then read the diff")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Compare a text with a file of the repository, or write it there with --update-golden."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text

    return compare


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data outside the repository; the test is skipped without it."""
    folder = os.environ.get("SFTCTL_TEST_DATA")
    if not folder:
        pytest.skip("SFTCTL_TEST_DATA does not name a folder of real data")
    return Path(folder)
