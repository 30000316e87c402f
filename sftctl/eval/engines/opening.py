"""The one place that picks an engine, and so the one that loads what only that engine needs."""

from sftctl.errors import EnvironmentProblem
from sftctl.eval.config import EvalConfig
from sftctl.eval.engines.answers_file import FileAnswers
from sftctl.eval.engines.config import AnswersEngine, EndpointEngine, HfEngine, VllmEngine
from sftctl.eval.engines.hf import HfAnswers
from sftctl.eval.engines.reply import Engine
from sftctl.eval.engines.vllm import VllmAnswers
from sftctl.eval.sides import LoadedSides, Sides
from sftctl.tokenization.config import DataConfig
from sftctl.tokenization.prepare import Prepared


def open_remote(config: EvalConfig, engine: EndpointEngine | AnswersEngine, data: DataConfig) -> Engine:
    """An engine that needs no weights here."""
    if isinstance(engine, AnswersEngine):
        return FileAnswers(engine)
    from sftctl.eval.engines.endpoint import EndpointAnswers

    return EndpointAnswers(engine, max_new_tokens=config.max_new_tokens, system_prompt=data.system_prompt)


def open_local(config: EvalConfig, sides: Sides, loaded: LoadedSides, prepared: Prepared) -> Engine:
    """An engine that runs the models under test. EnvironmentProblem where its extra is not installed."""
    limit, engine = config.max_new_tokens, config.engine
    if not isinstance(engine, VllmEngine):
        batch_size = engine.batch_size if isinstance(engine, HfEngine) else 1
        return HfAnswers(sides, loaded, prepared, max_new_tokens=limit, batch_size=batch_size)
    try:
        import vllm
        import vllm.lora.request
    except ImportError as error:
        raise EnvironmentProblem(
            f"eval.engine.kind: vllm is not installed ({error}). Install sftctl[vllm], or set eval.engine.kind=hf."
        ) from error
    return VllmAnswers(vllm, engine, sides, loaded, prepared, limit)
