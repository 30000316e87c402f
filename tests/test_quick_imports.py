"""What is loaded quickly is no burden later, and nothing that was garbage before stays."""

import gc
import weakref

import pytest

from sftctl.quick_imports import quick_imports


class Cycle:
    def __init__(self):
        self.itself = self


@pytest.fixture(autouse=True)
def _as_it_was():
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.enable()


def test_nothing_is_searched_while_modules_load_nor_are_they_searched_later():
    with quick_imports():
        assert not gc.isenabled()
        loaded = Cycle()
    assert gc.isenabled()
    assert not any(each is loaded for each in gc.get_objects())


def test_what_the_stage_before_left_in_cycles_is_freed_first():
    left = weakref.ref(Cycle())
    with quick_imports():
        assert left() is None


def test_a_module_that_cannot_be_loaded_leaves_the_search_on():
    with pytest.raises(ImportError), quick_imports():
        import sftctl.no_such_module  # noqa: F401
    assert gc.isenabled()
