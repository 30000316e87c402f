"""What curation costs beside reading and tokenising the same rows."""

import gzip
import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sentencepiece
from mistral_common.tokens.tokenizers import mistral

from tests.curate.conversations import run_curate

pytestmark = pytest.mark.performance

VOCABULARY_32K = Path(mistral.__file__).parents[2] / "data" / "mistral_instruct_tokenizer_240323.model.v3"


def cpu_of_reading_and_tokenising(path: Path) -> float:
    began = time.process_time()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    texts = [text for row in rows for text in row.values() if isinstance(text, str)]
    sentencepiece.SentencePieceProcessor(model_file=str(VOCABULARY_32K)).encode(texts, num_threads=2)
    return time.process_time() - began


@pytest.mark.parametrize("name", ["t0", "alpaca_eval_answers"])
def test_curate_costs_at_most_two_and_a_half_times_reading_and_tokenising(test_data, tmp_path, name):
    path = test_data / f"data/sft/{name}.jsonl.gz"
    reading = cpu_of_reading_and_tokenising(path)
    began = time.process_time()
    run_curate(tmp_path, sources=[{"name": name.replace("_", "-"), "path": str(path)}], max_dropped_fraction=1)
    curating = time.process_time() - began
    print(f"{name}: curate {curating:.1f} s, reading and tokenising {reading:.1f} s, ratio {curating / reading:.2f}")
    assert curating <= 2.5 * reading


def test_a_hundred_thousand_rows_need_at_most_three_gigabytes(test_data, tmp_path):
    """T0 twice and a bit, the second and third time in letters that make every word another."""
    written = 0
    with (tmp_path / "rows.jsonl").open("w", encoding="utf-8") as out:
        for letters in ("ea", "éá", "èà"):
            table = str.maketrans("ea", letters)
            with gzip.open(test_data / "data/sft/t0.jsonl.gz", "rt", encoding="utf-8") as file:
                for row in map(json.loads, itertools.islice(file, 100_000 - written)):
                    written += 1
                    out.write(json.dumps({**row, "prompt": row["prompt"].translate(table)}) + "\n")
    curate = "import sys; from pathlib import Path; from tests.curate.conversations import run_curate; "
    subprocess.run(
        [sys.executable, "-c", curate + "run_curate(Path(sys.argv[1]), max_dropped_fraction=1)", str(tmp_path)],
        check=True,
        cwd=Path(__file__).parents[2],
    )
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024**2
    print(f"{written:,} rows: {gigabytes:.2f} GB at most")
    assert (written, gigabytes <= 3) == (100_000, True)
