"""What each filter says about rows like those it was made for, and about their innocent neighbours."""

import pytest

from sftctl.curate.facts import gather_facts
from sftctl.curate.filters.empty import EmptyResponse
from sftctl.curate.filters.format_mismatch import FormatMismatch
from sftctl.curate.filters.language import OtherLanguage
from sftctl.curate.filters.length import ResponseLength
from sftctl.curate.filters.prompt_echo import PromptEcho
from sftctl.curate.filters.role_leftovers import RoleLeftovers
from sftctl.curate.filters.special_tokens import SpecialTokens
from sftctl.curate.filters.truncation import PerhapsTruncated, Truncated
from sftctl.curate.language import guess_language
from sftctl.data.conversation import Conversation
from tests.curate.filters.rows import NO_FACTS, reason, row, words

PROSE = (
    "The harbour froze early that winter. Boats lay still for weeks, and the men who lived by them mended nets in the "
    "church hall. When the thaw came, the first boat to leave was the oldest. "
)
GERMAN = "Der Hund ist nicht mit der Katze auf dem Weg, und das ist für eine ruhige Nacht auch nicht zu empfehlen."


@pytest.mark.parametrize("response", ["", " \n", "\u200a", "\u200b", "\ufeff\n"])
def test_a_blank_response_is_empty(response):
    assert reason(EmptyResponse(), "Hi?", response) == "empty_response"


def test_a_tool_call_without_words_is_a_response():
    messages = (
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": {"name": "weather"}}]},
    )
    assert EmptyResponse().judge(Conversation(id="a", messages=messages, source="s"), NO_FACTS) is None


@pytest.mark.parametrize(
    ("tokens", "rule", "expected"),
    [
        (1, ResponseLength(), None),
        (0, ResponseLength(), "response_too_short"),
        (0, ResponseLength(min_tokens=0), None),
        (5, ResponseLength(min_tokens=6), "response_too_short"),
        (7, ResponseLength(max_tokens=6), "response_too_long"),
        (6, ResponseLength(max_tokens=6), None),
    ],
)
def test_length_counts_tokens_of_the_response(tokens, rule, expected):
    conversation = row("p", "word " * tokens)
    assert rule.judge(conversation, gather_facts([conversation], words)) == expected


def test_tokens_are_counted_only_where_a_rule_needs_them_and_once_for_an_origin():
    counted = []

    def count(texts):
        counted.append(texts)
        return words(texts)

    rows = [row("p", "word " * n, identifier=f"{model}{n}", generator=model) for model in "ab" for n in (3, 4)]
    facts = gather_facts(rows, count)
    assert [ResponseLength().judge(each, facts) for each in rows] == [None] * 4
    assert counted == []
    assert [ResponseLength(max_tokens=3).judge(each, facts) for each in rows] == [None, "response_too_long"] * 2
    assert counted == [["word " * 3, "word " * 4]] * 2


@pytest.mark.parametrize(
    ("response", "columns", "expected"),
    [
        (PROSE + "It carried salt and a letter for the", {}, "truncated_mid_sentence"),
        ("Here:\n```python\ndef f(x):\n    return g(x,", {}, "truncated_inside_code"),
        ("Fine.", {"finish_reason": "length"}, "truncated_finish_reason"),
        (PROSE + "It carried salt and a letter for the", {"finish_reason": "stop"}, None),
        (PROSE, {}, None),
        ("in the", {}, None),
        ("- bread\n- butter\n- a jar of", {}, None),
        ("```python\nprint(1)\n```", {}, None),
    ],
)
def test_strong_reasons_of_truncation(response, columns, expected):
    assert reason(Truncated(), "Go on.", response, **columns) == expected


CHAT = (
    "he is kind! he cooks for the whole floor. and his stories of the sea, which he tells in the evening, are the best "
)


@pytest.mark.parametrize(
    "response",
    [
        PROSE + "Therefore, the correct answer is option A",
        PROSE + "Both must be true, so what stands between them is AND",
        CHAT + "i am someone that he can be proud of",
        CHAT + "the whole house is what his wit is made of",
        CHAT + "it is the place where the old man comes from",
        CHAT + "so i do go there once in a while",
        CHAT + "the others behave as if",
        "Der Weg ist lang. " * 9 + "Morgen fangen wir dann mit dem langen Weg an",
        "Run it:\n```pip install boats```\nIt may fail (it did for me :( but the second run works",
        "1. Go:\n   ```bash\n   cd boats\n    ```\n2. Build:\n    ```bash\n    make\n    ```\n3. Done (really",
    ],
)
def test_whole_answers_without_a_full_stop_are_not_dropped(response):
    assert reason(Truncated(), "Go on.", response) is None


