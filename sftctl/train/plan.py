"""The plan of a run, without a weight being loaded: for --dry-run, and for the head of every run."""

from sftctl import console
from sftctl.model.config import ModelConfig
from sftctl.model.device import pick_device
from sftctl.model.footprint import Size, activation_bytes, size_of, static_memory, static_memory_on_cpu
from sftctl.model.loading import pick_dtype
from sftctl.model.peak_memory import free_gpu_bytes
from sftctl.run_dir import RunDir
from sftctl.tokenization.compact import roles_of
from sftctl.tokenization.config import DataConfig
from sftctl.train import launch, planning
from sftctl.train.advice import Situation, advise
from sftctl.train.config import TrainConfig
from sftctl.train.inputs import Inputs, read_inputs
from sftctl.train.micro_batch import ON_CPU, Demand, fullest_batch, room_on_gpu
from sftctl.train.precision import optimizer_for, way_of, with_fitting_dtype
from sftctl.train.result import Plan
from sftctl.units import data_size


def plan(config: TrainConfig, model: ModelConfig, data: DataConfig, run_dir: RunDir, seed: int) -> Plan:
    """What `train` would do now, said and returned with its advice. Raises what reading the rows raises."""
    inputs = read_inputs(config, model, data, run_dir)
    packing = planning.packing_wanted(config, pick_device(model), inputs)
    made = complete_plan(config, model, data, inputs, seed=seed, packing=packing)
    show(made)
    return made


def complete_plan(
    config: TrainConfig, model: ModelConfig, data: DataConfig, inputs: Inputs, *, seed: int, packing: bool
) -> Plan:
    """Steps, batches, memory and advice. Raises UsageError where the optimizer could not move the weights."""
    device = pick_device(model)
    size = size_of(model)
    fitting = with_fitting_dtype(model, size, device)
    scale = planning.scale_of(inputs, device, launch.processes())
    room = ON_CPU
    if device.type == "cuda":
        share = scale.trained / sum(scale.lengths)
        demand = Demand(size, way_of(fitting), share, planning.checkpointing(config, device))
        room = room_on_gpu(demand, free_gpu_bytes(device))
    made = planning.make_plan(config, model, scale, seed=seed, packing=packing, room=room)
    optimizer = optimizer_for(config, fitting, device, made.learning_rate)
    adapted = model.method != "full"
    sized = made.model_copy(
        update={
            "weights": str(pick_dtype(fitting, device, training=True)).removeprefix("torch."),
            "optimizer": optimizer,
            "parameters": size.parameters + (size.adapter if adapted else 0),
            "trainable_parameters": size.adapter if adapted else size.parameters,
            "memory_bytes": _memory(made, fitting, size),
        }
    )
    situation = Situation(config, model, data, sized, scale.lengths, roles_of(inputs.rows))
    return sized.model_copy(update={"advice": advise(situation)})


def show(made: Plan) -> None:
    """The plan and its advice, for the terminal."""
    console.say(planning.in_words(made))
    console.say("memory: " + ", ".join(f"{name} {data_size(held)}" for name, held in made.memory_bytes.items()))
    for advice in made.advice:
        console.warn(f"{advice.what}: {advice.why}. To change it, {advice.change}.")


def _memory(made: Plan, model: ModelConfig, size: Size) -> dict[str, int]:
    if made.device == "cpu":
        static = static_memory_on_cpu(size, adapter_only=model.method != "full")
        bytes_per_value = 4
    else:
        static = static_memory(size, way_of(model))
        bytes_per_value = 2
    return {
        "weights": static.weights,
        "gradients": static.gradients,
        "optimizer": static.optimizer,
        "activations": activation_bytes(size, fullest_batch(made), bytes_per_value=bytes_per_value),
    }
