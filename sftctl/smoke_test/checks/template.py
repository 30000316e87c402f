"""Does training show the model what inference will show it?"""

from collections.abc import Sequence

from sftctl import stats
from sftctl.model.scoring import RowLoss, token_weighted
from sftctl.smoke_test.evidence import Evidence
from sftctl.smoke_test.result import Check
from sftctl.tokenization.dataset import encode_prompts
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow

_COMPARED_ROWS = 64
_LAST_TOKENS = 3
_MAX_WITHOUT_STOP = 0.01
_CLEARLY_LESS_SURE_NATS = 0.02


def same_as_inference(evidence: Evidence) -> Check:
    """Whether rows begin with exactly the tokens that inference sends for the same prompt."""
    name = "template.same_as_inference"
    facts = evidence.inputs.training.facts
    rows = _comparable(evidence)
    conversations = [evidence.conversations[row.id] for row in rows]
    prompts = encode_prompts(conversations, evidence.inputs.prepared, evidence.data)
    # The last token of a prompt may merge with the response; every one before it must be the same.
    different = [
        row.id for row, prompt in zip(rows, prompts, strict=True) if row.input_ids[: len(prompt) - 1] != prompt[:-1]
    ]
    if not rows:
        return Check(name=name, verdict="skipped", evidence="plain text: no template is used")
    text = (
        f"{len(rows) - len(different)} of {len(rows)} rows begin as inference does; header {facts.header!r}, "
        f"terminator {facts.terminator!r}; {facts.diverging_turns} of {facts.turns} turns diverge"
    )
    if len(different) > len(rows) / 2:
        advice = "the rows were rendered with another template than the one the model will be served with"
        return Check(name=name, verdict="fail", evidence=f"{text}; such as {different[0]}", advice=advice)
    verdict = "warn" if different or facts.diverging_turns else "pass"
    advice = "look at the rows: inference shows these turns differently" if verdict == "warn" else ""
    return Check(name=name, verdict=verdict, evidence=text, advice=advice)


def stop_trained(evidence: Evidence) -> Check:
    """Whether every row's last response is trained to end with a stop token."""
    name = "template.stop_trained"
    stops = set(evidence.inputs.prepared.stop_token_ids)
    total, without = 0, []
    for row in evidence.inputs.training.rows:
        if row.trained_tokens and not _plain_text(evidence, row):
            total += 1
            without += [] if stops & set(_trained(row)[-_LAST_TOKENS:]) else [row.id]
    if not total:
        return Check(name=name, verdict="skipped", evidence="no row has a response turn that is trained")
    tokens = ", ".join(evidence.inputs.prepared.stop_tokens)
    text = f"{total - len(without)} of {total} rows train a stop token ({tokens}) at their end"
    if not without:
        return Check(name=name, verdict="pass", evidence=text)
    if evidence.data.allow_missing_eot or len(without) <= _MAX_WITHOUT_STOP * total:
        return Check(name=name, verdict="warn", evidence=text, advice="the model may not stop after these")
    advice = "use a chat template that ends each turn with a stop token (data.chat_template), or the model will run on"
    return Check(name=name, verdict="fail", evidence=f"{text}; not {without[0]}", advice=advice)


def labels_aligned(evidence: Evidence) -> Check:
    """Whether each label is the token at its own place; the trainer does the shift by one."""
    name = "template.labels_aligned"
    rows = evidence.inputs.training.rows
    wrong = [
        row.id
        for row in rows
        if len(row.labels) != len(row.input_ids)
        or any(label not in (NOT_TRAINED, token) for label, token in zip(row.labels, row.input_ids, strict=True))
    ]
    text = f"{len(rows) - len(wrong)} of {len(rows)} rows have each label at its token"
    if not wrong:
        return Check(name=name, verdict="pass", evidence=text)
    advice = "labels are shifted or belong to other tokens: the loss would teach the wrong next token"
    return Check(name=name, verdict="fail", evidence=f"{text}; not {wrong[0]}", advice=advice)


def models_own(evidence: Evidence) -> Check:
    """Where the recipe replaces the model's template: which of the two does the model know?"""
    name = "template.models_own"
    comparison = evidence.own_template
    if comparison is None:
        return Check(name=name, verdict="pass", evidence="the template is the model's own, or the model has none")
    recipe, own = token_weighted(comparison.recipe), token_weighted(comparison.own)
    less_sure = stats.paired_difference(_per_token(comparison.own), _per_token(comparison.recipe))
    text = (
        f"the untrained model's own answers have {recipe:.3f} nats per token behind data.chat_template and {own:.3f} "
        f"behind its own template; difference {less_sure.difference:+.3f} "
        f"(95 %: {less_sure.interval.low:+.3f} to {less_sure.interval.high:+.3f})"
    )
    if less_sure.interval.low > _CLEARLY_LESS_SURE_NATS:
        advice = "the model was trained with its own template: remove data.chat_template"
        return Check(name=name, verdict="fail", evidence=text, advice=advice)
    advice = "the model has a template of its own; keep it unless you know why not"
    return Check(name=name, verdict="warn", evidence=text, advice=advice)


def _per_token(losses: Sequence[RowLoss]) -> list[float]:
    return [loss.nats / max(1, loss.tokens) for loss in losses]


def _comparable(evidence: Evidence) -> list[EncodedRow]:
    rows, shortened = evidence.inputs.training.rows, set(evidence.inputs.training.shortened)
    chats = [
        place
        for place, row in enumerate(rows)
        if row.id in evidence.conversations and row.id not in shortened and not _plain_text(evidence, row)
    ]
    return [rows[place] for place in chats[:: max(1, len(chats) // _COMPARED_ROWS)][:_COMPARED_ROWS]]


def _plain_text(evidence: Evidence, row: EncodedRow) -> bool:
    conversation = evidence.conversations.get(row.id)
    return evidence.data.train_on == "all_tokens" or (conversation is not None and conversation.is_plain_text)


def _trained(row: EncodedRow) -> list[int]:
    return [label for label in row.labels if label != NOT_TRAINED]
