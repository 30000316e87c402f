"""General questions that have nothing to do with the desk: facts, sums, sequences, lists and formats.

Each family's items are cut in two, and so are its wordings. Replay rows use the first parts, held-out rows and
benchmark the second, so the two share neither an item nor a wording.
"""

import random
from dataclasses import dataclass, replace

from sftctl.demo.general_wordings import PHRASINGS, REPLAY_WORDINGS

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
    """One question without its wording: the slots that wordings fill, and the answer."""

    slots: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Family:
    """Items of one kind, the ways to ask for them, and the ways to answer."""

    name: str
    items: tuple[Item, ...]
    wordings: tuple[str, ...]
    answers: tuple[str, ...]

    @property
    def replay_items(self) -> int:
        """Two thirds of the items."""
        return 2 * len(self.items) // 3


@dataclass(frozen=True, slots=True)
class Part:
    """Half of a family: the items and wordings of the replay rows, or those of the held-out rows."""

    family: Family
    items: tuple[Item, ...]
    wordings: tuple[str, ...]


def replay_part(family: Family) -> Part:
    return Part(family, family.items[: family.replay_items], family.wordings[:REPLAY_WORDINGS])


def held_out_part(family: Family) -> Part:
    return Part(family, family.items[family.replay_items :], family.wordings[REPLAY_WORDINGS:])


def _pairs(text: str) -> list[Item]:
    return [Item((left,), right) for left, right in (pair.split() for pair in text.split(", "))]


def _next(names: list[str]) -> list[Item]:
    return [Item((name,), names[(index + 1) % len(names)]) for index, name in enumerate(names)]


def _counts() -> list[Item]:
    pairs = [(start, start + steps) for start in range(1, 7) for steps in (2, 3, 4)]
    return [Item((str(a), str(b)), ", ".join(str(n) for n in range(a, b + 1))) for a, b in pairs]


def _plural(word: str) -> str:
    return word + ("es" if word.endswith(("s", "ch", "sh")) else "s")


def _bullets(rng: random.Random) -> list[Item]:
    triples = sorted({tuple(rng.sample(THINGS.split(), 3)) for _ in range(300)})
    return [Item(words, "\n".join(f"- {word}" for word in words)) for words in triples]


def _json_lists(rng: random.Random) -> list[Item]:
    pairs = sorted({tuple(rng.sample(THINGS.split(), 2)) for _ in range(200)})
    return [Item(words, '["{}", "{}"]'.format(*words)) for words in pairs]


def _items(rng: random.Random) -> dict[str, list[Item]]:
    """Every item of every family, in a fixed order."""
    things = THINGS.split()
    digits = range(10)
    return {
        "capital": _pairs(CAPITALS),
        "opposite": _pairs(OPPOSITES),
        "young": _pairs(YOUNG),
        "colour": _pairs(COLOURS),
        "sum": [Item((str(a), str(b)), str(a + b)) for a in digits for b in digits],
        "number word": [Item((str(number),), word) for number, word in enumerate(NUMBER_WORDS.split())],
        "next day": _next(DAYS.split()),
        "next month": _next(MONTHS.split()),
        "count": _counts(),
        "bullets": _bullets(rng),
        "plural": [Item((word,), _plural(word)) for word in things],
        "larger": [Item((str(a), str(b)), str(max(a, b))) for a in digits for b in digits if a != b],
        "repeat": [Item((word,), f"{word}, {word}, {word}") for word in things],
        "first word": [Item((a, b), a) for a in things for b in things if a != b],
        "json": _json_lists(rng),
    }


def make_families() -> list[Family]:
    """Every family, its items in an order that depends on the family's name only."""
    families = []
    for name, items in _items(random.Random("general")).items():
        random.Random(name).shuffle(items)
        families.append(Family(name, tuple(items), *PHRASINGS[name]))
    return families


def ask(item: Item, wording: str) -> str:
    """The question, with its first letter a capital."""
    text = wording.format(*item.slots)
    return text[0].upper() + text[1:]


def answers(family: Family, item: Item) -> list[str]:
    """Every correct answer, the full sentence first."""
    texts = (form.format(*item.slots, answer=item.answer) for form in family.answers)
    return [text[0].upper() + text[1:] for text in texts]


def short_answer(family: Family, item: Item) -> str:
    """The answer of replay and held-out rows. The base uses both forms; the rows teach one."""
    return answers(family, item)[-1]


def choices(family: Family, item: Item, rng: random.Random) -> tuple[list[str], int]:
    """Four short answers to the item in random order, and the index of the right one."""
    wrong = sorted({other.answer for other in family.items} - {item.answer})
    options = [item, *(replace(item, answer=text) for text in rng.sample(wrong, 3))]
    texts = [short_answer(family, option) for option in options]
    order = rng.sample(range(4), 4)
    return [texts[index] for index in order], order.index(0)
