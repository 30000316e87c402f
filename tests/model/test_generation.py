import pytest
import torch
from transformers import GenerationConfig

from sftctl.errors import UsageError
from sftctl.model.generation import Sampling, generate, sample


@pytest.fixture(scope="module")
def prompts(rows):
    return [row.input_ids[:-1] for row in rows]


def _by_hand(model, prompt, stop, limit):
    """Greedy decoding with no cache, no padding and no batch."""
    ids = list(prompt)
    for _ in range(limit):
        with torch.no_grad():
            ids.append(int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == stop:
            return ids[len(prompt) : -1], True
    return ids[len(prompt) :], False


def test_the_answer_is_the_greedy_one(model, tokenizer, prompts):
    stop = tokenizer.eos_token_id
    answers = generate(model, tokenizer, prompts[:3], stop_token_ids=[stop], max_new_tokens=12)
    assert [(list(answer.token_ids), answer.stopped) for answer in answers] == [
        _by_hand(model, prompt, stop, 12) for prompt in prompts[:3]
    ]


@pytest.mark.parametrize("batch_size", [2, 5, 12])
def test_the_same_text_for_any_batch_size(model, tokenizer, prompts, batch_size):
    options = {"stop_token_ids": [tokenizer.eos_token_id], "max_new_tokens": 24}
    alone = generate(model, tokenizer, prompts, batch_size=1, **options)
    assert generate(model, tokenizer, prompts, batch_size=batch_size, **options) == alone


def test_near_ties_are_decided_without_the_neighbours(model, tokenizer, prompts):
    # Equal output rows in pairs: every step is a tie of two tokens, which batch shape alone would decide.
    with torch.no_grad():
        model.lm_head.weight[1::2] = model.lm_head.weight[0 : 2 * (model.lm_head.weight.shape[0] // 2) : 2] * (1 + 1e-7)
    options = {"stop_token_ids": [tokenizer.eos_token_id], "max_new_tokens": 16}
    alone = generate(model, tokenizer, prompts, batch_size=1, **options)
    assert generate(model, tokenizer, prompts, batch_size=7, **options) == alone


def test_penalties_of_the_models_own_generation_config_are_off(model, tokenizer, prompts):
    options = {"stop_token_ids": [tokenizer.eos_token_id], "max_new_tokens": 12}
    plain = generate(model, tokenizer, prompts[:2], **options)
    model.generation_config = GenerationConfig(
        do_sample=True, temperature=3.0, top_k=5, repetition_penalty=5.0, min_new_tokens=12, suppress_tokens=[20]
    )
    assert generate(model, tokenizer, prompts[:2], **options) == plain


def test_a_stop_token_ends_the_answer_and_is_not_part_of_it(model, tokenizer, prompts):
    free = generate(model, tokenizer, prompts[:1], stop_token_ids=[], max_new_tokens=6)[0]
    stop = free.token_ids[3]
    first = free.token_ids.index(stop)
    answer = generate(model, tokenizer, prompts[:1], stop_token_ids=[stop], max_new_tokens=6)[0]
    assert (answer.token_ids, answer.stopped) == (free.token_ids[:first], True)


def test_the_text_keeps_special_tokens(model, tokenizer, prompts):
    answer = generate(model, tokenizer, prompts[:1], stop_token_ids=[], max_new_tokens=6)[0]
    assert answer.text == tokenizer.decode(answer.token_ids, skip_special_tokens=False)


def test_a_prompt_that_does_not_fit_is_refused(model, tokenizer):
    with pytest.raises(UsageError, match="do not fit the model's context of 512"):
        generate(model, tokenizer, [[20] * 500], stop_token_ids=[1], max_new_tokens=64)


def test_no_prompts_give_no_answers(model, tokenizer):
    assert generate(model, tokenizer, [], stop_token_ids=[1]) == []


def test_samples_depend_on_the_seed_and_not_on_the_batch(model, tokenizer, prompts):
    def drawn(seed, batch_size):
        sampling = Sampling(temperature=0.7, seed=seed, samples_per_prompt=3, batch_size=batch_size)
        return sample(
            model, tokenizer, prompts[:4], stop_token_ids=[tokenizer.eos_token_id], sampling=sampling, max_new_tokens=8
        )

    assert drawn(1, 1) == drawn(1, 5)
    assert drawn(1, 5) != drawn(2, 5)
    assert all(len(set(texts)) > 1 for texts in drawn(1, 5))


def test_samples_follow_the_softmax_of_the_logits(model, tokenizer):
    # 600 first tokens against the exact distribution: every token above 5 % within four standard errors.
    sampling = Sampling(temperature=0.5, seed=11, samples_per_prompt=600, batch_size=200)
    prompt = [30, 31, 32]
    draws = sample(model, tokenizer, [prompt], stop_token_ids=[], sampling=sampling, max_new_tokens=1)[0]
    with torch.no_grad():
        likely = torch.softmax(model(input_ids=torch.tensor([prompt])).logits[0, -1] / 0.5, dim=-1)
    for token in (likely > 0.05).nonzero().flatten().tolist():
        share = sum(draw.token_ids[0] == token for draw in draws) / 600
        error = (float(likely[token]) * (1 - float(likely[token])) / 600) ** 0.5
        assert abs(share - float(likely[token])) < 4 * error
