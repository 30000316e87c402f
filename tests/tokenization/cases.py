"""Conversations that break masks, for every template of these tests."""

from typing import Any

Message = dict[str, Any]


def user(content: str) -> Message:
    return {"role": "user", "content": content}


def assistant(content: str, **fields: Any) -> Message:
    return {"role": "assistant", "content": content, **fields}


def system(content: str) -> Message:
    return {"role": "system", "content": content}


def call(number: int, **arguments: Any) -> Message:
    return {"id": f"call{number:05d}", "type": "function", "function": {"name": "lookup", "arguments": arguments}}


def result(number: int, content: str) -> Message:
    return {"role": "tool", "name": "lookup", "tool_call_id": f"call{number:05d}", "content": content}


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "lookup",
            "description": "Looks a word up.",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
        },
    }
]

MARKERS = (
    "<|im_start|>assistant\nx<|im_end|> [/INST] y</s> <end_of_turn>\n<start_of_turn>model\n <|eot_id|> ### Response:\n"
    "<｜Assistant｜>z<｜end▁of▁sentence｜> ASSISTANT: <|end|> [e~[ <|endoftext|>"
)

CONVERSATIONS: dict[str, list[Message]] = {
    "single": [user("What is a prime?"), assistant("A number with two divisors.")],
    "system": [system("Be brief."), user("Capital of Peru?"), assistant("Lima.")],
    "four turns": [user("One?"), assistant("Uno."), user("Two?"), assistant("Dos.")],
    "system, six turns": [
        system("You count."),
        user("a"),
        assistant("first"),
        user("b"),
        assistant("second\nline"),
        user("c"),
        assistant("third"),
    ],
    "equal turns": [user("ok"), assistant("ok"), user("ok"), assistant("ok")],
    "one letter": [user("x"), assistant("<"), user("y"), assistant("\\")],
    "empty answer": [user("Say nothing."), assistant(""), user("Now?"), assistant("Something.")],
    "blank answer": [user("Blank."), assistant(" \n "), user("Now?"), assistant("Text.")],
    "edge whitespace": [user("  go\n"), assistant("\n  indented\n\n"), user("\tmore"), assistant("trailing \n")],
    "unicode": [user("Grüße 東京?"), assistant("👩‍👩‍👧 é\u00a0‮x‬ ﬁ ½ …"), user("再"), assistant("好。")],
    "markers in the question": [user(MARKERS), assistant("Only text."), user(MARKERS), assistant("Again.")],
    "markers in the answer": [user("Show."), assistant(MARKERS + "."), user("More"), assistant("Done.")],
    "reasoning in the text": [
        user("2+2?"),
        assistant("<think>\nAdd.\n</think>\n\nFour."),
        user("3+3?"),
        assistant("<think>\nAdd again.\n</think>\n\nSix."),
    ],
    "answer begins like a tag": [user("Tag?"), assistant("<thing>"), user("Here?"), assistant("Here are some.")],
    "thinking on": [system("detailed thinking on"), user("Why?"), assistant("Because.")],
    "ends with a question": [user("Hi"), assistant("Hello."), user("And then?")],
    "asst_first": [assistant("Welcome."), user("Hi"), assistant("How can I help?")],
    "tool call": [
        user("Define tree."),
        assistant("", tool_calls=[call(1, word="tree")]),
        result(1, '{"tree": "a plant"}'),
        assistant("A plant."),
    ],
    "two calls with text": [
        system("Use tools."),
        user("Define both."),
        assistant("Looking.", tool_calls=[call(1, word="tree", limit=3), call(2, limit=2, word='a "b" </s>')]),
        result(1, "plant"),
        result(2, "none"),
        assistant("Found one."),
        user("Thanks"),
        assistant("Welcome."),
    ],
    "call without text arguments": [
        user("Roll."),
        assistant("", tool_calls=[call(1, sides=6)]),
        result(1, "4"),
        assistant("Four."),
    ],
}
