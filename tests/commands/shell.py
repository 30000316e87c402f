"""Run sftctl the way a shell does."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Ran:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> Any:
        return json.loads(self.stdout)


def sftctl(*arguments: str, cwd: Path, stdin: str | None = None, env: dict[str, str] | None = None) -> Ran:
    """`sftctl ARGUMENTS` in a folder, without a terminal."""
    result = subprocess.run(
        [sys.executable, "-m", "sftctl", *arguments],
        cwd=cwd,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=300,
        check=False,
    )
    return Ran(result.returncode, result.stdout, result.stderr)
