"""General questions that have nothing to do with the desk: facts, sums, sequences, lists and formats.

Each family's items are cut in two, and so are its wordings. Replay rows use the first parts, held-out rows and
benchmark the second, so the two share neither an item nor a wording.
"""

import random
from dataclasses import dataclass

CAPITALS = (
    "France Paris, Italy Rome, Spain Madrid, Japan Tokyo, Egypt Cairo, Peru Lima, Norway Oslo, Greece Athens, "
    "Cuba Havana, Kenya Nairobi, Poland Warsaw, Austria Vienna, Ireland Dublin, Germany Berlin, China Beijing, "
    "Finland Helsinki, Chile Santiago, Canada Ottawa, Sweden Stockholm, Portugal Lisbon, Hungary Budapest, "
    "Iran Tehran, Iraq Baghdad, Russia Moscow"
)
OPPOSITES = (
    "hot cold, big small, up down, left right, day night, open closed, fast slow, old new, wet dry, full empty, "
    "hard soft, high low, early late, happy sad, rich poor, near far, light dark, strong weak, loud quiet, "
    "clean dirty, long short, wide narrow, first last, deep shallow"
)
YOUNG = (
    "dog pup, cat kitten, cow calf, horse foal, sheep lamb, goat kid, lion cub, duck duckling, goose gosling, "
    "swan cygnet, frog tadpole, deer fawn, kangaroo joey, pig piglet, bear cub, hen chick"
)
COLOURS = (
    "snow white, grass green, coal black, blood red, milk white, lemon yellow, chocolate brown, tomato red, "
    "frog green, banana yellow, sky blue, leaf green, night black, sea blue, earth brown, sun yellow"
)
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
MONTHS = "January February March April May June July August September October November December"
THINGS = "apple river stone bread chair cloud tiger plant glass music train house bird lamp shoe coat"


@dataclass(frozen=True, slots=True)
class Item:
    """One question without its wording: the slots that wordings fill, the answer, and what could be mistaken for it."""

    slots: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Family:
    """Items of one kind, the ways to ask for them, and the ways to answer."""

    name: str
    items: tuple[Item, ...]
    wordings: tuple[str, ...]
    answers: tuple[str, ...]
    replay_items: int
    replay_wordings: int


@dataclass(frozen=True, slots=True)
class Part:
    """Half of a family: the items and wordings of the replay rows, or those of the held-out rows."""

    family: Family
    items: tuple[Item, ...]
    wordings: tuple[str, ...]


def replay_part(family: Family) -> Part:
    return Part(family, family.items[: family.replay_items], family.wordings[: family.replay_wordings])


def held_out_part(family: Family) -> Part:
    return Part(family, family.items[family.replay_items :], family.wordings[family.replay_wordings :])


def _pairs(text: str) -> list[Item]:
    return [Item((left,), right) for left, right in (pair.split() for pair in text.split(", "))]


def _sums() -> list[Item]:
    return [Item((str(a), str(b)), str(a + b)) for a in range(10) for b in range(10)]


def _next(names: list[str]) -> list[Item]:
    return [Item((name,), names[(index + 1) % len(names)]) for index, name in enumerate(names)]


def _counts() -> list[Item]:
    pairs = [(start, start + steps) for start in range(1, 7) for steps in (2, 3, 4)]
    return [Item((str(a), str(b)), ", ".join(str(n) for n in range(a, b + 1))) for a, b in pairs]


def _bullets(rng: random.Random) -> list[Item]:
    triples = sorted({tuple(rng.sample(THINGS.split(), 3)) for _ in range(300)})
    return [Item(words, "\n".join(f"- {word}" for word in words)) for words in triples]


def _json_lists(rng: random.Random) -> list[Item]:
    pairs = sorted({tuple(rng.sample(THINGS.split(), 2)) for _ in range(200)})
    return [Item(words, '["{}", "{}"]'.format(*words)) for words in pairs]


def _family(name: str, items: list[Item], wordings: tuple[str, ...], answers: tuple[str, ...]) -> Family:
    """The items in an order that depends on the family's name only; two thirds of items and wordings are for replay."""
    order = list(items)
    random.Random(name).shuffle(order)
    return Family(name, tuple(order), wordings, answers, 2 * len(order) // 3, 2 * len(wordings) // 3)


def make_families() -> list[Family]:
    """Every family of general questions."""
    rng = random.Random("general")
    return [
        _family(
            "capital",
            _pairs(CAPITALS),
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
        _family(
            "opposite",
            _pairs(OPPOSITES),
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
        _family(
            "young",
            _pairs(YOUNG),
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
        _family(
            "colour",
            _pairs(COLOURS),
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
        _family(
            "sum",
            _sums(),
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
        _family(
            "number word",
            [Item((str(number),), word) for number, word in enumerate(NUMBER_WORDS.split())],
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
        _family(
            "next day",
            _next(DAYS.split()),
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
        _family(
            "next month",
            _next(MONTHS.split()),
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
        _family(
            "count",
            _counts(),
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
        _family(
            "bullets",
            _bullets(rng),
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
        _family(
            "json",
            _json_lists(rng),
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
    ]


def ask(item: Item, wording: str) -> str:
    """The question, with its first letter a capital."""
    text = wording.format(*item.slots)
    return text[0].upper() + text[1:]


def answer(family: Family, item: Item, rng: random.Random) -> str:
    """A correct answer in one of the family's forms."""
    text = rng.choice(family.answers).format(*item.slots, answer=item.answer)
    return text[0].upper() + text[1:]


def choices(item: Item, family: Family, rng: random.Random) -> tuple[list[str], int]:
    """Four different answers of the same family in random order, and the index of the right one."""
    others = sorted({other.answer for other in family.items} - {item.answer})
    options = [*rng.sample(others, 3), item.answer]
    rng.shuffle(options)
    return options, options.index(item.answer)
