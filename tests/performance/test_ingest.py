"""Reading costs a small multiple of unpacking and parsing the same lines, compared in one run."""

import gzip
import json
import time

import pytest

from sftctl.data.ingest import ingest
from sftctl.data.source import Source


def seconds(call):
    start = time.process_time()
    call()
    return time.process_time() - start


@pytest.mark.performance
def test_ingest_costs_at_most_four_times_gzip_and_json(test_data):
    path = test_data / "data" / "sft" / "t0.jsonl.gz"

    def parse():
        with gzip.open(path) as file:
            return [json.loads(line) for line in file]

    def read():
        return ingest([Source(name="t0", path=str(path))])

    runs = [(seconds(parse), seconds(read)) for _ in range(4)]
    ratio = min(run[1] for run in runs) / min(run[0] for run in runs)
    print(f"ingest costs {ratio:.2f} times gzip and json")
    assert ratio < 4
