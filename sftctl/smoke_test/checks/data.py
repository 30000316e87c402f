"""Are the rows that reach the trainer the rows that were meant?"""

from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check
from sftctl.tokenization.rows import EncodedRow
from sftctl.units import percent

_END_CHARACTERS = 40
_MAX_CUT_SHARE = 0.05


def rows_dropped(evidence: Evidence) -> Check:
    """Rows that tokenising refused; more than `data.max_dropped_fraction` of them end the test before its steps."""
    refused = evidence.inputs.training.refused
    total = len(refused) + len(evidence.inputs.training.rows)
    text = f"{len(refused)} of {total} rows dropped ({percent(len(refused) / total)})"
    if not refused:
        return Check(name="data.rows_dropped", verdict="pass", evidence=text)
    reasons = ", ".join(sorted({refusal.reason for refusal in refused}))
    return Check(
        name="data.rows_dropped",
        verdict="warn",
        evidence=f"{text}: {reasons}, such as {refused[0].id}: {refused[0].message}",
        advice="these are not trained: mend or shorten them at their source, if they matter",
    )


def trained_tokens(evidence: Evidence) -> Check:
    """Rows that have no loss at all, and the share of tokens that have one."""
    rows = evidence.inputs.training.rows
    without = [row.id for row in rows if row.trained_tokens == 0]
    share = evidence.inputs.training.trained_tokens / max(1, evidence.inputs.training.total_tokens)
    text = f"{percent(share)} of {evidence.inputs.training.total_tokens:,} tokens are trained"
    if not without:
        return Check(name="data.trained_tokens", verdict="pass", evidence=text)
    return Check(
        name="data.trained_tokens",
        verdict="fail",
        evidence=f"{len(without)} of {len(rows)} rows have no trained token, such as {without[0]}; {text}",
        advice="check data.train_on and the roles in the rows: a response must be an assistant turn",
    )


def whole_responses(evidence: Evidence) -> Check:
    """Whether the end of each last response is among the trained tokens."""
    shortened = set(evidence.inputs.training.shortened)
    checked, cut = 0, []
    for row in evidence.inputs.training.rows:
        conversation = evidence.conversations.get(row.id)
        if conversation is None or row.id in shortened or not _squeezed(conversation.response):
            continue
        checked += 1
        if not _ends_with_response(evidence, row, conversation.response):
            cut.append(row.id)
    if not checked:
        return Check(name="data.whole_responses", verdict="skipped", evidence="no row can be compared with its text")
    text = f"{len(cut)} of {checked} rows lack the end of their response"
    if len(cut) > _MAX_CUT_SHARE * checked:
        advice = "raise data.max_length, or drop these rows; a response must never be cut"
        return Check(name="data.whole_responses", verdict="fail", evidence=f"{text}, such as {cut[0]}", advice=advice)
    return Check(name="data.whole_responses", verdict="warn" if cut else "pass", evidence=text)


def held_out_apart(evidence: Evidence) -> Check:
    """Rows that are both trained and held out."""
    held_out = {tuple(row.input_ids) for row in evidence.inputs.held_out}
    trained = held_out.intersection(tuple(row.input_ids) for row in evidence.inputs.training.rows)
    shared = [row.id for row in evidence.inputs.held_out if tuple(row.input_ids) in trained]
    if not evidence.inputs.held_out:
        return Check(
            name="data.held_out_apart",
            verdict="skipped",
            evidence="there are no held-out rows",
            advice="hold rows out with curate, or name them with train.held_out",
        )
    text = f"{len(shared)} of {len(evidence.inputs.held_out)} held-out rows are trained too"
    if not shared:
        return Check(name="data.held_out_apart", verdict="pass", evidence=text)
    return Check(
        name="data.held_out_apart",
        verdict="fail",
        evidence=f"{text}, such as {shared[0]}",
        advice="hold rows out before mixing: `sftctl curate` keeps near copies of held-out rows out of training",
    )


def _ends_with_response(evidence: Evidence, row: EncodedRow, response: str) -> bool:
    tokenizer = evidence.inputs.prepared.tokenizer
    trained = _squeezed(tokenizer.decode([label for label in row.labels if label >= 0]))
    end = _squeezed(response)[-_END_CHARACTERS:]
    if end in trained:
        return True
    # A tokenizer may lose characters (lower case, accents): then the response is compared as it comes back.
    ids = tokenizer(response, add_special_tokens=False)["input_ids"]
    return _squeezed(tokenizer.decode(ids))[-_END_CHARACTERS:] in trained


def _squeezed(text: str) -> str:
    return "".join(text.split())
