"""How general questions are worded and answered; the first four wordings are for replay, the rest for held-out rows.

`{0}`, `{1}`, `{2}` are what the question is about. The first answer of a family is its full sentence.
"""

from typing import NamedTuple


class Phrasing(NamedTuple):
    """The ways to ask for the items of one family, and the ways to answer."""

    wordings: tuple[str, ...]
    answers: tuple[str, ...]


REPLAY_WORDINGS = 4

PHRASINGS = {
    "capital": Phrasing(
        (
            "What is the capital of {0}?",
            "Name the capital of {0}.",
            "Which city is the capital of {0}?",
            "Tell me the capital city of {0}.",
            "{0} has which capital?",
            "Capital of {0}, please.",
        ),
        ("The capital of {0} is {answer}.", "{answer}."),
    ),
    "opposite": Phrasing(
        (
            "What is the opposite of {0}?",
            "Give the opposite of {0}.",
            'What is the opposite of the word "{0}"?',
            "Which word means the opposite of {0}?",
            "Name a word that is the reverse of {0}.",
            "{0}: what would be its opposite?",
        ),
        ("The opposite of {0} is {answer}.", "{answer}."),
    ),
    "young": Phrasing(
        (
            "What is the young of a {0}?",
            "What do we call a young {0}?",
            "Name the young of a {0}.",
            "What is a baby {0} called?",
            "A {0} has young. What are they called?",
            "Give the word for a baby {0}.",
        ),
        ("The young of a {0} is a {answer}.", "{answer}."),
    ),
    "colour": Phrasing(
        (
            "What colour is {0}?",
            "Which colour does {0} have?",
            "Name the colour of {0}.",
            "Tell me what colour {0} is.",
            "Think of {0}. What colour is it?",
            "What would you say is the colour of {0}?",
        ),
        ("The colour of {0} is {answer}.", "{answer}."),
    ),
    "sum": Phrasing(
        (
            "What is {0} + {1}?",
            "Add {0} and {1}.",
            "How much is {0} plus {1}?",
            "{0} + {1} = ?",
            "Find the sum of {0} and {1}.",
            "If I add {1} to {0}, what do I get?",
        ),
        ("{0} + {1} = {answer}.", "{answer}."),
    ),
    "number word": Phrasing(
        (
            "Write {0} in words.",
            "How do you spell the number {0}?",
            "Spell out {0}.",
            "What is {0} as a word?",
            "Put the number {0} in letters.",
            "{0} in words, please.",
        ),
        ("The number {0} is {answer}.", "{answer}."),
    ),
    "next day": Phrasing(
        (
            "Which day comes after {0}?",
            "What day follows {0}?",
            "Name the day after {0}.",
            "If today is {0}, what is tomorrow?",
            "It is {0}. What day will it be tomorrow?",
            "After {0}, which day is next?",
        ),
        ("After {0} comes {answer}.", "{answer}."),
    ),
    "next month": Phrasing(
        (
            "Which month comes after {0}?",
            "What month follows {0}?",
            "Name the month after {0}.",
            "If this month is {0}, what is the next month?",
            "It is {0} now. What month will be next?",
            "After {0}, which month is next?",
        ),
        ("After {0} comes {answer}.", "{answer}."),
    ),
    "count": Phrasing(
        (
            "Count from {0} to {1}.",
            "List the numbers from {0} to {1}.",
            "Write the numbers from {0} up to {1}.",
            "Give me all numbers from {0} to {1}.",
            "Start at {0} and count to {1}.",
            "Which numbers lie from {0} to {1}?",
        ),
        ("{answer}.",),
    ),
    "bullets": Phrasing(
        (
            "Make a list of {0}, {1} and {2}.",
            "Put {0}, {1} and {2} in a list.",
            "Write {0}, {1}, {2} as bullet points.",
            "List these: {0}, {1}, {2}.",
            "Turn {0}, {1} and {2} into bullet points.",
            "I need a list with {0}, {1} and {2}.",
        ),
        ("{answer}",),
    ),
    "plural": Phrasing(
        (
            "What is the plural of {0}?",
            "Give the plural of {0}.",
            "One {0}, two what?",
            "Name the plural form of {0}.",
            "Put {0} in the plural.",
            "I have one {0}. How do I call two?",
        ),
        ("The plural of {0} is {answer}.", "{answer}."),
    ),
    "larger": Phrasing(
        (
            "Which is larger, {0} or {1}?",
            "Name the larger of {0} and {1}.",
            "Is {0} or {1} the larger number?",
            "Pick the larger number: {0}, {1}.",
            "{0} and {1}: which is more?",
            "Say which of {0} and {1} is greater.",
        ),
        ("The larger number is {answer}.", "{answer}."),
    ),
    "repeat": Phrasing(
        (
            "Repeat {0} three times.",
            "Say {0} three times.",
            "Write {0} three times.",
            "Three times {0}, please.",
            "I want to see {0} three times.",
            "Can you say {0} again and again, three times?",
        ),
        ("{answer}.",),
    ),
    "first word": Phrasing(
        (
            "Which word comes first: {0}, {1}?",
            "Name the first of {0} and {1}.",
            "What is the first word here: {0} {1}?",
            "{0}, {1}. Which was first?",
            "From {0} and {1}, take the first.",
            "I say {0}, then {1}. What did I say first?",
        ),
        ("The first word is {answer}.", "{answer}."),
    ),
    "json": Phrasing(
        (
            "Write {0} and {1} as JSON.",
            "Give me {0} and {1} as a JSON list.",
            "Make a JSON list of {0} and {1}.",
            "JSON list: {0}, {1}.",
            "Put {0} and {1} in JSON.",
            "Turn {0}, {1} into JSON.",
        ),
        ("{answer}",),
    ),
}
