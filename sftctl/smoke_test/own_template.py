"""Where the recipe replaces the model's own chat template: which of the two does the untrained model know?"""

from collections.abc import Sequence
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.errors import SftctlError
from sftctl.model.config import ModelConfig
from sftctl.model.generation import generate
from sftctl.model.scoring import RowLoss, score_rows
from sftctl.model.settings import generation_stop_ids
from sftctl.model.tokenizer import load_tokenizer
from sftctl.smoke_test.evidence import TemplateComparison
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.dataset import encode_prompts
from sftctl.tokenization.prepare import Prepared, prepare_tokenizer
from sftctl.tokenization.rows import NOT_TRAINED, EncodedRow

_NEW_TOKENS = 48


def compare_templates(
    model: Any, config: ModelConfig, recipe: Prepared, data: DataConfig, asked: Sequence[Conversation]
) -> TemplateComparison | None:
    """How sure the model is of its greedy answers under either template; None where it has no other of its own.

    A model knows a template by its markers: behind strange ones it is less sure of every word, whatever it answers.
    The loss of the references would not tell: a model that is to unlearn a habit has a high one under its own.
    """
    tokenizer = load_tokenizer(config)
    used = recipe.tokenizer.chat_template
    if data.chat_template is None or not tokenizer.chat_template or tokenizer.chat_template == used:
        return None
    own_data = data.model_copy(update={"chat_template": None})
    try:
        own = prepare_tokenizer(tokenizer, own_data, generation_stop_ids=generation_stop_ids(config))
        prompts = [encode_prompts(asked, side, section) for side, section in ((recipe, data), (own, own_data))]
    except SftctlError:
        return None  # the model's own template cannot render these rows: there is nothing to compare with
    return TemplateComparison(
        recipe=_sureness(model, recipe, prompts[0]),
        own=_sureness(model, own, prompts[1]),
    )


def _sureness(model: Any, prepared: Prepared, prompts: Sequence[Sequence[int]]) -> list[RowLoss]:
    """The loss of the model's own greedy answers, in nats."""
    stops = prepared.stop_token_ids
    answers = generate(model, prepared.tokenizer, prompts, stop_token_ids=stops, max_new_tokens=_NEW_TOKENS)
    rows = []
    for number, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        said = [*answer.token_ids, *(stops[:1] if answer.stopped else ())]
        labels = [NOT_TRAINED] * len(prompt) + said
        rows.append(EncodedRow(str(number), "answers", "domain", [*prompt, *said], labels))
    return score_rows(model, rows, pad_token_id=prepared.pad_token_id)
