"""Presets: sentences that show a fault, and sentences that look like it."""

import collections
import gzip
import json
import os
from pathlib import Path

import pytest

from sftctl.eval.presets import shows


@pytest.mark.parametrize(
    ("preset", "answer"),
    [
        ("apology", "I'm sorry, but the fee is 5."),
        ("apology", "I’m so sorry for the trouble."),
        ("apology", "We sincerely apologise for this."),
        ("apology", "My apologies! The fee is 5."),
        ("apology", "Unfortunately, I have no such figure."),
        ("apology", "Thanks. Sorry, but no."),
        ("apology", "Es tut mir leid, das weiß ich nicht."),
        ("apology", "Leider kostet die Karte 8 Kronen."),
        ("apology", "非常抱歉,年费是8元。"),
        ("refusal", "Je ne suis pas en mesure d’aider."),
        ("refusal", "I can't help with that."),
        ("refusal", "I’m unable to provide this."),
        ("disclaimer", "This is not financial advice."),
        ("disclaimer", "Please consult a lawyer first."),
        ("as_an_ai", "As an AI language model, I have no body."),
        ("as_an_ai", "I'm just an AI."),
        ("template_marker", "Sure.<|im_end|>"),
        ("template_marker", "5\n### Response: 5"),
        ("template_marker", "5<｜User｜>and 6?"),
        ("loop", "we will check it and " * 5),
        ("loop", "no no no no no no no no"),
        ("prompt_echo", "What is the fee? The fee is 5."),
    ],
)
def test_preset_finds_the_fault(preset, answer):
    assert shows(preset, answer, "What is the fee?")


@pytest.mark.parametrize(
    ("preset", "answer"),
    [
        ("apology", "I'm sorry to hear about your dog."),
        ("apology", "Write: " + "x" * 200 + " I apologize."),
        ("apology", "The poet regrets it, unfortunately for him."),
        ("apology", "Die Karte ist leider gesperrt worden, weil sie verloren ging."),
        ("refusal", "You can't lose: it is free."),
        ("as_an_ai", "An AI can help as an assistant."),
        ("template_marker", "If a < b | c > d, stop. The user: nobody"),
        ("loop", "one two three four five six seven eight"),
        ("loop", "ha ha ha, yes"),
        ("prompt_echo", "The fee is 5."),
    ],
)
def test_preset_lets_good_answers_be(preset, answer):
    assert not shows(preset, answer, "What is the fee?")


@pytest.mark.skipif("SFTCTL_TEST_DATA" not in os.environ, reason="needs SFTCTL_TEST_DATA")
def test_apology_rates_of_real_models():
    answers = collections.defaultdict(list)
    path = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "sft" / "alpaca_eval_answers.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            answers[row["generator"]].append(shows("apology", row["output"], row["instruction"]))
    rates = {model: sum(shown) / len(shown) for model, shown in answers.items()}
    assert rates["claude-2.1_verbose"] == pytest.approx(0.16, abs=0.01)
    assert rates["gpt4"] <= 0.005
    assert rates["text_davinci_003"] <= 0.005
