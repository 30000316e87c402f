"""What each key of the eval section changes in what eval does."""

import json
import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from sftctl.data.conversation import Conversation
from sftctl.demo import paths
from sftctl.errors import GateFailed, SftctlError
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.opening import open_local, open_remote
from sftctl.eval.engines.vllm import VllmAnswers
from sftctl.eval.prompts import Question
from sftctl.eval.sides import find_sides
from sftctl.eval.stage import held_out_rows
from sftctl.run_dir import RunDir
from sftctl.tokenization.config import DataConfig
from tests.eval.arena.key_effects import ARENA_EFFECTS
from tests.eval.benchmark_effects import BENCHMARK_EFFECTS
from tests.eval.conftest import MODEL, run_eval
from tests.eval.judge.key_effects import JUDGE_EFFECTS
from tests.key_effect import KeyEffect

_QUESTION = Question(
    Conversation(
        id="a",
        messages=({"role": "user", "content": "Fee?"}, {"role": "assistant", "content": "It is 5."}),
        source="desk",
        tags=("fee",),
    ),
    (1, 2, 3),
)
_ANSWERS = ("It is 5.", "I'm sorry, it is 7.", '{"a": 1}', "it's x = 1")


def _config(key: str, value: Any) -> EvalConfig:
    """A config with one dotted key set."""
    options: Any = value
    for name in reversed(key.removeprefix("eval.").split(".")):
        options = {name: options}
    return EvalConfig.model_validate({"held_out": "x.jsonl", **options})


def _identity(side: str) -> Any:
    def observe(value: str, folder: Path) -> str:
        copy = folder / "copy"
        shutil.copytree(paths.model_folder(), copy)
        (copy / "generation_config.json").write_text('{"eos_token_id": 0}')
        path = str(copy) if value == "copy" else value
        config = EvalConfig.model_validate({"tuned": "builtin:tiny", side: path})
        sides = find_sides(config, MODEL, RunDir(folder))
        return (sides.base if side == "base" else sides.tuned).fingerprint

    return observe


def _rows(folder: Path, count: int) -> str:
    path = folder / f"rows{count}.jsonl"
    path.write_text(
        "".join(json.dumps({"prompt": f"Fee {n}?", "completion": f"It is {n}."}) + "\n" for n in range(count))
    )
    return str(path)


def _held_out(value: int, folder: Path) -> int:
    return len(held_out_rows(EvalConfig(held_out=_rows(folder, value)), RunDir(folder)))