def test_a_chat_without_capitals_has_no_full_stops_either():
    assert reason(PerhapsTruncated(), "Go on.", CHAT + "and it rains here in the town") is None


def test_the_letter_of_an_option_ends_an_answer():
    assert reason(PerhapsTruncated(), "Which one?", PROSE + "Therefore, the correct answer is option A") is None


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (
            "港口结了冰。船停了很久，人们在教堂里补网。天气变暖以后，最先出港的是最老的那条",
            "perhaps_truncated_no_sentence_end",
        ),
        (
            "港が凍りました。船は何週間も動きません。春になると、一番古い船が、最初に港を出て",
            "perhaps_truncated_no_sentence_end",
        ),
        ("港口结了冰。船停了很久，人们在教堂里补网。天气变暖以后，最先出港的是最老的那条。", None),
        ("港口结了冰。船停了很久。\n\n此致，\n敬礼\n港口办公室", None),
        ("白日依山尽，\n黄河入海流。\n欲穷千里目，\n更上一层楼", None),
    ],
)
def test_prose_without_spaces_that_stops(response, expected):
    assert reason(PerhapsTruncated(), "Go on.", response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (PROSE + "It carried salt, flour and eleven letters", "perhaps_truncated_no_sentence_end"),
        (PROSE + "These are the boats that left that spring:", "perhaps_truncated_after_colon"),
        ("Try this:\n```python\nx = 1\ny = 2", "perhaps_truncated_open_fence"),
        (PROSE + "#winter #harbour #boats #salt #nets #thaw", None),
        (PROSE + "\n\nBest regards,\n[Your Name]", None),
        ("1. Oslo\n2. Bergen\n3. Tromso", None),
        ("Roses are red\nViolets are blue\nSugar is sweet\nAnd so are you", None),
    ],
)
def test_weak_reasons_of_truncation(response, expected):
    assert reason(PerhapsTruncated(), "Go on.", response) == expected


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ("Paris.<|endoftext|>Question: and Rome?", "special_token_inside"),
        ("Yes [/INST] no", "special_token_inside"),
        ("Use <s>old</s> new; a < b and c > d; pad with [PAD].", None),
    ],
)
def test_control_tokens_inside(response, expected):
    assert reason(SpecialTokens(), "Hi", response) == expected


def test_the_tokenizers_own_control_token_inside_a_response_is_found():
    facts = gather_facts((), words, ["<|turn|>"])
    asked, answered = row("Use <|turn|>?", "Part 9."), row("Hi", "Use part 9 and <|turn|>user hello.")
    assert [SpecialTokens().judge(each, facts) for each in (asked, answered)] == [None, "special_token_inside"]


@pytest.mark.parametrize(
    ("prompt", "response", "expected"),
    [
        ("Name a city.", "Paris.\n\n### Instruction:\nName another.", "template_heading_inside"),
        ("Name a city.", "Paris.\n\nUser: and another?\nRome.", "plays_the_user"),
        ("Name a city.", "The city that I would name is Paris.\nUser", "plays_the_user"),
        ("Who logged in?", "One did.\n\nUser: jdoe\nHost: db1\nSince: Monday", None),
        ("Name a city.", "Paris.\n\nUser: and another?\nAssistant: Rome.\nUser: and one more?", "plays_the_user"),
        ("How do I log in?", "Use these.\n\nUser: deploy\nPassword: changeme\n\nThen run it.", None),
        ("What is few-shot prompting?", "As here:\n\nUser: Is snow black?\nAssistant: No.\n\nIt shows a form.", None),
        ("Document it.", "=head1 NOTE\n\nUser::pwent is a module that has a new field. It works.", None),
        ("Who uses it?", "Two kinds.\n\nUser: can read and write posts.\nAdmin: can also delete them.", None),
        ("Make a robot funny.", "Robot: I am tired.\n\nHuman: Robots do not tire.\n\nRobot: I read mail.", None),
        ("Write a skit.", "A park.\n\nHuman: Is this your dog?\n\nDog: I am his.", None),
        ("Format it.", 'Use this:\n```python\nT = """\n### Instruction:\n{x}\n"""\n```\nIt is a template.', None),
        ("Format it.", "```python\nT = 1\n```\n\n### Instruction:\nNow sort it.", "template_heading_inside"),
        ("Name a city.", "Paris.\n\nUser: thanks\nAssistant: You are welcome.", "plays_the_user"),
        ("Write a dialogue.", "Bot: hello.\n\nUser: hi", None),
        ("User: hi\nBot: hello", "Fine.\n\nUser: and you?", None),
        ("Which roles exist?", "Admin\nUser", None),
    ],
)
def test_leftovers_of_other_turns(prompt, response, expected):
    assert reason(RoleLeftovers(), prompt, response) == expected


