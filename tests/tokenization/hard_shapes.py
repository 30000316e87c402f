"""Chat templates with a trap each: tools, reasoning, merged turns, prompts that depend on content, no terminator."""

# A template reads better on one line.
# ruff: noqa: E501

from tests.tokenization.shapes import CHECK, FIRST, IM, STRIP_THINK, Shape, turns

IM_PROMPT = r"{{- '<|im_start|>assistant\n' -}}"
CALLS = (
    r"{%- for call in message.tool_calls -%}{{- '\n<tool_call>\n' + {'name': call.function.name, "
    r"'arguments': call.function.arguments} | tojson + '\n</tool_call>' -}}{%- endfor -%}"
)
AFTER_ANSWER = "{%- if loop.index0 and messages[loop.index0 - 1].role == 'assistant' -%}⟧{%- endif -%}"
LAST_QUERY = (
    "{%- set ns = namespace(last=-1) -%}{%- for m in messages -%}{%- if m.role == 'user' -%}"
    "{%- set ns.last = loop.index0 -%}{%- endif -%}{%- endfor -%}"
)


def tool_turns(user: str, assistant: str, tool: str, prompt: str, *, head: str = "") -> str:
    """Like `turns`, with tool calls and results."""
    return (
        head + "{%- if tools -%}{{- '<tools>' + tools | tojson + '</tools>' -}}{%- endif -%}"
        "{%- for message in messages -%}{%- set c = message.content or '' -%}"
        f"{{%- if message.role == 'tool' -%}}{tool}{{%- elif message.role == 'assistant' -%}}{assistant}"
        f"{{%- else -%}}{user}{{%- endif -%}}{{%- endfor -%}}"
        f"{{%- if add_generation_prompt -%}}{prompt}{{%- endif -%}}"
    )


