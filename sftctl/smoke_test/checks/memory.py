"""Does it fit, and would one row decide that?"""

from sftctl.errors import OutOfMemory
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check
from sftctl.tokenization.compact import lengths_of
from sftctl.units import data_size, percent

_TIGHT, _FULL = 0.85, 0.95
_OUTLIER = 8
_FEWEST_ROWS = 20


def peak(evidence: Evidence) -> Check:
    """The most that was held, the longest rows included, beside what the device has."""
    name = "memory.peak"
    rehearsal, machine = evidence.rehearsal, evidence.machine
    if isinstance(rehearsal.stopped_by, OutOfMemory):
        return Check(
            name=name, verdict="fail", evidence=str(rehearsal.stopped_by), advice="see the forecast's other ways"
        )
    held = rehearsal.peak_memory_bytes
    text = f"{data_size(held)} at the peak, the longest rows included"
    if machine.device_memory_bytes is None:
        return Check(name=name, verdict="pass", evidence=text)
    share = held / machine.device_memory_bytes
    text = f"{text}; {percent(share)} of {data_size(machine.device_memory_bytes)} ({machine.device_name})"
    if share > _FULL:
        advice = "lower train.micro_batch, set train.gradient_checkpointing=true, or use model.method=lora"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    advice = "little is left: lower train.micro_batch" if share > _TIGHT else ""
    return Check(name=name, verdict="warn" if share > _TIGHT else "pass", evidence=text, advice=advice)


def longest_row(evidence: Evidence) -> Check:
    """One row far longer than all others sets the memory of the whole run."""
    name = "memory.longest_row"
    rows = evidence.inputs.training.rows
    by_row = lengths_of(rows)
    *others, longest = sorted(by_row)
    if len(others) < _FEWEST_ROWS:
        return Check(name=name, verdict="skipped", evidence=f"{len(rows)} rows are too few to call one an outlier")
    usual = others[int(0.99 * (len(others) - 1))]
    text = f"longest row {longest} tokens, 99 % of the others within {usual}"
    if longest < _OUTLIER * usual:
        return Check(name=name, verdict="pass", evidence=text)
    row = rows[by_row.index(longest)]
    advice = f"look at the row {row.id}; set data.max_length={2 * usual} to leave such rows out"
    return Check(name=name, verdict="fail", evidence=text, advice=advice)
