"""Large libraries load faster, and are no burden on the search for garbage afterwards."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def quick_imports() -> Iterator[None]:
    """Modules make half a million objects and drop none: no search among them while they load, nor ever after."""
    gc.collect()  # what the stage before left in cycles would be kept for ever too
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
