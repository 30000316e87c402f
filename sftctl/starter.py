"""What `init` writes: a commented recipe for one's own data, and a CI workflow that runs the smoke-test."""

import json
import re
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import typer

from sftctl.errors import UsageError
from sftctl.run_dir import write_text


@dataclass(frozen=True)
class Answers:
    """What only the user knows; None takes the example's value."""

    name: str | None = None
    model: str | None = None
    data: str | None = None


EXAMPLE = Answers(name="my-assistant", model="builtin:tiny", data="data/train.jsonl")

_RECIPE = """\
# A recipe for sftctl. Every other key has a default: `sftctl schema` lists them all.
#   sftctl run {file}                          the whole job
#   sftctl run {file} train.learning_rate=1e-5 with a key overridden
name: {name}
seed: 17                      # of everything random

model:
  path: {model}
  method: lora                # full | lora | qlora

data:
  max_length: auto            # tokens; from your rows and the model's limit
  train_on: all_assistant     # loss on every assistant turn, and on nothing else

curate:
  sources:                    # JSONL, JSON, CSV, Parquet (also .gz), or a hub id; the format is detected
    - {{name: domain, path: {data}}}
    # General rows keep the model from forgetting; 5 to 10 % of the mix are enough for most:
    # - {{name: general, path: data/general.jsonl, role: general}}
  hold_out: {{rows: auto}}      # 200 of each role, at most a fifth of its rows; drawn before any filter

train:
  epochs: 2
  batch_size: 32              # examples in one optimizer step, whatever packing and devices do

eval:
  prompts: 200                # fewer cannot show that a rate is below 2 %
  behaviours:
    - {{id: apologies, preset: apology, max_rate: 0.02}}
"""

_WORKFLOW = """\
# Runs the smoke-test of {recipe} on every pull request; a failed check fails the job and is annotated on the diff.
# The built-in model stands in for the recipe's own, which needs a GPU: this tests recipe, rows, masks, saving and that
# the loss stays finite, and not what is learned. A recipe with method qlora needs model.method=lora on both commands.
name: sftctl smoke-test
on: [pull_request]
permissions:
  contents: read
env:
  # What pip installs: {how}
  SFTCTL: {source}
jobs:
  smoke-test:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with: {{python-version: "3.11"}}
      - run: pip install "$SFTCTL"
      - run: sftctl curate {recipe} model.path=builtin:tiny --quiet
      - run: |
          sftctl smoke-test {recipe} model.path=builtin:tiny smoke_test.stand_in=true smoke_test.steps=10 \\
            --quiet --junit smoke-test.xml
      - uses: actions/upload-artifact@v4
        if: always()
        with: {{name: smoke-test, path: smoke-test.xml}}
"""

_VENDORED = "./vendor/sftctl"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def ask(given: Answers) -> Answers:
    """Ask on the terminal for what was not given; Return takes the example's value."""
    return Answers(
        name=given.name or typer.prompt("Name of the run", default=EXAMPLE.name, err=True),
        model=given.model or typer.prompt("Model (hub id, folder, or builtin:tiny)", default=EXAMPLE.model, err=True),
        data=given.data or typer.prompt("Training rows (file or hub id)", default=EXAMPLE.data, err=True),
    )


def examples_taken(answers: Answers) -> list[str]:
    """What was not answered and now holds an example's value, in words."""
    missing = [name for name in ("model", "data") if getattr(answers, name) is None]
    return [
        f"{name} was not given: the recipe says {getattr(EXAMPLE, name)}; change it, or pass --{name}"
        for name in missing
    ]


def write_starter(folder: Path, answers: Answers, *, overwrite: bool) -> Path:
    """Write DIR/recipe.yaml. Raises UsageError for a name that cannot be a folder, or a file that exists."""
    name = answers.name or EXAMPLE.name or ""
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name}: use letters, digits, '.', '_' and '-'; it names the run's folder")
    path = folder / "recipe.yaml"
    text = _RECIPE.format(
        file=path, name=name, model=_quoted(answers.model or EXAMPLE.model), data=_quoted(answers.data or EXAMPLE.data)
    )
    return _write_new(path, text, overwrite=overwrite)


def write_workflow(folder: Path, source: str | None, *, overwrite: bool) -> Path:
    """Write DIR/.github/workflows/smoke-test.yml for DIR's recipe.yaml; `source` is what pip installs sftctl from."""
    path = folder / ".github" / "workflows" / "smoke-test.yml"
    how = (
        "sftctl as it was installed where this file was written."
        if source
        else (
            "the folder of this repository that holds sftctl's source, since no package index has it;\n"
            '  # or "sftctl @ git+https://HOST/OWNER/sftctl@COMMIT".'
        )
    )
    text = _WORKFLOW.format(recipe="recipe.yaml", how=how, source=_quoted(source or _VENDORED))
    return _write_new(path, text, overwrite=overwrite)


def recorded_by_pip() -> str | None:
    """The file of PEP 610, where sftctl was not installed from an index."""
    return distribution("sftctl").read_text("direct_url.json")


def installed_from(direct_url: str | None) -> str | None:
    """What pip recorded (the JSON of PEP 610) as a requirement that another machine can install; None for a folder."""
    recorded = json.loads(direct_url or "{}")
    url, version_control = recorded.get("url", ""), recorded.get("vcs_info")
    if not url.startswith(("https://", "ssh://")):
        return None
    if version_control:
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    folder = recorded.get("subdirectory")
    return f"sftctl @ {url}" + (f"#subdirectory={folder}" if folder else "")


def what_ci_needs(path: Path, source: str | None) -> str:
    """What is left to do before the workflow runs."""
    if source:
        return f"the workflow installs {source}"
    return (
        f"no package index has sftctl: put its source into the folder {_VENDORED} of your repository, or change SFTCTL "
        f"at the top of {path}"
    )


def _quoted(text: str | None) -> str:
    """The text as a YAML scalar that stays text."""
    plain = text or ""
    return plain if re.fullmatch(r"[A-Za-z./~][\w./:@-]*", plain) and not plain.endswith(":") else json.dumps(plain)


def _write_new(path: Path, text: str, *, overwrite: bool) -> Path:
    if path.exists() and not overwrite:
        raise UsageError(f"{path}: exists already; --overwrite replaces it")
    write_text(path, text)
    return path
