"""The two models under test: where they lie, what identifies them, and one at a time in memory."""

import contextlib
import gc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch

from sftctl.errors import MissingInput
from sftctl.eval.config import EvalConfig
from sftctl.eval.result import Side
from sftctl.model import adapters, loading
from sftctl.model.config import ModelConfig
from sftctl.model.fingerprint import fingerprint
from sftctl.model.source import base_of, is_adapter, resolve_path
from sftctl.run_dir import RunDir

SideName = Literal["base", "tuned"]


@dataclass(frozen=True)
class Sides:
    """Base and tuned model by path; `base.adapter_off` when the base is the tuned model without its adapter."""

    config: ModelConfig
    base: Side
    tuned: Side

    @contextlib.contextmanager
    def loaded(self) -> Iterator["LoadedSides"]:
        """Load on first use, and free what is no longer used."""
        sides = LoadedSides(self)
        try:
            yield sides
        finally:
            sides.free()


class LoadedSides:
    """At most one model in memory."""

    def __init__(self, sides: Sides) -> None:
        self._sides = sides
        self._path: str | None = None
        self._model: Any = None

    @contextlib.contextmanager
    def model(self, name: SideName) -> Iterator[Any]:
        """The model of one side, in eval mode."""
        side = self._sides.base if name == "base" else self._sides.tuned
        loaded = self._load(self._sides.tuned.path if side.adapter_off else side.path)
        if side.adapter_off:
            with adapters.adapter_off(loaded) as bare:
                yield bare
        else:
            yield loaded

    @contextlib.contextmanager
    def lazily(self, name: SideName) -> Iterator[Callable[[], Any]]:
        """A function that loads the side's model when it is first called; none is loaded where nothing is missing."""
        with contextlib.ExitStack() as stack:
            opened: list[Any] = []

            def model() -> Any:
                if not opened:
                    opened.append(stack.enter_context(self.model(name)))
                return opened[0]

            yield model

    def free(self) -> None:
        """Give the memory back."""
        self._model = self._path = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _load(self, path: str) -> Any:
        if path != self._path:
            self.free()
            self._model, self._path = loading.load_model(self._sides.config, path=path), path
        return self._model


def find_sides(config: EvalConfig, model: ModelConfig, run_dir: RunDir) -> Sides:
    """Paths and identities of both sides. Raises MissingInput where there is no tuned model."""
    tuned = config.tuned or str(run_dir.model)
    if config.tuned is None and not run_dir.model.is_dir():
        raise MissingInput(
            f"{run_dir.model}: there is no tuned model yet. Run `sftctl train` with this recipe first, "
            "or set eval.tuned to a model or an adapter."
        )
    base = config.base or model.path
    tuned_source, base_source = resolve_path(tuned), resolve_path(base)
    own_base = base_of(tuned_source) if is_adapter(tuned_source) else None
    shared = own_base is not None and resolve_path(own_base) == base_source
    return Sides(
        config=model,
        base=Side(path=base, fingerprint=fingerprint(base_source, model), adapter_off=shared),
        tuned=Side(path=tuned, fingerprint=fingerprint(tuned_source, model)),
    )
