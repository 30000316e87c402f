"""What kind of task a row is, from how it is asked and from the shape of its answer; neither alone tells."""

import re
from typing import Literal

from sftctl.data.conversation import Conversation

TaskType = Literal[
    "code",
    "math",
    "translation",
    "multiple_choice",
    "summarization",
    "rewriting",
    "classification",
    "extraction",
    "roleplay",
    "writing",
    "brainstorming",
    "short_answer",
    "explanation",
    "plain_text",
]

_ASKED_CHARACTERS = 280
"""What is asked stands at the start or at the end of a prompt; what is between is material."""

_CODE_SHAPE = re.compile(
    r"```(?!\s*(?:text|markdown|plaintext))|^\s*(?:def|class|import|from|public|const|let|var|function|return|package"
    r"|#include|using|SELECT|INSERT|CREATE|for|while|if) ?[\w({<*].*[:;{(]?\s*$|[;{}]\s*$|</\w+>",
    re.MULTILINE,
)
_CODE_LIKE = re.compile(
    r"\w\([^)\n]*\)\s*(?:[;{:.=]|\Z)|[\w\])] = \S|==|=>|->|\Ahttps?:|[\w]\.\w+\(|\$\w|\[[^\]]*\]\Z|<\w+[^>]*>"
)
_CODE_ASKED = re.compile(
    r"\b(?:code|function|program|script|regex|regular expression|sql|python|javascript|java|c\+\+|c#|html|css|bash"
    r"|php"
    r"|rust|golang|typescript|algorithm|api|class method|dataframe|array|linked list|binary tree|debug|compile)\b"
)
_MATH_SHAPE = re.compile(r"####\s*-?[\d,.]+\s*\Z|<<[^<>\n]*=[^<>\n]*>>|\\boxed|\\frac|\\\[")
_EQUATION = re.compile(r"\d\s*[-+*/×=]\s*\$?\(?\d|[a-z]\s*=\s*-?\d")
_MATH_WRITTEN = re.compile(r"\\(?:int|frac|sum|sqrt|lim|cdot)\b|\$[^$\n]*[=+^\\][^$\n]*\$")
"""LaTeX in what is asked."""
_MATH_ASKED = re.compile(
    r"\b(?:solve|calculate|compute|equation|probability|derivative|integral|remainder|sum of|product of|triangle"
    r"|vertices"
    r"|inequality|percent|divided by|the value of|express|line segment|area of|how much money|f\(\w\)|how many"
    r"|how much|how far|how long|how old|total (?:cost|number)|average)\b"
)
_TRANSLATION_MARKS = (
    *("translat", "english", "french", "german", "spanish", "italian", "russian", "chinese", "japanese", "latin"),
    *("überset", "tradu", "tłumacz", "перевед", "翻", "번역"),
)
"""Without one of these nobody asks for a translation; looking for them first is cheaper."""
_TRANSLATION = re.compile(
    r"\btranslat(?:e|ion|ed)\b|\b(?:english|french|german|spanish|italian|russian|chinese|japanese) (?:of|version)\b"
    r"|übersetze|\btradui[st]|\btraduzca|\btraduce\b|\btraduz|\btraduci\b|przetłumacz|переведи|翻译|翻譯|翻訳|번역"
    r"|\b(?:say|write|put) .{0,60}\bin (?:french|german|spanish|italian|chinese|japanese"
    r"|latin)\b"
)
_OPTION_LINE = re.compile(r"^\s*(?:[-*•]\s*)?(?:\(?[A-Ha-h1-8][).:]|[-*•])\s*(\S.*?)\s*$", re.MULTILINE)
_INLINE_OPTION = re.compile(r"\([A-Ha-h1-8]\) ?([^()\n]{1,60})")
_CHOOSE = re.compile(
    r"\b(?:options|choices|choose|select|multiple[- ]choice|possible answers|candidates|best answer"
    r"|which of the following"
    r"|correct answer|most sensical)\b"
)
_SUMMARY = re.compile(
    r"\bsummar(?:y|ies|i[sz]e|i[sz]ing|i[sz]ation)\b|\btl;? ?dr\b|\bsum (?:up|the following)|\bin a nutshell\b"
    r"|\bboils? down"
    r"|\b(?:main|key|important) (?:points|takeaways|ideas)\b|\babstract for\b|\brecap|\bcondense\b|\bdistill\b"
    r"|\bsynthesi[sz]e"
    r"|\b(?:make|write|guess|suggest|generate|give|create)\b.{0,40}\b(?:title|headline)\b|\btitle: *\Z"
    r"|\bin (?:a few words|brief)\b"
    r"|\boutline of the following\b|\bshorter one\b"
)
_REWRITE = re.compile(
    r"\b(?:rewrite|re-write|paraphrase|rephrase|reword|proofread|shorten|simplify (?:this|the) (?:text|sentence)"
    r"|polish|edit)\b"
    r"|\b(?:correct|fix|improve)\b.{0,30}\b(?:grammar|sentence|spelling|paragraph|text|errors|essay)\b"
    r"|\bmake (?:it|this|the (?:text|sentence)) (?:more|sound|less)\b|\bin other words\b|\bconvert the (?:sentence"
    r"|text)\b"
)
_CLASSIFY = re.compile(
    r"\b(?:classif|categor(?:y|ies|i[sz]e)\b|sentiment\b|what label\b|(?:star )?rating\b|score \(|on a scale\b|stars:"
    r"|(?:tone|genre|topic) of\b|topic: *\Z|(?:positive|negative) or (?:positive|negative)\b|true or false\b"
    r"|yes or no\b"
    r"|which section\b|descriptor\b|asking (?:about|for)\b|entail|hateful|spam\b|intent\b"
    r"|would the\b.{0,40}\brecommend"
    r"|how does the (?:re)?viewer feel|(?:refers to|is about) which\b)"
)
_LABEL = re.compile(
    r"(?:yes|no|true|false|positive|negative|neutral|maybe|correct|incorrect|[0-9]|10|[0-9] stars?|★+|spam|not spam"
    r"|ham"
    r"|good|bad|satisfied|dissatisfied|entailment|contradiction)[.!]?\Z",
    re.IGNORECASE,
)
_EXTRACT = re.compile(
    r"\bextract\b(?!.{0,30}\banswer)|\bkey ?words\b|\bkey concepts\b|\bnamed entit|\bidentify (?:all|the (?:named"
    r"|named|main))"
    r"|\b(?:find|list|identify|name)\b.{0,40}\b(?:in|from) the (?:following|given|above|text|passage|sentence"
    r"|article|document)\b"
    r"|\btopics in the sentence\b|\bfields?\b.{0,60}\bjson\b|\bconvert\b.{0,40}\b(?:json|csv|table)\b"
)
_ROLEPLAY = re.compile(
    r"\A(?:now,? )?you are an? |\Aas an? [\w ]{3,60}, |\bintroduce yourself as|\b(?:act as|pretend|role[- ]?play"
    r"|imagine (?:that )?you(?:rself| are|'re)|embrace the role|embody|picture yourself|you are now"
    r"|assume the role|play the role|take on the (?:role|persona)|in the (?:voice|style) of .{0,30}, (?:explain"
    r"|tell)|as if you were"
    r"|if you were|suppose you are|please take on|from the perspective of)\b"
)
_WRITE = re.compile(
    r"\b(?:write|compose|draft|generate|create|craft|construct|build|design|describe|structure|edit|invent|make up"
    r"|come up with|develop|continue|tell me|sing)\b"
    r".{0,80}\b(?:story|stories|poem|haiku|essay|e-?mail|letter|song|lyrics|script|speech|article|blog|post"
    r"|paragraph|sentence"
    r"|dialogu?e|conversation|review|question|joke|plot|caption|tweet|slogan|description|scene|monologue|ad"
    r"|advertisement"
    r"|proposal|resume|cover letter|report|outline|rap|limerick|limericks|novel|template|announcement|message"
    r"|narrative|tale|character)s?\b"
    r"|\bput the concepts together|\bform a (?:coherent )?sentence|\bsentence can be\b"
    r"|\bconcepts\b.{0,60}\bsentence\b"
    r"|\bwhat (?:would the listener say|was said before)|\bwhat (?:is|was) the question\b|\bexpanded news article"
    r"|\bwrite an? (?:\w+ ){0,3}"
    r"(?:article|sentence)|\bstoryline\b|\bstory from\b|\bformulate an answerable question|\bwhat question\b"
    r"|\bgenerate (?:the|a) question"
)
_BRAINSTORM = re.compile(
    r"\b(?:list|suggest|brainstorm|ideas|recommend(?:ations)?|names? (?:for|of)|synonyms|antonyms"
    r"|give (?:me )?(?:\w+ )?examples"
    r"|tips|ways to|top \d+|come up with)\b"
)
_LIST_ITEM = re.compile(r"^\s*(?:[-*•–]|\d+[.)])\s*\S", re.MULTILINE)
_GENERATED_QUESTION = re.compile(
    r"\b(?:generate|write|formulate|produce|ask|what is the)\b.{0,60}\bquestion\b|\bquestion (?:to|that)\b"
)


