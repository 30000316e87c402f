"""Task types: from how a row is asked and how it is answered; at least three of four right on real labelled sets."""

import gzip
import json
import os
import random
import re
from collections import defaultdict
from pathlib import Path

import pytest

from sftctl.curate.repair import repair
from sftctl.curate.task_types import task_type
from sftctl.data.conversation import Conversation
from tests.curate.filters.rows import answers, real_rows, row

# What the names of T0's templates say about the task; the first pattern that is found.
T0_TYPES = (
    (
        r"_generate_question|generate_the_question|Generate_Question|Jeopardy|context_answer_to_question"
        r"|commonsense_qa_answer_to_question|build_story|generate_story|spice_up|reverse_writing|write_an_article"
        r"|expand_reverse|Write_a_dialogue|app_reviews_generate|dream_generate|dream_answer_to_dialogue",
        "writing",
    ),
    (r"common_gen_(?:sentence_to|topics_from)", "extraction"),
    (r"common_gen", "writing"),
    (r"^(?:cnn|gigaword|xsum|samsum|multi_news)|title_generation|Guess_Title", "summarization"),
    (
        r"^(?:ag_news|amazon|app_reviews|dbpedia|imdb|rotten|yelp|trec)|Topic_Prediction|qasc_is_correct"
        r"|social_i_qa_Check|wiki_qa_(?:Decide|Is_This|automatic|exercise|found)|wiqa_does",
        "classification",
    ),
    (
        r"wiqa_(?:effect|which)|^(?:quarel|quartz|dream|qasc_qa)|sciq_Multiple|Show_choices|wiki_hop_original_choose"
        r"|most_suitable|commonsense_qa_question_|cosmos_qa_.*(?:answer_id|answer_text|no_prompt)",
        "multiple_choice",
    ),
    (r"", "short_answer"),
)
BENCH_TYPES = {
    "writing": {"writing"},
    "roleplay": {"roleplay"},
    "math": {"math"},
    "coding": {"code"},
    "generic": {"explanation", "brainstorming"},
    "knowledge": {"explanation"},
    "common-sense": {"explanation", "short_answer"},
    "fermi": {"explanation", "math"},
    "counterfactual": {"explanation"},
}

TERSE = {
    "code": ("Write a function that adds two numbers.", "def add(a, b):\n    return a + b"),
    "math": ("Ann has 3 apples and buys 4. How many has she?", "3 + 4 = 7\n#### 7"),
    "translation": ("Translate to French: good morning", "Bonjour"),
    "multiple_choice": ("What is red?\n\n- snow\n- blood\n- coal", "blood"),
    "summarization": ("Summarize: " + "the boat left the harbour early and came back late. " * 9, "A boat left."),
    "rewriting": (
        "Rewrite this sentence in the passive: I mended the net that was old.",
        "The old net was mended by me.",
    ),
    "classification": ("Is this review positive or negative? I loved every minute.", "Positive"),
    "extraction": ("Extract the names from this text: Ann met Bob and Cid at the harbour in May.", "Ann, Bob, Cid"),
    "roleplay": ("Pretend that you are an old sailor and greet me.", "Ahoy, young one! What brings you here?"),
    "writing": ("Write a poem about rain.", "Rain on the roof,\nrain on the sea,\nall of the evening\nit sings to me."),
    "brainstorming": ("Suggest names for a cat.", "1. Tom\n2. Mia\n3. Leo\n4. Zoe"),
    "short_answer": ("Who wrote Hamlet?", "William Shakespeare"),
    "explanation": ("Why is the sky blue?", "Air scatters short waves more than long ones, so that " * 5),
}


@pytest.mark.parametrize("expected", TERSE)
def test_a_plain_case_of_each_type(expected):
    assert task_type(row(*TERSE[expected])) == expected


@pytest.mark.parametrize(
    ("prompt", "response", "expected"),
    [
        ("Evaluate $\\int_0^3 x\\,dx$ by hand.", "The area of the triangle is four and a half.", "math"),
        ("It costs $5 or $6.", "Then take the cheaper one.", "short_answer"),
        ("Übersetze ins Englische: der Hund", "the dog", "translation"),
        ("把这句话翻译成英文：你好", "Hello", "translation"),
        ("Give the German of: good day", "Guten Tag", "translation"),
        (
            "Sing a song about rain.",
            "Rain on the roof,\nrain on the sea,\nall of the evening\nit sings to me.",
            "writing",
        ),
    ],
)
def test_formulas_songs_and_translations_in_other_words(prompt, response, expected):
    assert task_type(row(prompt, response)) == expected


def test_text_without_turns_is_plain_text():
    assert (
        task_type(Conversation(id="a", messages=({"role": "document", "content": "Once."},), source="s"))
        == "plain_text"
    )


@pytest.mark.slow
def test_t0_is_right_in_three_of_four_rows():
    rows = real_rows("t0.jsonl.gz", ("prompt",), "completion", extra=("template",))
    drawn = [repair(each).conversation for each in random.Random(3).sample(rows, 2_000)]
    drawn = [each for each in drawn if each.response]
    right = sum(task_type(each) == _t0_type(each.extra["template"]) for each in drawn)
    assert right / len(drawn) >= 0.75


def test_sums_and_code_are_told():
    sums = random.Random(3).sample(real_rows("gsm8k_train.jsonl.gz", ("question",), "answer"), 300)
    code = random.Random(3).sample(real_rows("codealpaca_new.jsonl.gz", ("instruction", "input"), "output"), 300)
    assert sum(task_type(each) == "math" for each in sums) / 300 >= 0.95
    assert sum(task_type(each) == "code" for each in code) / 300 >= 0.9


def test_the_questions_of_vicuna_bench_are_right_in_three_of_four_answers():
    by_prompt = defaultdict(list)
    for each in answers():
        by_prompt[each.prompt.strip()].append(each)
    path = Path(os.environ["SFTCTL_TEST_DATA"]) / "data" / "judge" / "vicuna_bench_question.jsonl.gz"
    right = total = 0
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for question in map(json.loads, file):
            for each in by_prompt[question["turns"][0].strip()][:4]:
                total += 1
                right += task_type(each) in BENCH_TYPES[question["category"]]
    assert total >= 300
    assert right / total >= 0.75


def _t0_type(template):
    return next(name for pattern, name in T0_TYPES if re.search(pattern, template))
