"""The recipe's `model` section: which model, how it is tuned, and how it is loaded."""

from typing import Literal, Self

from pydantic import Field, model_validator

from sftctl.section import Section, section_of_defaults

Method = Literal["full", "lora", "qlora"]


class LoraConfig(Section):
    """The adapter of `method: lora` and `method: qlora`."""

    r: int = Field(16, ge=1, le=1024, description="rank; more holds more, and forgets more")
    alpha: float | None = Field(
        None, gt=0, le=4096, description="scale of the adapter's output; null is twice the rank"
    )
    dropout: float = Field(0.05, ge=0, lt=1, description="share of the adapter's inputs dropped while training")
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        "all-linear", description="layers that get an adapter: all-linear, or a list of name endings", min_length=1
    )
    dora: bool = Field(False, description="weight-decomposed adapters (DoRA); slower, at times better at a low rank")
    rslora: bool = Field(False, description="scale by the root of the rank; for ranks above 64")

    @property
    def scale(self) -> float:
        """`alpha`, or its default."""
        return 2.0 * self.r if self.alpha is None else self.alpha


class ModelConfig(Section):
    """A causal language model, and the method by which it is tuned."""

    path: str = Field(min_length=1, description="hub id, local folder, or builtin:tiny")
    revision: str = Field("main", min_length=1, description="branch, tag or commit on the hub")
    method: Method = Field("lora", description="full: every weight; lora: adapters; qlora: adapters on a 4-bit base")
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="auto: float32 on a CPU and for full fine-tuning, else bfloat16"
    )
    attention: Literal["auto", "sdpa", "eager", "varlen"] = Field(
        "auto", description="auto: varlen for training on CUDA where the GPU has it, else sdpa"
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="auto: the GPU where there is one")
    trust_remote_code: bool = Field(False, description="run Python code that comes with the model")
    lora: LoraConfig = section_of_defaults("the adapter's options")
    merge: bool = Field(False, description="save the base with the adapter merged in, instead of the adapter alone")

    @model_validator(mode="after")
    def _merge_needs_an_adapter(self) -> Self:
        if self.merge and self.method == "full":
            raise ValueError("merge: method full has no adapter to merge; remove merge, or use method lora")
        if self.merge and self.method == "qlora":
            raise ValueError("merge: a 4-bit base cannot hold a merged adapter; remove merge and serve the adapter")
        return self
