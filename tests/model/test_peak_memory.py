import weakref

import pytest
import torch

from sftctl.model.peak_memory import device_memory_bytes, mark_memory

CPU = torch.device("cpu")


def test_growth_is_counted_from_the_mark_and_an_earlier_peak_is_forgotten():
    earlier = torch.zeros(300 * 2**20, dtype=torch.uint8)
    del earlier
    mark = mark_memory(CPU)
    held = torch.ones(100 * 2**20, dtype=torch.uint8)
    del held
    assert mark.growth_bytes() == pytest.approx(100 * 2**20, rel=0.1)


def test_small_pieces_that_an_earlier_stage_freed_are_not_held_at_the_mark():
    earlier = [bytes(4000) for _ in range(25_000)]
    del earlier[:-1]
    mark = mark_memory(CPU)
    again = [bytes(4000) for _ in range(25_000)]
    assert mark.growth_bytes() == pytest.approx(100e6, rel=0.1)
    assert len(earlier) + len(again) == 25_001


def test_the_machines_memory_is_known():
    assert device_memory_bytes(CPU) > 2**28


def test_a_mark_on_a_gpu_waits_for_no_earlier_stage_and_for_no_first_use(monkeypatch):
    """The allocator's statistics cannot be reset before CUDA is initialised, and a trainer's parts hold each other."""

    class Stage:
        pass

    earlier = Stage()
    earlier.itself = earlier
    left = weakref.ref(earlier)
    done = []

    def reset(device):
        assert "init" in done, "Invalid device argument 0: did you call init?"

    monkeypatch.setattr(torch.cuda, "init", lambda: done.append("init"))
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 30 if left() is None else 130)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda device: 180)
    del earlier
    assert mark_memory(torch.device("cuda")).growth_bytes() == 150
