"""How close an answer is to its reference: exact match, F1, chrF and ROUGE-L, as their own programs compute them."""

import re
import string
from collections import Counter
from collections.abc import Sequence

from sftctl.pattern import Pattern

_ARTICLES = Pattern(r"\b(?:a|an|the)\b")
_CHRF_ORDER = 6
_CHRF_BETA = 2.0


def words_of(text: str) -> list[str]:
    """Lower-case runs of letters, digits and underscores."""
    return re.findall(r"\w+", text.lower())


def normalised(text: str) -> str:
    """Lower case, without punctuation, articles and extra space (Rajpurkar et al. 2016)."""
    bare = "".join(character for character in text.lower() if character not in string.punctuation)
    return " ".join(_ARTICLES.sub(" ", bare).split())


def exact_match(answer: str, reference: str) -> float:
    """1 where both are equal once normalised."""
    return float(normalised(answer) == normalised(reference))


def f1(answer: str, reference: str) -> float:
    """Harmonic mean of word precision and recall, once normalised (Rajpurkar et al. 2016)."""
    said, wanted = normalised(answer).split(), normalised(reference).split()
    if not said or not wanted:
        return float(said == wanted)  # 1 for two empty texts, as SQuAD's program has it
    return _harmonic((Counter(said) & Counter(wanted)).total(), len(said), len(wanted))


def rouge_l(answer: str, reference: str) -> float:
    """ROUGE-L F-measure (Lin 2004) on runs of [a-z0-9], without stemming."""
    said, wanted = (re.findall(r"[a-z0-9]+", text.lower()) for text in (answer, reference))
    if not said or not wanted:
        return 0.0
    return _harmonic(_common_subsequence(said, wanted), len(said), len(wanted))


def chrf(answer: str, reference: str) -> float:
    """chrF2 (Popovic 2015) in 0..1: character 1- to 6-grams without white space, beta 2."""
    said, wanted = "".join(answer.split()), "".join(reference.split())
    precision = recall = 0.0
    orders = 0
    for size in range(1, _CHRF_ORDER + 1):
        hypothesis, target = _grams(said, size), _grams(wanted, size)
        if not hypothesis or not target:
            continue
        matched = (hypothesis & target).total()
        precision += matched / hypothesis.total()
        recall += matched / target.total()
        orders += 1
    if not orders:
        return 0.0
    precision, recall = precision / orders, recall / orders
    factor = _CHRF_BETA**2
    if precision + recall == 0:
        return 0.0
    return (1 + factor) * precision * recall / (factor * precision + recall)


def _grams(text: str, size: int) -> Counter[str]:
    return Counter(text[start : start + size] for start in range(len(text) - size + 1))


def _harmonic(common: int, said: int, wanted: int) -> float:
    precision, recall = common / said, common / wanted
    return 2 * precision * recall / (precision + recall) if common else 0.0


def _common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence, by bit-parallel rows (Hyyro 2004)."""
    where: dict[str, int] = {}
    for position, word in enumerate(left):
        where[word] = where.get(word, 0) | 1 << position
    row = ones = (1 << len(left)) - 1
    for word in right:
        shared = row & where.get(word, 0)
        row = ((row + shared) | (row - shared)) & ones
    return len(left) - row.bit_count()
