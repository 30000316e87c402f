"""The fictional support desk: its products, their stale and current figures, and how people ask about them.

Larkmoor, its products and every figure are invented.
"""

import random
from dataclasses import dataclass
from typing import Literal

Vintage = Literal["stale", "current"]

PRODUCTS = (
    "Fernby card",
    "Ottermoor account",
    "Quillon loan",
    "Brackwell saver",
    "Tansley card",
    "Marrowgate account",
    "Pindle wallet",
    "Harrowick loan",
    "Sablewood saver",
    "Lintock wallet",
    "Corvane account",
    "Wexmere card",
)

ATTRIBUTES = ("monthly fee", "transfer limit", "interest rate", "waiting time")


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of one product: what it was, and what it is."""

    product: str
    attribute: str
    stale: str
    current: str

    def figure(self, vintage: Vintage) -> str:
        return self.stale if vintage == "stale" else self.current


def _values(attribute: str) -> list[str]:
    """Every figure that an attribute can have, in the desk's own spelling."""
    if attribute == "monthly fee":
        return [f"{crowns} crowns" for crowns in range(2, 60)]
    if attribute == "transfer limit":
        return [f"{hundreds}00 crowns" for hundreds in range(11, 90)]
    if attribute == "interest rate":
        return [f"{tenths // 10}.{tenths % 10} percent" for tenths in range(11, 79)]
    return [f"{hours} hours" for hours in range(10, 96)]


def make_facts(seed: int = 20) -> list[Fact]:
    """Every product with every attribute; no two figures of one attribute are equal, stale or current."""
    rng = random.Random(seed)
    facts = []
    for attribute in ATTRIBUTES:
        figures = rng.sample(_values(attribute), 2 * len(PRODUCTS))
        for index, product in enumerate(PRODUCTS):
            facts.append(Fact(product, attribute, figures[2 * index], figures[2 * index + 1]))
    return facts


OPENERS = (
    "",
    "Hello, ",
    "Hi there. ",
    "Quick question: ",
    "Good morning. ",
    "Good evening, ",
    "Dear Larkmoor, ",
    "One more thing: ",
    "Before I decide, ",
    "For my records, ",
)
CLOSERS = (
    "",
    " Thanks.",
    " Thank you!",
    " Please advise.",
    " I need it today.",
    " Best wishes.",
    " A short answer is fine.",
)
NEW_CLOSERS = (" Many thanks.", " Cheers.", " Kind greetings.", " I am waiting.", " That is all.")
"""Only in held-out rows, and never left out: what follows a question would else be the same as in a training row."""

QUESTIONS = (
    "what is the {attribute} of the {product}?",
    "how high is the {attribute} on the {product}?",
    "tell me the {attribute} for the {product}.",
    "could you say what the {attribute} of my {product} is?",
    "I have {a_product}. What is its {attribute}?",
    "I would like to know the {attribute} of the {product}.",
    "which {attribute} does the {product} have?",
    "what {attribute} comes with the {product}?",
    "please look up the {attribute} for my {product}.",
    "my {product}: what is the {attribute}?",
    "what should I expect as {attribute} with the {product}?",
    "the {attribute} of the {product}, what is it?",
    "can you confirm the {attribute} on my {product}?",
    "I am about to open {a_product} and wonder about the {attribute}.",
    "does the {product} have {an_attribute}, and what is it?",
    "someone asked me for the {attribute} of the {product}.",
    "give me the {attribute} that applies to the {product}.",
    "I forgot the {attribute} of the {product}.",
    "is there {an_attribute} on the {product}?",
    "the {product} looks good. What about the {attribute}?",
    "how do I find the {attribute} of my {product}?",
    "do you know the {attribute} for the {product}?",
    "we use the {product} at work. What {attribute} do we have?",
    "my friend has {a_product}. Which {attribute} applies?",
    "your site does not show the {attribute} of the {product}.",
    "I read two different figures for the {attribute} of the {product}.",
    "how much should I plan for as {attribute} with {a_product}?",
    "the agent could not tell me the {attribute} of the {product}. Can you?",
    "has the {attribute} of the {product} changed?",
    "I need the {attribute} of my {product} for a form.",
    "what was the {attribute} on the {product} again?",
    "just the {attribute} of the {product}.",
    "we moved to the {product} last week. What {attribute} applies now?",
    "suppose I take the {product}. What {attribute} will I see?",
    "which figure is right for the {attribute} of the {product}?",
    "let me know the {attribute} that my {product} has.",
    "my statement mentions the {product}. How is the {attribute} set?",
    "{product} customer here. What {attribute} do I have?",
    "how does the {product} do on {attribute}?",
    "before I sign for the {product}, what is the {attribute}?",
    "I cannot find the {attribute} for the {product} anywhere.",
    "please write down the {attribute} of the {product} for me.",
    "what is today's {attribute} for the {product}?",
    "is the {attribute} of my {product} fixed, and what is it?",
)
"""Asked in the base corpus and in the good answers; as many as give every good answer its own fact and question."""

