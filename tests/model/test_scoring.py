import math

import pytest
import torch
from torch.nn import functional

from sftctl.model.scoring import RowLoss, score_rows, stop_ranks, token_weighted
from tests.model.conftest import Row


def _plain_nats(model, row):
    """One row alone, every logit kept, cross-entropy as PyTorch states it."""
    logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
    return functional.cross_entropy(logits, torch.tensor(row.labels[1:]), reduction="sum").item()


def test_a_row_has_the_loss_that_plain_pytorch_gives_it_alone(model, rows, tokenizer):
    losses = score_rows(model, rows[1:], pad_token_id=tokenizer.pad_token_id)
    assert [loss.id for loss in losses] == [row.id for row in rows[1:]]
    assert [loss.tokens for loss in losses] == [sum(label != -100 for label in row.labels[1:]) for row in rows[1:]]
    assert [loss.nats for loss in losses] == pytest.approx([_plain_nats(model, row) for row in rows[1:]], rel=1e-6)


@pytest.mark.parametrize("max_batch_tokens", [1, 200, 100_000])
def test_losses_are_the_same_for_any_batch(model, rows, tokenizer, max_batch_tokens):
    alone = score_rows(model, rows, pad_token_id=tokenizer.pad_token_id, max_batch_tokens=1)
    batched = score_rows(model, rows, pad_token_id=tokenizer.pad_token_id, max_batch_tokens=max_batch_tokens)
    assert [loss.nats for loss in batched] == pytest.approx([loss.nats for loss in alone], rel=1e-6)


def test_a_row_without_trained_tokens_has_no_loss(model, rows, tokenizer):
    assert score_rows(model, rows, pad_token_id=tokenizer.pad_token_id)[0] == RowLoss("row0", 0.0, 0)


def test_the_mean_is_weighted_by_tokens():
    # (2 + 12) / (2 + 4) = 14 / 6, not the mean of 1 and 3
    assert token_weighted([RowLoss("a", 2.0, 2), RowLoss("b", 12.0, 4)]) == 14 / 6


def test_the_mean_of_no_tokens_is_not_a_number():
    assert math.isnan(token_weighted([RowLoss("a", 0.0, 0)]))


def test_a_non_finite_loss_is_returned_and_not_hidden(model, rows, tokenizer):
    with torch.no_grad():
        model.lm_head.weight[0, 0] = math.nan
    assert math.isnan(score_rows(model, rows[1:2], pad_token_id=tokenizer.pad_token_id)[0].nats)


def test_scoring_leaves_the_model_in_its_mode(model, rows, tokenizer):
    model.train()
    score_rows(model, rows, pad_token_id=tokenizer.pad_token_id)
    assert model.training


def test_stop_rank_counts_the_likelier_tokens_at_the_true_end(model, rows, tokenizer):
    stop = tokenizer.eos_token_id
    ranks = stop_ranks(model, rows, [stop], pad_token_id=tokenizer.pad_token_id)
    expected = []
    for row in rows[1:]:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, -2]
        expected.append(1 + int((logits > logits[stop]).sum()))
    assert [rank.rank for rank in ranks] == expected
    assert [rank.id for rank in ranks] == [row.id for row in rows[1:]]


def test_a_row_that_never_trains_its_stop_has_no_rank(model, tokenizer):
    row = Row("cut", [20, 21, 22, 23], [-100, -100, 22, 23])
    assert stop_ranks(model, [row], [tokenizer.eos_token_id], pad_token_id=tokenizer.pad_token_id) == []


def test_rank_one_when_the_stop_token_is_the_likeliest(model, rows, tokenizer):
    with torch.no_grad():
        model.lm_head.weight[tokenizer.eos_token_id] = 0
        model.lm_head.weight.sub_(0)
    row = rows[1]
    hidden = model.model(input_ids=torch.tensor([row.input_ids])).last_hidden_state[0, -2].detach()
    with torch.no_grad():
        model.lm_head.weight[tokenizer.eos_token_id] = 100 * hidden
    ranks = stop_ranks(model, [row], [tokenizer.eos_token_id], pad_token_id=tokenizer.pad_token_id)
    assert [rank.rank for rank in ranks] == [1]
