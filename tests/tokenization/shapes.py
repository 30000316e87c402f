"""Chat templates of the kinds in use, written for these tests, with ⟦ ⟧ around what must be trained.

Without the two brackets a source is the template; with them its rendering says what is right.
"""

# A template reads better on one line.
# ruff: noqa: E501

from dataclasses import dataclass

CHECK = (
    "{%- for m in messages %}{% if m.role == 'tool' or m.tool_calls %}"
    "{{ raise_exception('no tools') }}{% endif %}{% endfor -%}"
)


@dataclass(frozen=True)
class Shape:
    """One template: its source with brackets, its special tokens, and what it may not be asked for."""

    source: str
    eos: str = "</s>"
    bos: str = "<s>"
    stops: tuple[str, ...] = ()
    missing_eot: bool = False
    """The last turn has no terminator: refused, and exact with allow_missing_eot."""
    may_refuse: frozenset[str] = frozenset()
    """Conversations that cannot be masked exactly, or whose prompt cannot be rendered."""

    @property
    def template(self) -> str:
        return self.source.replace("⟦", "").replace("⟧", "")


def turns(user: str, assistant: str, prompt: str, *, head: str = "", system: str | None = None) -> str:
    """A template of three kinds of turn; a system message that has no form of its own is refused by the template."""
    system = system or "{{ raise_exception('no system role') }}"
    return (
        CHECK
        + head
        + "{%- for message in messages -%}{%- set c = message.content -%}"
        + "{%- if message.role == 'system' -%}"
        + system
        + "{%- elif message.role == 'user' -%}"
        + user
        + "{%- else -%}"
        + assistant
        + "{%- endif -%}{%- endfor -%}{%- if add_generation_prompt -%}"
        + prompt
        + "{%- endif -%}"
    )


IM = r"{{- '<|im_start|>' + message.role + '\n' + c + '<|im_end|>\n' -}}"
FIRST = (
    "{%- if messages[0].role == 'system' -%}{%- set sys = messages[0].content -%}{%- set turns = messages[1:] -%}"
    "{%- else -%}{%- set sys = '' -%}{%- set turns = messages -%}{%- endif -%}"
)
STRIP_THINK = r"{%- if '</think>' in c -%}{%- set c = c.split('</think>')[-1].lstrip('\n') -%}{%- endif -%}"

