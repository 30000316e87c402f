"""The recipe's choice of where answers come from."""

from typing import Annotated, Literal

from pydantic import Field

from sftctl.section import Section


class HfEngine(Section):
    """transformers, in this process (default)."""

    kind: Literal["hf"] = "hf"
    batch_size: int = Field(16, ge=1, le=4096, description="prompts generated at once")


class VllmEngine(Section):
    """vLLM in this process (extra: vllm); losses and benchmarks still use transformers."""

    kind: Literal["vllm"]
    memory_share: float = Field(0.85, gt=0, le=1, description="share of the GPU's memory that vLLM may take")


class EndpointEngine(Section):
    """A server with OpenAI's chat completions. No weights are loaded: losses and benchmarks are not measured."""

    kind: Literal["endpoint"]
    url: str = Field(
        pattern=r"^https?://",
        description="address that ends before /chat/completions, such as http://localhost:8000/v1",
    )
    base_model: str | None = Field(None, description="the server's name of the base; null: tuned alone")
    tuned_model: str = Field(description="the server's name of the tuned model")
    api_key_env: str | None = Field(
        None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="environment variable with the key"
    )
    timeout_seconds: float = Field(120, gt=0, le=3600, description="for one answer")


class AnswersEngine(Section):
    """Files of finished answers, matched to the held-out rows by `id` or by prompt. No weights are loaded."""

    kind: Literal["answers"]
    base: str | None = Field(
        None, description="file of the base's answers (JSON lines: id or prompt, answer); null: tuned alone"
    )
    tuned: str = Field(description="file of the tuned model's answers")


Engine = Annotated[HfEngine | VllmEngine | EndpointEngine | AnswersEngine, Field(discriminator="kind")]
