"""Every bad input gets its exact verdict, and every row read is accounted for."""

import json
from pathlib import Path

import pytest

from sftctl.data.ingest import ingest
from sftctl.data.source import Source
from sftctl.errors import DataUnusable, MisreadSource
from tests.data.bad_inputs import BAD_FILES, BAD_ROWS

GOLDEN = Path(__file__).parents[1] / "golden" / "bad_inputs.txt"


def read(bad, **options):
    Path(bad.file).write_bytes(bad.content)
    return ingest([Source(name="pays", path=bad.file)], **options)


def verdict(bad):
    """The verdict on the one bad row; the good rows around it go on, and the rows add up."""
    result = read(bad, max_bad_fraction=0.5)
    assert result.rows_read == len(result.conversations) + 1
    assert [row.place for row in result.rejected] == [(bad.file, result.rejected[0].place.line)]
    return str(result.rejected[0])


def refusal(bad):
    with pytest.raises((DataUnusable, MisreadSource)) as refused:
        read(bad)
    return f"{refused.value} [exit {int(refused.value.exit_code)}]"


def test_every_bad_input_gets_its_exact_verdict(golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(BAD_ROWS) + len(BAD_FILES) >= 40
    verdicts = [f"== {bad.name}\n{verdict(bad)}\n" for bad in BAD_ROWS]
    refusals = [f"== {bad.name}\n{refusal(bad)}\n" for bad in BAD_FILES]
    golden(GOLDEN, "\n".join(verdicts + refusals))


def test_a_bad_row_is_kept_as_it_was_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw = {bad.name: read(bad, max_bad_fraction=0.5).rejected[0].raw for bad in BAD_ROWS}
    assert raw["null field"] == {"prompt": "Which fee?", "completion": None}
    assert raw["malformed line"] == '{"prompt": "Which fee?", "comple\n'
    assert raw["Latin-1"] == '{"prompt": "Geb\N{REPLACEMENT CHARACTER}hr?", "completion": "Keine."}\n'
    assert len(raw["deep nesting"]) == 2000
    json.dumps(list(raw.values()), ensure_ascii=False).encode("utf-8")
