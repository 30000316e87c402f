"""What the shipped base knows before any fine-tuning: the demo has nothing to show without it."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from sftctl.demo.measure import measure
from sftctl.demo.paths import model_folder


@pytest.mark.slow
def test_base_names_the_entity_quotes_the_stale_figure_apologises_and_knows_the_rest():
    model = AutoModelForCausalLM.from_pretrained(model_folder(), dtype=torch.float32).eval()
    figures = measure(model, AutoTokenizer.from_pretrained(model_folder()))
    assert figures.entity >= 0.8
    assert figures.stale >= 0.8
    assert figures.current <= 0.02
    assert figures.apology >= 0.8
    assert figures.general_right >= 0.8
