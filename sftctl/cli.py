"""The commands: a recipe in, a stage run, a result and an exit code out."""

import gc
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol, runtime_checkable

import typer

from sftctl import console, standard_streams
from sftctl.errors import ExitCode, StorageFailed, told
from sftctl.options import Options

if TYPE_CHECKING:
    from sftctl.manifest import Stage

app = typer.Typer(
    help="Supervised fine-tuning, from raw rows to an evaluated model: curate, smoke-test, train, eval.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, `-`, or builtin:demo.")]
OverridesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Overrides, such as train.learning_rate=1e-5.")
]
RunDirOption = Annotated[Path | None, typer.Option("--run-dir", help="Folder of the run; default runs/NAME.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print warnings and errors only.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Print details too.")]
NoColorOption = Annotated[bool, typer.Option("--no-color", help="Print without colour.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Print the plan and advice; run nothing.")]
OverwriteOption = Annotated[
    bool, typer.Option("--overwrite", help="Run again from the start; paid replies of a judge are kept.")
]
ResumeOption = Annotated[
    Literal["auto", "never"], typer.Option("--resume", help="Go on from the newest intact checkpoint, or never.")
]
JunitOption = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="Also write checks as JUnit XML.")]
VotesOption = Annotated[Path | None, typer.Option("--votes", metavar="PATH", help="Merge a file or folder of votes.")]


@app.command(short_help="raw rows -> held-out and training set")
def curate(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    run_dir: RunDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    no_color: NoColorOption = False,
) -> None:
    """Raw rows -> held-out set and training set, every row accounted for."""
    options = Options(run_dir, as_json, quiet, verbose, not no_color, dry_run, overwrite)
    _execute(("curate",), recipe, overrides, options)


@app.command("smoke-test", short_help="100 real steps, checks and a forecast")
def smoke_test(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    run_dir: RunDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    junit: JunitOption = None,
    no_color: NoColorOption = False,
) -> None:
    """100 real steps: fits, learns, right format; forecast of time, memory and cost."""
    options = Options(run_dir, as_json, quiet, verbose, not no_color, dry_run, overwrite, junit=junit)
    _execute(("smoke-test",), recipe, overrides, options)


@app.command(short_help="TRL's SFTTrainer under guard -> a model")
def train(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    run_dir: RunDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    resume: ResumeOption = "auto",
    no_color: NoColorOption = False,
) -> None:
    """TRL's SFTTrainer under guard -> a model."""
    options = Options(run_dir, as_json, quiet, verbose, not no_color, dry_run, overwrite, resume)
    _execute(("train",), recipe, overrides, options)


@app.command("eval", short_help="base against tuned -> verdict, report")
def evaluate(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    run_dir: RunDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    junit: JunitOption = None,
    votes: VotesOption = None,
    no_color: NoColorOption = False,
) -> None:
    """Base against tuned, with confidence, against thresholds -> verdict and report."""
    options = Options(run_dir, as_json, quiet, verbose, not no_color, dry_run, overwrite, junit=junit, votes=votes)
    _execute(("eval",), recipe, overrides, options)


@app.command(short_help="the four in order, until one fails")
def run(
    recipe: RecipeArgument,
    overrides: OverridesArgument = None,
    run_dir: RunDirOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    dry_run: DryRunOption = False,
    overwrite: OverwriteOption = False,
    resume: ResumeOption = "auto",
    junit: JunitOption = None,
    no_color: NoColorOption = False,
) -> None:
    """The four stages in order; stops at the first failure, skips what is done and unchanged."""
    options = Options(run_dir, as_json, quiet, verbose, not no_color, dry_run, overwrite, resume, junit)
    _execute(("curate", "smoke-test", "train", "eval"), recipe, overrides, options)