def _answered(options: dict[str, Any], folder: Path) -> Any:
    """The stage on files of answers; the base says 5, the tuned model apologises."""
    rows = _rows(folder, 30)
    for name, text in (("good", "It is 5."), ("bad", "I'm sorry, it is 7.")):
        lines = [json.dumps({"prompt": f"Fee {n}?", "answer": text}) for n in range(30)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    engine = {"kind": "answers", "tuned": str(folder / "bad.jsonl")}
    given = options.pop("engine", {})
    engine |= {name: str(folder / value) for name, value in given.items()}
    return run_eval({"held_out": rows, "engine": engine, "prompts": 30, **options}, folder / "run")


def _generated(key: str, read: Any) -> Any:
    """The stage on the built-in model."""

    def observe(value: Any, folder: Path) -> Any:
        lines = (paths.data_folder() / "held_out.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
        (folder / "rows.jsonl").write_text("".join(lines[: 12 if key == "best_of" else 2]), encoding="utf-8")
        options = {"tuned": "builtin:tiny", "held_out": str(folder / "rows.jsonl"), "max_new_tokens": 3}
        return read(run_eval({**options, "prompts": 12, key: value}, folder / "run"))

    return observe


def _kind(value: str, folder: Path) -> list[str]:
    options = {"tuned": "builtin:tiny", "held_out": _rows(folder, 2), "max_new_tokens": 3}
    (folder / "answers.jsonl").write_text(
        "".join(json.dumps({"prompt": f"Fee {n}?", "answer": "5"}) + "\n" for n in range(2))
    )
    engine = {"kind": "hf"} if value == "hf" else {"kind": value, "tuned": str(folder / "answers.jsonl")}
    return [row.tuned for row in run_eval({**options, "engine": engine}, folder / "run").side_by_side]


def _batch(value: int, folder: Path) -> int:
    """Prompts that go to the model before their answers are on disk."""
    config = _config("engine", {"kind": "hf", "batch_size": value})
    return open_local(config, None, None, None).at_once  # type: ignore[arg-type]


class _Recorder:
    """Stands where the vllm library would: keeps what it is given."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.SamplingParams = dict
        self.lora = SimpleNamespace(request=SimpleNamespace(LoRARequest=tuple))

    def LLM(self, **options: Any) -> Any:
        self.options = options
        return SimpleNamespace(generate=lambda *args, **more: [])


def _memory(value: float, folder: Path) -> float:
    engine = _config("engine", {"kind": "vllm", "memory_share": value}).engine
    sides = find_sides(EvalConfig(tuned="builtin:tiny"), MODEL, RunDir(folder))
    library = _Recorder()
    prepared = SimpleNamespace(stop_token_ids=(0,))
    answers = VllmAnswers(library, engine, sides, SimpleNamespace(free=lambda: None), prepared, 4)  # type: ignore[arg-type]
    answers.answer("tuned", [], lambda replies: None)
    return float(library.options["gpu_memory_utilization"])


class _Server(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(0.3)
        said = [self.path, body["model"], self.headers.get("Authorization")]
        content = json.dumps({"choices": [{"message": {"content": json.dumps(said)}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        pass


def _endpoint(key: str, side: str = "tuned") -> Any:
    def observe(value: Any, folder: Path) -> Any:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        os.environ["SFTCTL_TEST_KEY"] = "k"
        options = {"kind": "endpoint", "url": f"{address}/v1", "tuned_model": "new", "timeout_seconds": 5, key: value}
        if key == "url":
            options["url"] = f"{address}/{value}"
        config = _config("engine", options)
        engine = open_remote(config, config.engine, DataConfig())  # type: ignore[arg-type]
        try:
            if engine.identity(side) is None:  # type: ignore[arg-type]
                return "no such side"
            replies: dict[int, Any] = {}
            engine.answer(side, [_QUESTION], replies.update)  # type: ignore[arg-type]
            return replies[0].text if replies[0] else None
        except SftctlError as error:
            return type(error).__name__
        finally:
            os.environ.pop("SFTCTL_TEST_KEY")
            server.shutdown()
            server.server_close()

    return observe


def _gate(key: str, **options: Any) -> Any:
    """Gates of the stage with one behaviour; the base answers with 5, the tuned model apologises."""

    def observe(value: Any, folder: Path) -> Any:
        behaviour = {"id": "it", **({} if "check" in options else {"preset": "apology"}), **options, key: value}
        try:
            result = _answered({"behaviours": [behaviour], "engine": {"base": "good.jsonl"}}, folder)
        except GateFailed as failure:
            return str(failure).splitlines()[1]
        rates = [figure.tuned and (figure.id, figure.tuned.rows) for figure in result.behaviours]
        return [(gate.name, gate.verdict) for gate in result.gates], rates

    return observe


def _scores(key: str, **options: Any) -> Any:
    def observe(value: Any, folder: Path) -> Any:
        from sftctl.eval.behaviour_figures import behaviour_scores

        given = {"id": "it", "max_rate": 1.0, "min_rate": 0.0, **options, key: value}
        config = EvalConfig.model_validate({"behaviours": [given]})
        return [behaviour_scores(config.behaviours, _QUESTION, text) for text in _ANSWERS]

    return observe


def _exit(value: list[str], folder: Path) -> str:
    try:
        return _answered(
            {"fail_on": value, "prompts": 5, "behaviours": [{"id": "a", "preset": "loop", "max_rate": 0.01}]}, folder
        ).verdict
    except GateFailed:
        return "exit 1"


KEY_EFFECTS = [
    KeyEffect("eval.base", "builtin:tiny", "copy", _identity("base")),
    KeyEffect("eval.tuned", "builtin:tiny", "copy", _identity("tuned")),
    KeyEffect("eval.held_out", 2, 3, _held_out),
    KeyEffect("eval.prompts", 20, 30, lambda value, folder: len(_answered({"prompts": value}, folder).side_by_side)),
    KeyEffect(
        "eval.max_new_tokens",
        2,
        5,
        _generated("max_new_tokens", lambda result: [row.tuned for row in result.side_by_side]),
    ),
    KeyEffect("eval.best_of", 1, 2, _generated("best_of", lambda result: result.best_of and result.best_of.samples)),
    KeyEffect("eval.engine.kind", "hf", "answers", _kind),
    KeyEffect("eval.engine.batch_size", 2, 8, _batch),
    KeyEffect("eval.engine.memory_share", 0.5, 0.9, _memory),
    KeyEffect("eval.engine.url", "v1", "v2", _endpoint("url")),
    KeyEffect("eval.engine.base_model", None, "old", _endpoint("base_model", "base")),
    KeyEffect("eval.engine.tuned_model", "new", "newer", _endpoint("tuned_model")),
    KeyEffect("eval.engine.api_key_env", None, "SFTCTL_TEST_KEY", _endpoint("api_key_env")),
    KeyEffect("eval.engine.timeout_seconds", 0.05, 5, _endpoint("timeout_seconds")),
    KeyEffect(
        "eval.engine.base",
        None,
        "good.jsonl",
        lambda value, folder: _answered({"engine": {"base": value} if value else {}}, folder).side_by_side[0].base,
    ),
    KeyEffect(
        "eval.engine.tuned",
        "good.jsonl",
        "bad.jsonl",
        lambda value, folder: _answered({"engine": {"tuned": value}}, folder).side_by_side[0].tuned,
    ),
    KeyEffect("eval.behaviours.id", "a", "b", _gate("id")),
    KeyEffect("eval.behaviours.where", [], ["nowhere"], _gate("where")),
    KeyEffect("eval.behaviours.max_rate", 0.02, 1.0, _gate("max_rate")),
    KeyEffect("eval.behaviours.min_rate", 0.0, 1.0, _gate("min_rate", check="contains", any_of=["5"])),
    KeyEffect("eval.behaviours.max_delta", 0.1, 1.0, _gate("max_delta")),
    KeyEffect("eval.behaviours.check", "f1", "chrf", _scores("check")),
    KeyEffect("eval.behaviours.preset", "apology", "loop", _scores("preset")),
    KeyEffect("eval.behaviours.pattern", "5", "7", _scores("pattern", check="must_match")),
    KeyEffect("eval.behaviours.ignore_case", True, False, _scores("ignore_case", check="must_match", pattern="IT")),
    KeyEffect("eval.behaviours.any_of", ["5"], ["7"], _scores("any_of", check="contains")),
    KeyEffect("eval.behaviours.all_of", ["It", "5"], ["5", "7"], _scores("all_of", check="contains")),
    KeyEffect("eval.behaviours.min_words", 1, 5, _scores("min_words", check="length")),
    KeyEffect("eval.behaviours.max_words", None, 4, _scores("max_words", check="length")),
    KeyEffect("eval.behaviours.json_schema", None, {"required": ["b"]}, _scores("json_schema", check="is_json")),
    KeyEffect("eval.behaviours.language", "python", "json", _scores("language", check="is_code")),
    KeyEffect("eval.fail_on", [], ["inconclusive"], _exit),
    *BENCHMARK_EFFECTS,
    *JUDGE_EFFECTS,
    *ARENA_EFFECTS,
]
