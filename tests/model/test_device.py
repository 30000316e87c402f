"""How many CPU threads a small model gets."""

import pytest
import torch

from sftctl.model.config import ModelConfig
from sftctl.model.device import spare_threads
from sftctl.model.loading import load_model

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _two_threads(monkeypatch):
    """As torch begins on two cores; put back afterwards."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_a_model_below_five_million_weights_gets_one_thread_on_a_cpu():
    spare_threads(CPU, 4_999_999)
    assert torch.get_num_threads() == 1


def test_a_larger_model_keeps_them_all():
    spare_threads(CPU, 5_000_000)
    assert torch.get_num_threads() == 2


def test_a_model_on_a_gpu_keeps_them_all():
    spare_threads(torch.device("cuda"), 541_536)
    assert torch.get_num_threads() == 2


def test_what_the_user_says_goes_before(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    spare_threads(CPU, 541_536)
    assert torch.get_num_threads() == 2


def test_loading_the_built_in_model_leaves_one():
    load_model(ModelConfig(path="builtin:tiny", device="cpu"))
    assert torch.get_num_threads() == 1