def language_reason(prompt, response, rule=None):
    rows = [row("What is in the box that you have?", PROSE, identifier=f"e{n}") for n in range(30)]
    odd = row(prompt, response, identifier="odd")
    facts = gather_facts([*rows, odd], words)
    return (rule or OtherLanguage()).judge(odd, facts)


def test_a_language_that_the_source_does_not_have_is_flagged():
    question = "What do you think of the dog and the cat that we have here, and which of them is for you?"
    assert language_reason(question, GERMAN) == "other_language"
    assert language_reason(question, PROSE) is None
    assert language_reason("Translate the sentence about the dog and the cat for me.", GERMAN) is None
    assert language_reason(GERMAN, GERMAN) is None
    assert (
        language_reason("Give me the German version of this text: the dog is not on the way with the cat.", GERMAN)
        is None
    )
    assert (
        language_reason("Traduce al alemán: el perro no está en la casa con el gato, y es para los niños.", GERMAN)
        is None
    )
    assert language_reason(question, GERMAN, OtherLanguage(expected=("en", "de"))) is None
    assert language_reason(question, PROSE, OtherLanguage(expected=("de",))) is None, "the prompt is English too"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (PROSE, "en"),
        (GERMAN, "de"),
        ("Le chat est dans la maison et il ne veut pas que nous partions avec les enfants pour une heure.", "fr"),
        ("El perro está en la casa y los niños son muy felices por lo que su padre les dio para el día.", "es"),
        ("Кошка спит на окне.", "ru"),
        ("猫は窓で寝ています。", "ja"),
        ("猫在窗户上睡觉。", "zh"),
        ("π", "unknown"),
        ("42", "unknown"),
        ("for i in range(10):\n    x = x + i\n    print(x)\n    y = f(x)\n    z = g(y)", "unknown"),
    ],
)
def test_languages_are_guessed_or_left_unknown(text, language):
    assert guess_language(text) == language


def test_an_answer_that_says_the_prompt_again():
    prompt = "Name the three largest lakes of Finland, with their areas."
    assert reason(PromptEcho(), prompt, "name the THREE largest lakes of Finland with their areas: Saimaa") == (
        "repeats_the_prompt"
    )
    assert reason(PromptEcho(), prompt, "The three largest lakes of Finland are Saimaa and two more.") is None
    assert reason(PromptEcho(), "Say hi.", "Say hi. Hi.") is None
    chinese = "请告诉我芬兰最大的三个湖泊的名字和面积。"
    assert reason(PromptEcho(), chinese, f"{chinese}塞马湖是最大的。") == "repeats_the_prompt"
    code = "def added_numbers(first: int, second: int) -> int:\n"
    assert reason(PromptEcho(), code, code + "    return first + second") is None


@pytest.mark.parametrize(
    ("prompt", "response", "expected"),
    [
        ("Return the result as JSON.", "The result is five.", "asked_for_json"),
        ("Return the result as JSON.", '{"result": 5}', None),
        ("What is JSON used for?", "It carries data.", None),
        ("Write a Python function that adds two numbers.", "Addition is a simple thing to do.", "asked_for_code"),
        ("Write a Python function that adds two numbers.", "def add(a, b):\n    return a + b", None),
        ("Write a bash script that says hi.", "#!/bin/bash\necho hi", None),
        ("Give me a list of fruits.", "Fruit is healthy.", "asked_for_list"),
        ("Give me a list of fruits.", "apple, pear, plum", None),
        ("Put it in a table.", "It cannot be put so", "asked_for_table"),
        ("Count the rows in a table named users.", "SELECT COUNT(*) FROM users;", None),
        (
            "CREATE TABLE head (age INTEGER)\n\nHow many are older than 56?",
            "SELECT COUNT(*) FROM head WHERE age > 56",
            None,
        ),
        ("Who scored most according to the table?\n\nAnn | 3\nBob | 5", "Bob", None),
        ("How do I make a table out of oak?", "Cut four legs and one top", None),
        ("Turn these bullet points into a paragraph:\n- sea\n- salt", "The sea is full of salt.", None),
        ("Do not use bullet points. Name two fruits.", "Apple and pear.", None),
        ("What is a JSON object?", "It is a set of names and values.", None),
        ("Explain the JSON format.", "It is a text format for nested data.", None),
        ("Create a workout program.", "Start with ten minutes of walking.", None),
        ("Give the main function of the mitochondria.", "They make energy.", None),
        ("Write a program to find the largest number.", "It is the largest one.", "asked_for_code"),
        ("Write a Java program for a clock.", "A clock tells the time.", "asked_for_code"),
        ("What do I eat? Answer in JSON.", "Bread.", "asked_for_json"),
    ],
)
def test_format_that_was_asked_for(prompt, response, expected):
    assert reason(FormatMismatch(), prompt, response) == expected