SHAPES: dict[str, Shape] = {
    "chatml": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' -}}",
            system=IM,
        ),
        eos="<|im_end|>",
    ),
    "chatml on a base tokenizer": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' -}}",
            system=IM,
        ),
        eos="<|endoftext|>",
    ),
    "default system message": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' -}}",
            head=r"{%- if messages[0].role != 'system' -%}{{- '<|im_start|>system\nBe of help.<|im_end|>\n' -}}{%- endif -%}",
            system=IM,
        ),
        eos="<|im_end|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "system inside the first user turn": Shape(
        CHECK + FIRST + r"{%- for message in turns -%}{%- if message.role == 'user' -%}"
        r"{{- bos_token + '[INST] ' + ('<<SYS>>\n' + sys + '\n<</SYS>>\n\n' if loop.first and sys else '') + message.content.strip() + ' [/INST]' -}}"
        r"{%- else -%}⟦{{- ' ' + message.content.strip() + ' ' + eos_token -}}⟧{%- endif -%}{%- endfor -%}",
        may_refuse=frozenset({"asst_first"}),
    ),
    "header ids": Shape(
        turns(
            r"{{- '<|start_header_id|>user<|end_header_id|>\n\n' + c | trim + '<|eot_id|>' -}}",
            r"{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}⟦{{- c | trim + '<|eot_id|>' -}}⟧",
            r"{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}",
            head="{{- bos_token -}}",
            system=r"{{- '<|start_header_id|>system<|end_header_id|>\n\n' + c | trim + '<|eot_id|>' -}}",
        ),
        eos="<|eot_id|>",
        bos="<|begin_of_text|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "system moves to the last user turn": Shape(
        CHECK + FIRST + r"{{- bos_token -}}{%- for message in turns -%}{%- if message.role == 'user' -%}"
        r"{%- if sys and loop.index0 == (turns | length) - (2 if turns[-1].role == 'assistant' else 1) -%}{{- '[INST] ' + sys + '\n\n' + message.content + '[/INST]' -}}"
        r"{%- else -%}{{- '[INST] ' + message.content + '[/INST]' -}}{%- endif -%}"
        r"{%- else -%}⟦{{- ' ' + message.content | trim + eos_token -}}⟧{%- endif -%}{%- endfor -%}",
        may_refuse=frozenset({"asst_first"}),
    ),
    "bracketed system prompt": Shape(
        turns(
            r"{{- '[INST]' + c + '[/INST]' -}}",
            r"⟦{{- c + eos_token -}}⟧",
            "",
            head="{{- bos_token -}}",
            system=r"{{- '[SYSTEM_PROMPT]' + c + '[/SYSTEM_PROMPT]' -}}",
        ),
        may_refuse=frozenset({"asst_first"}),
    ),
    "model turns": Shape(
        CHECK + FIRST + r"{{- bos_token -}}{%- for message in turns -%}"
        r"{%- if message.role == 'assistant' -%}{{- '<start_of_turn>model\n' -}}⟦{{- message.content | trim + '<end_of_turn>' -}}⟧{{- '\n' -}}"
        r"{%- else -%}{{- '<start_of_turn>user\n' + (sys + '\n\n' if loop.first and sys else '') + message.content | trim + '<end_of_turn>\n' -}}{%- endif -%}"
        r"{%- endfor -%}{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}",
        eos="<eos>",
        bos="<bos>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "eos only at the very end": Shape(
        turns(
            r"{{- '<|user|>\n' + c + '<|end|>\n' -}}",
            r"{{- '<|assistant|>\n' -}}⟦{{- c + '<|end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|assistant|>\n' -}}",
            system=r"{{- '<|system|>\n' + c + '<|end|>\n' -}}",
        )
        + r"{%- if not add_generation_prompt -%}{{- eos_token -}}{%- endif -%}",
        eos="<|endoftext|>",
    ),
    "separator after the role": Shape(
        turns(
            r"{{- '<|im_start|>user<|im_sep|>' + c + '<|im_end|>' -}}",
            r"{{- '<|im_start|>assistant<|im_sep|>' -}}⟦{{- c + '<|im_end|>' -}}⟧",
            r"{{- '<|im_start|>assistant<|im_sep|>' -}}",
            system=r"{{- '<|im_start|>system<|im_sep|>' + c + '<|im_end|>' -}}",
        ),
        eos="<|im_end|>",
    ),
    "past reasoning is cut": Shape(
        turns(
            IM,
            r"{{- '<|im_start|>assistant\n' -}}⟦{%- if not loop.last -%}"
            + STRIP_THINK
            + r"{%- endif -%}{{- c + '<|im_end|>' -}}⟧{{- '\n' -}}",
            r"{{- '<|im_start|>assistant\n' -}}",
            system=IM,
        ),
        eos="<|im_end|>",
    ),
    "prompt opens the reasoning": Shape(
        turns(
            "{{- '<｜User｜>' + c -}}",
            "{{- '<｜Assistant｜>' -}}⟦"
            + STRIP_THINK.replace(r".lstrip('\n')", "")
            + "{{- c + '<｜end▁of▁sentence｜>' -}}⟧",
            r"{{- '<｜Assistant｜><think>\n' -}}",
            head="{{- bos_token -}}",
            system="{{- c -}}",
        ),
        eos="<｜end▁of▁sentence｜>",
        bos="<｜begin▁of▁sentence｜>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "prompt closes the reasoning": Shape(
        turns(
            "{{- '<｜User｜>' + c -}}",
            "{{- '<｜Assistant｜></think>' -}}⟦"
            + STRIP_THINK.replace(r".lstrip('\n')", "")
            + "{{- c + '<｜end▁of▁sentence｜>' -}}⟧",
            "{{- '<｜Assistant｜></think>' -}}",
            head="{{- bos_token -}}",
            system="{{- c -}}",
        ),
        eos="<｜end▁of▁sentence｜>",
        bos="<｜begin▁of▁sentence｜>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "turn tokens": Shape(
        turns(
            "{{- '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + c + '<|END_OF_TURN_TOKEN|>' -}}",
            "{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' -}}⟦{{- c + '<|END_OF_TURN_TOKEN|>' -}}⟧",
            "{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' -}}",
            head="{{- bos_token -}}",
            system="{{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + c + '<|END_OF_TURN_TOKEN|>' -}}",
        ),
        eos="<|END_OF_TURN_TOKEN|>",
        bos="<BOS_TOKEN>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "response in tokens of its own": Shape(
        turns(
            "{{- '<|START_OF_TURN_TOKEN|><|USER_TOKEN|>' + c + '<|END_OF_TURN_TOKEN|>' -}}",
            "{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' -}}⟦{{- '<|START_RESPONSE|>' + c + '<|END_RESPONSE|><|END_OF_TURN_TOKEN|>' -}}⟧",
            "{{- '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' -}}",
            system="{{- '<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>' + c + '<|END_OF_TURN_TOKEN|>' -}}",
        ),
        eos="<|END_OF_TURN_TOKEN|>",
    ),
    "role tokens": Shape(
        turns(
            r"{{- '<|start_of_role|>user<|end_of_role|>' + c + '<|end_of_text|>\n' -}}",
            r"{{- '<|start_of_role|>assistant<|end_of_role|>' -}}⟦{{- c + '<|end_of_text|>' -}}⟧{{- '\n' if not loop.last -}}",
            "{{- '<|start_of_role|>assistant<|end_of_role|>' -}}",
            system=r"{{- '<|start_of_role|>system<|end_of_role|>' + c + '<|end_of_text|>\n' -}}",
        ),
        eos="<|end_of_text|>",
    ),
    "names and colons": Shape(
        turns(
            r"{{- 'User: ' + c | trim + '\n\n' -}}",
            r"{{- 'Assistant:' -}}⟦{{- ' ' + c | trim + eos_token -}}⟧",
            "{{- 'Assistant:' -}}",
            head="{{- bos_token -}}",
            system=r"{{- c + '\n\n' -}}",
        ),
        may_refuse=frozenset({"asst_first"}),
    ),
    "names and colons without eos": Shape(
        turns(
            r"{{- 'User: ' + c | trim + '\n\n' -}}",
            r"{{- 'Falcon:' -}}⟦{{- ' ' + c | trim -}}⟧{{- '\n\n' if not loop.last -}}",
            "{{- 'Falcon:' -}}",
            system=r"{{- c + '\n\n' -}}",
        ),
        eos="<|endoftext|>",
        missing_eot=True,
    ),
    "zephyr with stripped turns": Shape(
        turns(
            r"{{- '<|user|>\n' + c.strip() + eos_token + '\n' -}}",
            r"{{- '<|assistant|>\n' -}}⟦{{- c.strip() + eos_token -}}⟧{{- '\n' -}}",
            r"{{- '<|assistant|>\n' -}}",
            system=r"{{- '<|system|>\n' + c.strip() + eos_token + '\n' -}}",
        ),
    ),
    "one space after the colon": Shape(
        turns(
            "{{- 'USER: ' + c + ' ' -}}",
            "{{- 'ASSISTANT:' -}}⟦{{- ' ' + c + eos_token -}}⟧",
            "{{- 'ASSISTANT:' -}}",
            system="{{- c + ' ' -}}",
        ),
    ),
    "prompt ends with a space": Shape(
        turns(
            "{{- 'USER: ' + c + ' ' -}}",
            "{{- 'ASSISTANT: ' -}}⟦{{- c + eos_token -}}⟧",
            "{{- 'ASSISTANT: ' -}}",
            system="{{- c + ' ' -}}",
        ),
    ),
    "correct user": Shape(
        turns(
            "{{- 'GPT4 Correct User: ' + c + '<|end_of_turn|>' -}}",
            "{{- 'GPT4 Correct Assistant:' -}}⟦{{- ' ' + c + '<|end_of_turn|>' -}}⟧",
            "{{- 'GPT4 Correct Assistant:' -}}",
            head="{{- bos_token -}}",
            system="{{- c + '<|end_of_turn|>' -}}",
        ),
        eos="<|end_of_turn|>",
        may_refuse=frozenset({"asst_first"}),
    ),
    "instruction and response": Shape(
        turns(
            r"{{- '### Instruction:\n' + c + '\n\n' -}}",
            r"{{- '### Response:\n' -}}⟦{{- c + '<|EOT|>' -}}⟧{{- '\n' -}}",
            r"{{- '### Response:\n' -}}",
            head="{{- bos_token -}}",
            system=r"{{- c + '\n' -}}",
        ),
        eos="<|EOT|>",
        may_refuse=frozenset({"asst_first"}),
    ),
}