def task_type(conversation: Conversation) -> TaskType:
    """The first type whose instruction and answer agree; an answer's length decides where nothing does."""
    if conversation.is_plain_text:
        return "plain_text"
    prompt = _last_user_turn(conversation)
    response = conversation.response.strip()
    asked = _asked(prompt)
    by_shape = _code_or_math(asked, prompt, response)
    if by_shape is not None:
        return by_shape
    if any(mark in asked for mark in _TRANSLATION_MARKS) and _TRANSLATION.search(asked):
        return "translation"
    words = len(response.split())
    by_answer = _short_answer_type(asked, prompt, response) if 0 < words <= 12 else None
    if by_answer is not None:
        return by_answer
    return _by_instruction(asked, prompt, response)


def _by_instruction(asked: str, prompt: str, response: str) -> TaskType:
    words = len(response.split())
    if _ROLEPLAY.search(asked):
        return "roleplay"
    if response.endswith("?") and _GENERATED_QUESTION.search(asked):
        return "writing"
    if _SUMMARY.search(asked) and words < 0.8 * len(prompt.split()):
        return "summarization"
    if _REWRITE.search(asked):
        return "rewriting"
    if _WRITE.search(asked):
        return "writing"
    if _EXTRACT.search(asked) and words < len(prompt.split()):
        return "extraction"
    if _CLASSIFY.search(asked) and words <= 30:
        return "classification"
    if _BRAINSTORM.search(asked) and (len(_LIST_ITEM.findall(response)) >= 3 or response.count("\n") >= 4):
        return "brainstorming"
    return "short_answer" if 0 < words <= 25 else "explanation"


