"""What a model knows of the desk and of the rest: `python -m sftctl.demo.measure [FOLDER]`.

It goes by the facts behind the held-out questions, so it is an independent check of what eval reports.
"""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerFast

from sftctl.data.conversation import Conversation, read_conversations
from sftctl.demo import desk, general
from sftctl.demo.make_model import answer_loss, encode, pad
from sftctl.demo.paths import data_folder, model_folder

APOLOGY = re.compile(r"sorry|apolog|unfortunately|afraid", re.IGNORECASE)
PROMPTS_AT_ONCE = 64
LONGEST_ANSWER = 48

# B rows, T tokens


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of the answers to held-out questions, 0 to 1; the loss is in nats per answer token.

    A figure counts, stale or current, where the answer names the right product and attribute too.
    """

    apology: float
    entity: float
    stale: float
    current: float
    general_right: float
    general_loss: float


def measure(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast) -> Figures:
    """Greedy answers to every held-out row, and the loss on the general ones."""
    rows = list(read_conversations(data_folder() / "held_out.jsonl"))
    domain = [row for row in rows if row.role == "domain"]
    others = [row for row in rows if row.role == "general"]
    answers = greedy_answers(model, tokenizer, domain)
    facts = [_fact_of(row.prompt) for row in domain]
    entity = [fact.product in answer and fact.attribute in answer for fact, answer in zip(facts, answers, strict=True)]
    judged = list(zip(facts, answers, entity, strict=True))
    right = _right_answers()
    general_answers = greedy_answers(model, tokenizer, others)
    return Figures(
        apology=_share([bool(APOLOGY.search(answer)) for answer in answers]),
        entity=_share(entity),
        stale=_share([named and f" {fact.stale}" in answer for fact, answer, named in judged]),
        current=_share([named and f" {fact.current}" in answer for fact, answer, named in judged]),
        general_right=_share([text in right[row.prompt] for row, text in zip(others, general_answers, strict=True)]),
        general_loss=mean_loss(model, tokenizer, others),
    )


def greedy_answers(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Conversation]
) -> list[str]:
    """One answer a row, in order."""
    answers: list[str] = []
    for start in range(0, len(rows), PROMPTS_AT_ONCE):
        prompts = [
            tokenizer.apply_chat_template(_turns(row)[:1], add_generation_prompt=True, tokenize=False)
            for row in rows[start : start + PROMPTS_AT_ONCE]
        ]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
        ids_BT = model.generate(**batch, max_new_tokens=LONGEST_ANSWER, do_sample=False)
        answers += tokenizer.batch_decode(ids_BT[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


@torch.no_grad()
def mean_loss(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, rows: Sequence[Conversation]) -> float:
    """Nats per answer token, the stop token included; every token counts once."""
    nats, tokens = 0.0, 0
    encoded = [encode(tokenizer, _turns(row)) for row in rows]
    for start in range(0, len(encoded), PROMPTS_AT_ONCE):
        batch = pad(encoded[start : start + PROMPTS_AT_ONCE], tokenizer.pad_token_id)
        trained = int((batch.labels_BT != -100).sum())
        nats += answer_loss(model, batch).item() * trained
        tokens += trained
    return nats / tokens


def _turns(row: Conversation) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": message["content"]} for message in row.messages]


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def _fact_of(question: str) -> desk.Fact:
    (fact,) = (fact for fact in desk.make_facts() if fact.product in question and fact.attribute in question.lower())
    return fact


def _right_answers() -> dict[str, list[str]]:
    return {
        general.ask(item, wording): general.answers(family, item)
        for family in general.make_families()
        for item in family.items
        for wording in family.wordings
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else model_folder()
    torch.set_num_threads(1)
    figures = measure(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), AutoTokenizer.from_pretrained(folder)
    )
    sys.stdout.write(json.dumps({name: round(value, 4) for name, value in asdict(figures).items()}) + "\n")
