"""Answers by vLLM in this process (extra: vllm); the transformers model is freed first."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from sftctl.eval.engines.config import VllmEngine
from sftctl.eval.engines.reply import KeepReplies, Reply
from sftctl.eval.prompts import Question
from sftctl.eval.sides import LoadedSides, Sides
from sftctl.model.source import base_of, is_adapter, resolve_path
from sftctl.tokenization.prepare import Prepared

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM has kernels for; without being told it refuses an adapter above 16."""


class VllmAnswers:
    """Greedy answers; an adapter runs on its base through vLLM's own LoRA. `vllm` is the library, already imported."""

    def __init__(
        self, vllm: Any, config: VllmEngine, sides: Sides, loaded: LoadedSides, prepared: Prepared, max_new_tokens: int
    ) -> None:
        self._vllm = vllm
        self._config = config
        self._sides = sides
        self._loaded = loaded
        self._prepared = prepared
        self._max_new_tokens = max_new_tokens

    def identity(self, side: Literal["base", "tuned"]) -> str:
        chosen = self._sides.base if side == "base" else self._sides.tuned
        return f"vllm {chosen.fingerprint} {self._max_new_tokens} {self._prepared.stop_token_ids}"

    def answer(self, side: Literal["base", "tuned"], questions: Sequence[Question], keep: KeepReplies) -> None:
        self._loaded.free()
        chosen = self._sides.base if side == "base" else self._sides.tuned
        source = resolve_path(chosen.path)
        adapter = source if is_adapter(source) else None
        weights = resolve_path(base_of(source) or self._sides.base.path) if adapter else source
        engine = self._vllm.LLM(
            model=weights,
            skip_tokenizer_init=True,
            **({} if adapter is None else {"enable_lora": True, "max_lora_rank": _room_for(adapter)}),
            gpu_memory_utilization=self._config.memory_share,
        )
        outputs: list[Any] = engine.generate(
            [{"prompt_token_ids": list(question.token_ids or ())} for question in questions],
            self._vllm.SamplingParams(
                temperature=0.0,
                max_tokens=self._max_new_tokens,
                stop_token_ids=list(self._prepared.stop_token_ids),
                detokenize=False,
            ),
            lora_request=self._vllm.lora.request.LoRARequest("tuned", 1, adapter) if adapter else None,
        )
        keep({number: self._reply(output.outputs[0]) for number, output in enumerate(outputs)})

    def _reply(self, output: Any) -> Reply:
        ids = [token for token in output.token_ids if token not in self._prepared.stop_token_ids]
        text = self._prepared.tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return Reply(str(text), output.finish_reason == "stop")


def _room_for(adapter: str) -> int:
    """The least of vLLM's ranks that holds the adapter's; one above all of them is vLLM's to refuse."""
    rank = int(json.loads((Path(adapter) / "adapter_config.json").read_bytes())["r"])
    return next((room for room in _RANKS if room >= rank), rank)