def _code_or_math(asked: str, prompt: str, response: str) -> TaskType | None:
    code_lines = len(_CODE_SHAPE.findall(response))
    if code_lines and (_CODE_ASKED.search(asked) or "```" in response or 3 * code_lines > response.count("\n") + 1):
        return "code"
    if _MATH_SHAPE.search(response[-4000:]) or (("\\" in asked or "$" in asked) and _MATH_WRITTEN.search(asked)):
        return "math"
    if (
        _MATH_ASKED.search(asked)
        and len(re.findall(r"\d", prompt)) >= 2
        and (not response or _EQUATION.search(response) or _EQUATION.search(prompt))
    ):
        return "math"
    if _CODE_ASKED.search(asked) and (not response or _CODE_LIKE.search(response)):
        return "code"
    return None


def _short_answer_type(asked: str, prompt: str, response: str) -> TaskType | None:
    """An answer of a few words: one of the options it was shown, a label, or what the instruction says."""
    if _SUMMARY.search(asked) or _EXTRACT.search(asked) or response.endswith("?"):
        return None
    options = [option.casefold() for option in _OPTION_LINE.findall(prompt)] + [
        option.strip().casefold() for option in _INLINE_OPTION.findall(prompt)
    ]
    plain = response.casefold().rstrip(".")
    letter = len(plain) == 1 and plain.isalpha()
    if len(options) >= 2 and (letter or any(plain == option.rstrip(".") for option in options)):
        return "multiple_choice"
    if _CLASSIFY.search(asked) or _LABEL.match(response):
        return "classification"
    if _CHOOSE.search(asked) and f'"{plain}"' in prompt.casefold():
        return "multiple_choice"
    either = re.compile(rf"\b{re.escape(plain)}\b,? or \w|\w,? or (?:\w+ )?{re.escape(plain)}\b")
    if either.search(asked):
        return "multiple_choice" if "?" in asked and len(prompt) > 60 else "classification"
    return None


def _asked(prompt: str) -> str:
    if len(prompt) > 2 * _ASKED_CHARACTERS:
        prompt = f"{prompt[:_ASKED_CHARACTERS]}\n{prompt[-_ASKED_CHARACTERS:]}"
    return prompt.lower().strip()


def _last_user_turn(conversation: Conversation) -> str:
    for turn in reversed(conversation.messages):
        if turn["role"] == "user":
            text: str = turn["content"]
            return text
    return conversation.prompt