HARD_SHAPES: dict[str, Shape] = {
    "tool calls behind the text": Shape(
        tool_turns(
            IM,
            IM_PROMPT + "⟦{{- c -}}" + CALLS + r"{{- '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>tool\n' + c + '<|im_end|>\n' -}}",
            IM_PROMPT,
        ),
        eos="<|im_end|>",
    ),
    "tool calls on a base tokenizer": Shape(
        tool_turns(
            IM,
            IM_PROMPT + "⟦{{- c -}}" + CALLS + r"{{- '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>user\n<tool_response>\n' + c + '\n</tool_response><|im_end|>\n' -}}",
            IM_PROMPT,
        ),
        eos="<|endoftext|>",
    ),
    "calls instead of the text": Shape(
        tool_turns(
            "{{- '[INST]' + c + '[/INST]' -}}",
            "⟦{%- if message.tool_calls -%}{{- '[TOOL_CALLS] [' -}}{%- for call in message.tool_calls -%}"
            "{%- set out = call.function | tojson -%}{{- out[:-1] + ', \"id\": \"' + call.id + '\"}' -}}"
            "{{- ', ' if not loop.last -}}{%- endfor -%}{{- ']' + eos_token -}}"
            "{%- else -%}{{- c + eos_token -}}{%- endif -%}⟧",
            "{{- '[TOOL_RESULTS] {\"content\": ' + c | string + '}[/TOOL_RESULTS]' -}}",
            "",
            head="{{- bos_token -}}",
        ),
        may_refuse=frozenset({"asst_first"}),
    ),
    "a stop of its own behind calls": Shape(
        tool_turns(
            r"{{- '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + c + '<|eot_id|>' -}}",
            r"{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}⟦{%- if message.tool_calls -%}"
            r"{{- '<|python_tag|>' + message.tool_calls[0].function | tojson + '<|eom_id|>' -}}"
            r"{%- else -%}{{- c + '<|eot_id|>' -}}{%- endif -%}⟧",
            r"{{- '<|start_header_id|>ipython<|end_header_id|>\n\n' + c | tojson + '<|eot_id|>' -}}",
            r"{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}",
        ),
        eos="<|eot_id|>",
        stops=("<|eom_id|>",),
        may_refuse=frozenset({"two calls with text"}),
    ),
    "empty reasoning before the last answer": Shape(
        LAST_QUERY
        + tool_turns(
            IM,
            IM_PROMPT + r"⟦{%- set r = message.reasoning_content or '' -%}"
            r"{%- if '</think>' in c -%}{%- set r = c.split('</think>')[0].split('<think>')[-1].strip('\n') -%}"
            r"{%- set c = c.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}"
            r"{%- if loop.index0 > ns.last -%}{{- '<think>\n' + r + '\n</think>\n\n' -}}{%- endif -%}"
            "{{- c -}}" + CALLS + r"{{- '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>user\n<tool_response>\n' + c + '\n</tool_response><|im_end|>\n' -}}",
            IM_PROMPT,
        ),
        eos="<|im_end|>",
    ),
    "the prompt opens the reasoning that the last answer has": Shape(
        LAST_QUERY
        + turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}{%- set r = '' -%}"
            r"{%- if '</think>' in c -%}{%- set r = c.split('</think>')[0].split('<think>')[-1].strip('\n') -%}"
            r"{%- set c = c.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}"
            r"{%- if loop.index0 > ns.last -%}{{- '<think>\n' -}}⟦{{- r + '\n</think>\n\n' + c + '<|im_end|>' -}}⟧"
            r"{%- else -%}⟦{{- c + '<|im_end|>' -}}⟧{%- endif -%}{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n<think>\n' -}}",
            system=IM,
        ),
        eos="<|im_end|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "reasoning mode from a word in the system message": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' + ('<think>\n' if 'detailed thinking on' in messages[0].content else '') -}}",
            system=IM,
        ),
        eos="<|im_end|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "unusual brackets": Shape(
        turns(
            r"{{- ']~b]user\n' + c + '[e~[\n' -}}",
            r"{{- ']~b]ai\n' -}}⟦" + STRIP_THINK + r"{{- c + '[e~[' -}}⟧{{- '\n' -}}",
            r"{{- ']~b]ai\n' -}}",
            head="{{- ']~!b[' -}}",
            system=r"{{- ']~b]system\n' + c + '[e~[\n' -}}",
        ),
        eos="[e~[",
        may_refuse=frozenset({"asst_first"}),
    ),
    "bars in brackets": Shape(
        turns(
            r"{{- '[|user|]' + c + '\n' -}}",
            r"{{- '[|assistant|]' -}}⟦{{- c + '[|endofturn|]' -}}⟧{{- '\n' -}}",
            r"{{- '[|assistant|]' -}}",
            system=r"{{- '[|system|]' + c + '[|endofturn|]\n' -}}",
        ),
        eos="[|endofturn|]",
    ),
    "bars in brackets on a base tokenizer": Shape(
        turns(
            r"{{- '[|user|]' + c + '\n' -}}",
            r"{{- '[|assistant|]' -}}⟦{{- c + '[|endofturn|]' -}}⟧{{- '\n' -}}",
            r"{{- '[|assistant|]' -}}",
            system=r"{{- '[|system|]' + c + '[|endofturn|]\n' -}}",
        ),
        eos="<|endoftext|>",
    ),
    "names in the middle": Shape(
        turns(
            "{{- '<|im_user|>user<|im_middle|>' + c + '<|im_end|>' -}}",
            "{{- '<|im_assistant|>assistant<|im_middle|>' -}}⟦{{- c + '<|im_end|>' -}}⟧",
            "{{- '<|im_assistant|>assistant<|im_middle|>' -}}",
            system="{{- '<|im_system|>system<|im_middle|>' + c + '<|im_end|>' -}}",
        ),
        eos="[EOS]",
    ),
    "sentence tokens": Shape(
        turns(
            r"{{- '<beginning_of_sentence>user name=user\n' + c | trim + '<end_of_sentence>\n' -}}",
            r"{{- '<beginning_of_sentence>ai name=AI\n' -}}⟦{{- c | trim + '<end_of_sentence>' -}}⟧{{- '\n' -}}",
            r"{{- '<beginning_of_sentence>ai name=AI\n' -}}",
            head="{{- '<begin_of_document>' -}}",
            system=r"{{- '<beginning_of_sentence>system\n' + c | trim + '<end_of_sentence>\n' -}}",
        ),
        eos="<end_of_sentence>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "spaces around the separator": Shape(
        turns(
            "{{- 'human: ' + c + ' <sep> ' -}}",
            "{{- 'assistant:' -}}⟦{{- ' ' + c + ' <sep>' -}}⟧{{- ' ' -}}",
            "{{- 'assistant:' -}}",
            system="{{- c + ' ' -}}",
        ),
        eos="<|endoftext|>",
    ),
    "the next role ends a turn": Shape(
        turns(
            "{{- '<|user|>' -}}" + AFTER_ANSWER + r"{{- '\n' + c -}}",
            r"{{- '<|assistant|>\n' -}}⟦{{- c | trim -}}{%- if loop.last -%}⟧{%- endif -%}",
            r"{{- '<|assistant|>\n' -}}",
            system=r"{{- '<|system|>\n' + c -}}",
        ),
        eos="<|endoftext|>",
        missing_eot=True,
    ),
    "reserved numbers": Shape(
        turns(
            "{{- '<reserved_106>' -}}" + AFTER_ANSWER + "{{- c -}}",
            "{{- '<reserved_107>' -}}⟦{{- c -}}{%- if loop.last -%}⟧{%- endif -%}",
            "{{- '<reserved_107>' -}}",
            system="{{- c -}}",
        ),
        missing_eot=True,
    ),
    "a prompt for reasoning that answers do not have": Shape(
        turns(
            r"{{- '<|begin_user|>\n' + c + '\n' -}}",
            r"{{- '<|begin_assistant|>\n' -}}⟦{{- c + '\n<|end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|begin_assistant|>\nHere are my reasoning steps:\n' -}}",
            system=r"{{- '<|begin_system|>\n' + c + '\n' -}}",
        ),
        eos="<|end|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "channels": Shape(
        turns(
            "{{- '<|start|>user<|message|>' + c + '<|end|>' -}}",
            "{{- '<|start|>assistant' -}}⟦{{- '<|channel|>final<|message|>' + c + ('<|return|>' if loop.last else '<|end|>') -}}⟧",
            "{{- '<|start|>assistant' -}}",
            head="{{- '<|start|>system<|message|>Channels: final.<|end|>' -}}",
            system="{{- '<|start|>developer<|message|>' + c + '<|end|>' -}}",
        ),
        eos="<|return|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "eos behind the last turn only": Shape(
        turns(
            r"{{- '<|user|>' + c + '\n' -}}",
            r"{{- '<|assistant|>' -}}⟦{{- c + ('<|endoftext|>' if loop.last else '<|end|>') -}}⟧{{- '\n' if not loop.last -}}",
            r"{{- '<|assistant|>' -}}",
            system=r"{{- '<|system|>' + c + '\n' -}}",
        ),
        eos="<|endoftext|>",
    ),
    "system message upper-cased": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' -}}",
            system=r"{{- '<|im_start|>system\n' + c | upper + '<|im_end|>\n' -}}",
        ),
        eos="<|im_end|>",
    ),
    "turns numbered": Shape(
        CHECK + FIRST + r"{{- sys -}}{%- for message in turns -%}{%- if message.role == 'user' -%}"
        r"{{- '[Round ' + (loop.index0 // 2) | string + ']\n\nQ: ' + message.content + '\n\n' -}}"
        r"{%- else -%}{{- 'A:' -}}⟦{{- ' ' + message.content + eos_token -}}⟧{{- '\n\n' -}}{%- endif -%}{%- endfor -%}"
        r"{%- if add_generation_prompt -%}{{- 'A:' -}}{%- endif -%}",
        may_refuse=frozenset({"asst_first"}),
    ),
    "no prompt at all": Shape(
        turns(
            "{{- '<_user>' + c + '<_bot>' -}}",
            "⟦{{- c + '<_end>' -}}⟧",
            "",
            system="{{- c -}}",
        ),
        eos="<_end>",
    ),
}
