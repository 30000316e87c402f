"""Closeness to a reference: equal to the programs that define it."""

import collections
import gzip
import json
import os
import random
from pathlib import Path

import pytest

from sftctl.eval import text_metrics

PAIRS = [
    ("the cat sat on the mat", "a cat sat on a mat"),
    ("", ""),
    ("word", ""),
    ("", "b"),
    ("abc", "abcd"),
    ("!!", "?"),
    ("Überweisung 5 €", "Ueberweisung: 5 EUR"),
    ("one two three", "three two one"),
]


def _theirs(answer: str, reference: str) -> tuple[float, float, float]:
    sacrebleu = pytest.importorskip("sacrebleu")
    rouge = pytest.importorskip("rouge_score.rouge_scorer")

    class SquadTokenizer:
        def tokenize(self, text: str) -> list[str]:
            return text_metrics.normalised(text).split()

    words = rouge.RougeScorer(["rouge1"], tokenizer=SquadTokenizer()).score(reference, answer)["rouge1"].fmeasure
    longest = rouge.RougeScorer(["rougeL"]).score(reference, answer)["rougeL"].fmeasure
    return words, sacrebleu.CHRF().sentence_score(answer, [reference]).score / 100, longest


def _ours(answer: str, reference: str) -> tuple[float, float, float]:
    return (
        text_metrics.f1(answer, reference),
        text_metrics.chrf(answer, reference),
        text_metrics.rouge_l(answer, reference),
    )


@pytest.mark.parametrize(("answer", "reference"), [pair for pair in PAIRS if pair not in (("", ""), ("!!", "?"))])
def test_equal_to_sacrebleu_and_rouge_score(answer, reference):
    assert _ours(answer, reference) == pytest.approx(_theirs(answer, reference), abs=1e-12)


def test_two_empty_texts_agree_in_f1_only():
    # SQuAD's own program says 1 where both are empty; ROUGE and chrF say 0.
    assert _ours("", "") == (1.0, 0.0, 0.0)


@pytest.mark.slow
@pytest.mark.skipif("SFTCTL_TEST_DATA" not in os.environ, reason="needs SFTCTL_TEST_DATA")
def test_equal_to_sacrebleu_and_rouge_score_on_500_real_pairs():
    by_prompt = collections.defaultdict(list)
    path = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "sft" / "alpaca_eval_answers.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            by_prompt[row["instruction"]].append(row["output"][:500])
    rng = random.Random(0)
    pairs = [tuple(rng.sample(answers, 2)) for answers in by_prompt.values()][:500]
    assert len(pairs) == 500
    for answer, reference in pairs:
        assert _ours(answer, reference) == pytest.approx(_theirs(answer, reference), abs=1e-12)