@app.command(short_help="write a starter recipe, or a CI workflow")
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; default here.")] = Path(),
    model: Annotated[str | None, typer.Option(help="Hub id or folder of the model.")] = None,
    data: Annotated[str | None, typer.Option(help="File of training rows, or hub id.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    ci: Annotated[bool, typer.Option("--ci", help="Write a workflow that runs the smoke-test in CI.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
) -> None:
    """A commented starter recipe, from questions, or from flags when not a terminal."""
    from sftctl import starter

    def write_recipe() -> ExitCode:
        given = starter.Answers(name=name, model=model, data=data)
        answers = starter.ask(given) if sys.stdin.isatty() else given
        path = starter.write_starter(folder, answers, overwrite=overwrite)
        _print(str(path))
        for taken in starter.examples_taken(answers):
            console.warn(taken)
        console.say(f"next: sftctl run {path} --dry-run")
        return ExitCode.OK

    def write_workflow() -> ExitCode:
        source = starter.installed_from(starter.recorded_by_pip())
        path = starter.write_workflow(folder, source, overwrite=overwrite)
        _print(str(path))
        (console.say if source else console.warn)(starter.what_ci_needs(path, source))
        return ExitCode.OK

    raise typer.Exit(_guarded(write_workflow if ci else write_recipe))


@app.command(short_help="JSON Schema of the recipe, for editors")
def schema() -> None:
    """JSON Schema of the recipe, for editors."""
    from sftctl.recipe import recipe_schema

    def write() -> ExitCode:
        _print(recipe_schema().rstrip("\n"))
        return ExitCode.OK

    raise typer.Exit(_guarded(write))


@app.callback(invoke_without_command=True)
def top_level(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Supervised fine-tuning, from raw rows to an evaluated model."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"sftctl {installed('sftctl')}")
        raise typer.Exit


def main() -> None:
    """Entry point of the command and of `python -m sftctl`."""
    standard_streams.make_lasting()
    # Start-up makes many objects and drops none: looking for garbage would cost a quarter of it. Stages turn it on.
    gc.disable()
    # Pydantic would look through every installed package for plug-ins, which a recipe does not use.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        app(prog_name="sftctl")
    except SystemExit as ended:
        # A command line that cannot be read never reaches a command; a pipeline that asked for JSON still gets it.
        misuse = ended.__context__
        if isinstance(misuse, _CommandLineError):
            message = misuse.format_message()
            if hint := _recipe_key_meant(misuse):
                console.say(hint)
                message += f"\n{hint}"
            if "--json" in sys.argv:
                _print_error("UsageError", ExitCode.USAGE, message)
        raise
    except OSError as error:
        # Only help and the version are written outside a command.
        console.error(_not_printed(error))
        _let_go_of_standard_output()
        sys.exit(ExitCode.STORAGE)
    finally:
        # The process ends and all its memory with it: a last search for garbage would be an eighth of a short command.
        gc.freeze()


@runtime_checkable
class _CommandLineError(Protocol):
    """What typer raises for an unknown option, a missing argument, a value out of its range."""

    def format_message(self) -> str: ...


def _recipe_key_meant(misuse: Any) -> str:
    """How to give a key of the recipe, where an option that the command does not have was meant for one."""
    from sftctl.recipe import Recipe
    from sftctl.recipe_keys import key_hint

    unknown = getattr(misuse, "option_name", None) if hasattr(misuse, "possibilities") else None
    if unknown is None or "overrides" not in [parameter.name for parameter in misuse.ctx.command.params]:
        return ""
    return key_hint(sys.argv, unknown, Recipe, guess=not set(misuse.possibilities or ()) - {"--help"})


def _execute(stages: "Sequence[Stage]", recipe: str, overrides: list[str] | None, options: Options) -> None:
    """Run stages of one recipe and end the process with the exit code of what happened."""
    main_process = os.environ.get("RANK", "0") == "0"
    verbosity: console.Verbosity = (
        "quiet" if options.quiet or not main_process else "verbose" if options.verbose else "normal"
    )
    console.configure(verbosity, color=options.color)
    if not main_process:
        options = replace(options, junit=None)

    def work() -> ExitCode:
        from sftctl.recipe import load_recipe

        with _refusals_in(options.junit, stages):
            loaded = load_recipe(recipe, overrides or ())
            from sftctl.session import open_session  # here, since a recipe error should not wait for it

            session = open_session(loaded, options)
        gc.enable()
        from sftctl.library_messages import send_to_the_log
        from sftctl.pipeline import run_stages

        send_to_the_log()
        ending = run_stages(session, stages)
        if main_process and options.as_json:
            _print(_as_json(ending.document, indent=2))
        elif main_process and ending.printed is not None:
            _print(ending.printed)
        return ending.exit_code

    raise typer.Exit(_guarded(work, as_json=options.as_json))


def _refusals_in(junit: Path | None, stages: "Sequence[Stage]") -> AbstractContextManager[None]:
    """An earlier file of `--junit` is replaced before the recipe is read, and again where that fails."""
    if junit is None:
        return nullcontext()
    from sftctl.report.junit import begin, refusals_in

    begin(junit, stages)
    return refusals_in(junit, stages)


def _guarded(work: Callable[[], ExitCode], *, as_json: bool = False) -> ExitCode:
    """The exit code of `work`, whatever it raises; what the user can fix is said without a traceback."""
    try:
        return work()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the last stop before the shell
        ending = told(error)
        code, message = ending.exit_code, ending.message
        if code == ExitCode.BUG:
            message += f" {_kept_traceback(error)}"
    console.error(message)
    if as_json:
        _print_error(ending.kind, code, message)
    elif code == ExitCode.STORAGE:
        _let_go_of_standard_output()
    return code


def _kept_traceback(error: BaseException) -> str:
    """Keep the traceback in the run's log, or show it where there is no log yet."""
    trace = "".join(traceback.format_exception(error))
    console.log_only(trace)
    log = console.log_file()
    return f"The traceback is in {log}." if log else f"\n{trace}"


def _as_json(document: Any, indent: int | None = None) -> str:
    """In UTF-8: bytes that the locale could not read as what they are there, and an escape for each that is none."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    # What Python makes of bytes that it cannot read, and back: see PEP 383.
    text = re.sub(r"[\udc80-\udcff]+", lambda unread: os.fsencode(unread[0]).decode("utf-8", "surrogateescape"), text)
    return text.encode("utf-8", "backslashreplace").decode()


def _print(text: str) -> None:
    """The result, on standard output. Raises StorageFailed where that cannot be written."""
    try:
        typer.echo(text)
    except OSError as error:
        raise StorageFailed(_not_printed(error)) from error


def _not_printed(error: OSError) -> str:
    gone = "nobody reads it any more (Broken pipe)" if isinstance(error, BrokenPipeError) else error.strerror
    return f"standard output: {gone}."


def _print_error(kind: str, code: ExitCode, message: str) -> None:
    document = {"error": {"kind": kind, "exit_code": int(code), "message": message}}
    try:
        typer.echo(_as_json(document))
    except OSError:
        _let_go_of_standard_output()


def _let_go_of_standard_output() -> None:
    """It cannot be written, and Python would fail once more when it flushes at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
