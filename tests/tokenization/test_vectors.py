"""The 684 recorded cases on the chat templates that TRL ships (outside the repository)."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trl

from sftctl.tokenization.encode import Encoded, encode_conversation
from sftctl.tokenization.refusal import MaskRefused
from sftctl.tokenization.rows import NOT_TRAINED
from tests.tokenization.kinds import KINDS, tokenizer
from tests.tokenization.oracle import trained_positions

TEMPLATES = Path(trl.__file__).parent / "chat_templates"
Case = dict[str, Any]


def _encode(case: Case, conversations: Case, kind: str, **options: Any) -> Encoded | MaskRefused:
    template = (TEMPLATES / case["template"]).read_text(encoding="utf-8")
    tok = tokenizer(kind, template=template, bos=case["bos"], eos=case["eos"])
    tools = conversations["tools"] if case["tools"] else None
    try:
        encoded = encode_conversation(conversations["conversations"][case["conversation"]], tok, tools=tools, **options)
    except MaskRefused as refusal:
        return refusal
    spans = [(span.start, span.end, span.end) for span in encoded.spans]
    must, may = trained_positions(encoded.text, spans, tok)
    trained = {position for position, label in enumerate(encoded.labels) if label != NOT_TRAINED}
    assert must <= trained <= may, case["id"]
    return encoded


def _check_spans(case: Case, encoded: Encoded) -> None:
    assert [span.message for span in encoded.spans] == [span["message"] for span in case["spans"]], case["id"]
    for span, expected in zip(encoded.spans, case["spans"], strict=True):
        text = encoded.text[span.start : span.end]
        if case.get("dated", True):
            assert text == expected["text"], case["id"]
            continue
        assert span.start == expected["start"], case["id"]
        assert expected["end"] <= span.end <= expected["may_end"], case["id"]
        assert span.has_eot == expected["has_eot"], case["id"]
        assert span.diverges == expected["gen_prompt_diverges"], case["id"]


def _verdict(case: Case, conversations: Case, kind: str) -> str:
    """exact or refused; anything wrong fails at once."""
    encoded = _encode(case, conversations, kind)
    if case["outcome"] == "missing_eot":
        assert isinstance(encoded, MaskRefused), case["id"]
        assert encoded.reason == "missing_eot", case["id"]
        encoded = _encode(case, conversations, kind, allow_missing_eot=True)
    if isinstance(encoded, MaskRefused):
        return "refused"
    assert case["outcome"] not in ("must_refuse", "template_error"), case["id"]
    if case["outcome"] != "unverified":
        _check_spans(case, encoded)
    return "exact"


def _verdicts(folder: Path, kind: str) -> Counter[tuple[str, str]]:
    conversations = json.loads((folder / "masking" / "conversations.json").read_text(encoding="utf-8"))
    lines = (folder / "masking" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(line) for line in lines]
    return Counter((case["outcome"], _verdict(case, conversations, kind)) for case in cases)


EXPECTED = {
    ("exact", "exact"): 603,
    ("missing_eot", "exact"): 15,
    ("must_refuse", "refused"): 5,
    ("template_error", "refused"): 16,
    ("refuse_or_exact", "exact"): 14,
    ("refuse_or_exact", "refused"): 13,
    ("unverified", "exact"): 4,
    ("unverified", "refused"): 14,
}


def test_every_recorded_case_is_exact_or_refused_as_it_must_be(test_data: Path) -> None:
    assert _verdicts(test_data, KINDS[0]) == EXPECTED


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS[1:])
def test_the_recorded_verdicts_hold_for_every_kind_of_tokenizer(test_data: Path, kind: str) -> None:
    assert _verdicts(test_data, kind) == EXPECTED