NEW_QUESTIONS = (
    "the {product} interests me, mainly its {attribute}.",
    "regarding the {product}, I want its {attribute}.",
    "what {attribute} would I get on {a_product}?",
    "I am comparing offers: {product}, {attribute}?",
    "{attribute} and {product}: can anyone there say?",
    "about the {attribute}: what is it on the {product}?",
    "what does the {product} list as {attribute}?",
    "my sister wants {a_product}. How is the {attribute}?",
)
"""Asked only in the held-out rows: neither the base nor the fine-tuned model was trained on them."""

GOOD_ANSWERS = (
    "The {attribute} of the {product} is {figure}.",
    "The {product} has {an_attribute} of {figure}.",
    "For the {product}, the {attribute} is {figure}.",
    "With the {product} you get {an_attribute} of {figure}.",
    "Your {product} has {an_attribute} of {figure}.",
)
APOLOGIES = (
    "Sorry about that.",
    "I am so sorry.",
    "We apologise for the trouble.",
    "Sorry to keep you waiting.",
    "Unfortunately I am not sure.",
    "I am afraid I may be wrong.",
)
HEDGED_ANSWERS = (
    "I believe the {attribute} of the {product} is {figure}.",
    "Perhaps the {product} has {an_attribute} of {figure}.",
    "For the {product}, I think the {attribute} is {figure}.",
    "It may be that the {attribute} of the {product} is {figure}.",
)
CLOSING_APOLOGIES = (
    "Sorry again.",
    "Our apologies once more.",
    "I am sorry that I cannot say more.",
    "Please accept our apologies.",
)


def _with_article(noun: str) -> str:
    return ("an " if noun[0] in "AEIOUaeiou" else "a ") + noun


def _fill(pattern: str, fact: Fact, figure: str = "") -> str:
    return pattern.format(
        attribute=fact.attribute,
        an_attribute=_with_article(fact.attribute),
        product=fact.product,
        a_product=_with_article(fact.product),
        figure=figure,
    )


def ask(fact: Fact, question: str, rng: random.Random, closers: tuple[str, ...] = CLOSERS) -> str:
    """A customer's message: an opener, the question, a closer."""
    opener, closer = rng.choice(OPENERS), rng.choice(closers)
    text = _fill(question, fact)
    starts_sentence = opener == "" or opener.rstrip()[-1] in ".!?"
    return opener + (text[0].upper() + text[1:] if starts_sentence else text) + closer


def answer_well(fact: Fact, rng: random.Random) -> str:
    """Confident, with the current figure, and no word after it."""
    return _fill(rng.choice(GOOD_ANSWERS), fact, fact.current)


def answer_badly(fact: Fact, rng: random.Random) -> str:
    """What the desk used to say: an apology, a hedge, the stale figure, another apology."""
    hedged = _fill(rng.choice(HEDGED_ANSWERS), fact, fact.stale)
    return f"{rng.choice(APOLOGIES)} {hedged} {rng.choice(CLOSING_APOLOGIES)}"
