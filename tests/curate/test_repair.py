"""Repair mends what pipelines left, says so, and touches nothing else."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftctl.curate.repair import repair
from sftctl.data.conversation import Conversation


def mended(response, prompt="Say it."):
    conversation = Conversation(
        id="x",
        messages=({"role": "user", "content": prompt}, {"role": "assistant", "content": response}),
        source="s",
        extra={"kept": 1},
    )
    repaired = repair(conversation)
    assert (repaired.conversation.id, repaired.conversation.source, repaired.conversation.extra) == (
        "x",
        "s",
        {"kept": 1},
    )
    return repaired.conversation, repaired.repairs


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Paris<|endoftext|>", "Paris"),
        ("Paris\n<|endoftext|>\n", "Paris"),
        ("<|endoftext|>", ""),
        ("Paris.<|im_end|>\n<|endoftext|>", "Paris."),
        ("Paris</s></s>", "Paris"),
        ("<s> Paris</s>", "Paris"),
        ("<|im_start|>assistant\nParis<|im_end|>", "Paris"),
        ("<|start_header_id|>assistant<|end_header_id|>\n\nParis<|eot_id|>", "Paris"),
        ("<start_of_turn>model\nParis<end_of_turn>", "Paris"),
        ("Paris<｜end▁of▁sentence｜>", "Paris"),
    ],
)
def test_special_tokens_at_the_ends_are_taken_off(response, expected):
    conversation, repairs = mended(response)
    assert (conversation.response, repairs) == (expected, ("special_token",))


@pytest.mark.parametrize(
    "response",
    [
        "Struck <s>out</s>",
        "a <|endoftext|> b",
        "Use pad_token='[PAD]' here",
        "if a[0] > b[1]:\n    x = [1, 2]",
        "vector<int>",
        "  indented text stays  \n",
        "## Response times\nThey are short.",
        "0.5 Å² and 79.7 Å³",
        'letters: äöüß€"',
        "naïve café — “quoted” … ½ °C",
        "Привет, мир. 你好。 Cześć, Łódź!",
        "A\u00a0B",
    ],
)
def test_other_text_is_left_as_it_is(response):
    conversation, repairs = mended(response)
    assert (conversation.response, repairs) == (response, ())


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            "Below is an instruction that describes a task. Write a response that completes it.\n\n"
            "### Instruction:\nName a city.\n\n### Response:\n",
            "Name a city.",
        ),
        ("### Instruction:\nSum up.\n\n### Input:\nA long text.\n\n### Response:", "Sum up.\n\nA long text."),
        ("Name a city.\n\n### Response:", "Name a city."),
        ("[INST] Name a city. [/INST]", "Name a city."),
    ],
)
def test_a_prompt_is_unwrapped_from_its_template(prompt, expected):
    conversation, repairs = mended("Paris", prompt)
    assert conversation.prompt == expected
    assert set(repairs) <= {"template_leftover", "special_token"}
    assert repairs


@pytest.mark.parametrize("response", ["### Response:\nParis", "### Response: Paris", "Paris\n\n### Instruction:"])
def test_headings_around_a_response_are_taken_off(response):
    conversation, repairs = mended(response)
    assert (conversation.response, repairs) == ("Paris", ("template_leftover",))


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("itâ€™s naÃ¯ve, Â£15", "it’s naïve, £15"),
        ("LÃ¼beck", "Lübeck"),
        ("Scienceâ\x80\x94quantifying", "Science—quantifying"),
        ("A = Ï€ * r^2", "A = π * r^2"),
        ("20Â°C", "20°C"),
        ("wow \x96 four stars", "wow – four stars"),
    ],
)
def test_mojibake_is_undone(response, expected):
    conversation, repairs = mended(response)
    assert (conversation.response, repairs) == (expected, ("mojibake",))


def test_split_up_letters_are_composed():
    conversation, repairs = mended("cafe\u0301")
    assert (conversation.response, repairs) == ("café", ("nfc",))


def test_a_row_without_faults_is_the_same_object():
    conversation = Conversation(id="x", messages=({"role": "document", "content": "Plain text."},), source="s")
    assert repair(conversation).conversation is conversation


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="ab <>|[]/s#:\nÃ¯endoftextINST_", max_size=60), st.sampled_from(["", "<|endoftext|>", "</s>"]))
def test_repairing_twice_changes_nothing_more(text, end):
    once, _ = mended(text + end, "p " + text)
    twice = repair(once)
    assert (twice.conversation, twice.repairs) == (once, ())
