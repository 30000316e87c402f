"""logs/metrics.jsonl: one JSON object for each step and each evaluation, also after a resume."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sftctl.run_dir import storage_errors, write_text
from sftctl.train.result import HeldOutLoss


class MetricsLog:
    """Lines gather in memory and go to disk with each evaluation and checkpoint, and at the end."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lines: list[str] = []

    def step(self, step: int, epoch: float, logs: Mapping[str, float], seconds: float) -> None:
        """An optimizer step; `loss` is in nats per trained token, `seconds` what the step took."""
        self._add(
            {
                "step": step,
                "epoch": round(epoch, 6),
                "loss": logs["loss"],
                "learning_rate": logs["learning_rate"],
                "grad_norm": logs.get("grad_norm"),
                "seconds": round(seconds, 6),
            }
        )

    def held_out(self, losses: HeldOutLoss) -> None:
        """An evaluation."""
        self._add({"step": losses.step, "epoch": round(losses.epoch, 6), "held_out": losses.model_dump()})
        self.flush()

    def spike(self, step: int, loss: float, row_ids: list[str]) -> None:
        """The rows behind a sudden loss."""
        self._add({"step": step, "spike": {"loss": loss, "rows": row_ids}})

    def flush(self) -> None:
        """Append what has gathered."""
        if self._path is None or not self._lines:
            return
        with storage_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.writelines(self._lines)
        self._lines = []

    def cut_after(self, step: int) -> None:
        """Drop lines of steps that a resumed run will do again, and a line that was torn by a kill."""
        if self._path is None or not self._path.exists():
            return
        kept = []
        for line in self._path.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
            try:
                if json.loads(line)["step"] <= step:
                    kept.append(line)
            except (ValueError, KeyError, TypeError):
                continue
        write_text(self._path, "".join(kept))

    def _add(self, record: dict[str, Any]) -> None:
        self._lines.append(json.dumps(record, ensure_ascii=False) + "\n")
