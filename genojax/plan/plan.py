"""The plan of an experiment on a topology: what one compiled training step needs and does."""

import contextlib
import dataclasses
import pathlib
import time
from collections.abc import Iterator, Mapping
from typing import Any

import jax

from genojax import config, errors, experiment, random_keys, sharding, versions
from genojax.hardware import flops
from genojax.optim import trainable
from genojax.plan import collectives, fingerprint, hlo, process_memory, topologies, waste
from genojax.train import initial, modes, resources
from genojax.train import step as steps

_GIB = 2**30


class DoesNotFitError(errors.UsageError):
    """The compiler refused the program for its memory."""


@dataclasses.dataclass(frozen=True)
class Memory:
    """GiB of one device.

    Attributes:
        params, optimizer: its part of the parameters and of the optimizer's state.
        arguments: all that a step is given: state and batch.
        temporaries: activations, gradients and copies at their peak.
        code: of the program.
        peak: at the moment of most use, by the compiler's assignment of buffers, and code; on other
            platforms than TPUs at least arguments, outputs and temporaries together. A CPU's
            libraries allocate scratch of their own, which no compiler counts.
        validation: the same in a validation batch, with the optimizer's state beside it, of the
            task that needs most. The batch is read whole, where a step may read microbatches.
        validation_code: of that program.
        device: what the device has; 0 where unknown.
    """

    params: float
    optimizer: float
    arguments: float
    temporaries: float
    code: float
    peak: float
    validation: float
    validation_code: float
    device: float

    @property
    def highest(self) -> float:
        """Of a step and a validation batch."""
        return max(self.peak, self.validation)


@dataclasses.dataclass(frozen=True)
class Times:
    """Least seconds of a step by each resource alone, at its peak rate.

    Attributes:
        compute: matrix products and convolutions, recomputation included.
        memory: traffic between a device's memory and its cores; None: another compiler's program.
        network: collectives, as rings within a slice; None likewise.
    """

    compute: float
    memory: float | None
    network: float | None

    @property
    def known(self) -> dict[str, float]:
        """Seconds by resource, of those that are known."""
        return {name: s for name, s in dataclasses.asdict(self).items() if s is not None}

    @property
    def overlapped(self) -> float:
        """A step in which everything overlaps: no step is faster."""
        return max(self.known.values())

    @property
    def serial(self) -> float:
        """A step in which nothing overlaps, each part at its peak rate."""
        return sum(self.known.values())

    @property
    def bound(self) -> str:
        """The resource that takes longest; 'compute alone' where no other is known."""
        known = self.known
        return max(known, key=known.get) if len(known) > 1 else 'compute alone'


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a step needs; all from the config and the compiler.

    Attributes:
        topology, chips, devices, mesh: the hardware, and devices along each mesh axis.
        accumulate: microbatches of a step.
        parameters: number of the whole model's, with heads and adapters.
        trained: number of those that train.
        checkpoint: bytes of one.
        memory, times: see there; `times` is None where the chip's rates are unknown.
        model_flops: products and convolutions of one step without recomputation, all devices.
        hardware_flops: with it.
        traffic: bytes per device and step between memory and cores; None of a GPU, see `compiler`.
        collectives: by kind and group.
        tokens, bases: most of one step; rows may hold fewer.
        steps: of the run.
        gathered_weights, whole_rows: of `waste`; empty where nothing is wasted.
        config_sha256: hash of the config (`fingerprint.of_experiment`).
        compile_seconds: of the step.
        versions: that compiled it.
        process: of the run, if its devices are CPUs and `make_plan` was to measure it.
    """

    topology: str
    chips: int
    devices: int
    mesh: dict[str, int]
    accumulate: int
    parameters: int
    trained: int
    checkpoint: int
    memory: Memory
    times: Times | None
    model_flops: int
    hardware_flops: int
    traffic: int | None
    collectives: list[collectives.Collective]
    tokens: int
    bases: int
    steps: int
    gathered_weights: list[str]
    whole_rows: list[str]
    config_sha256: str
    compile_seconds: float
    versions: dict[str, str]
    process: process_memory.ProcessMemory | None = None

    @property
    def utilization(self) -> float:
        """Largest possible model FLOPs utilization (MFU): of the chips' peak, all overlapped."""
        peak = self.chips * topologies.parse(self.topology).chip.tflops * 1e12
        return self.model_flops / (peak * self.times.overlapped)

    @property
    def compiler(self) -> str:
        """Whose program was measured: 'tpu' or 'cpu'. Steps of GPUs are compiled for CPUs."""
        return 'tpu' if topologies.parse(self.topology).is_tpu else 'cpu'

    def as_json(self) -> dict[str, Any]:
        values = dataclasses.asdict(self) | {'compiler': self.compiler}
        if self.process is None:
            del values['process']
        else:
            values['process'] |= {'training': self.process.training, 'peak': self.process.peak}
        return values


def make_plan(
    planned: experiment.Experiment,
    topology: topologies.Topology,
    program_path: pathlib.Path | None = None,
    *,
    with_process: bool = False,
) -> Plan:
    """Compiles the step of an experiment, and its validation, for a topology; nothing is executed.

    Args:
        program_path: where to write the text of the compiled program, if anywhere.
        with_process: also measure what this process holds, for `Plan.process`; it must have done
            nothing else before, as another compiled program would count.

    Raises:
        UsageError: the mesh does not use the devices, a batch does not divide over it, or a task
            leaves a size to its data.
        DoesNotFitError: a program does not fit (the compiler's own message), or a validation batch
            beside the optimizer's state does not fit a TPU.
    """
    devices = topology.devices()
    try:
        mesh = sharding.make_mesh(planned.mesh, devices)
    except ValueError as error:
        raise errors.UsageError(str(error)) from error
    tasks = experiment.build_tasks(planned)
    step, arguments = _step(planned, tasks, mesh)
    state, batches, _ = arguments
    with_process &= topology.is_cpu
    # Held until the process is measured, as a run holds it.
    start = _compile_start(planned, tasks, mesh, state, batches) if with_process else None
    began = time.monotonic()
    with jax.set_mesh(mesh):
        traced = step.trace(*arguments)
        compiled = _compile(traced.lower(), topology)
    seconds = time.monotonic() - began
    after_step = process_memory.read() if with_process else None
    validation = _compile_validation(planned, tasks, mesh, arguments, topology)
    memory = _memory(compiled, validation, state, topology, len(devices))
    measured = None
    if after_step is not None:
        measured = process_memory.of_run(
            after_step,
            process_memory.read(),
            buffers=len(devices) * (memory.peak - memory.code),
            validation=len(devices) * (memory.validation - memory.validation_code),
            state=len(devices) * (memory.params + memory.optimizer),
        )
    del start
    text = compiled.as_text()
    if program_path is not None:
        program_path.write_text(text)
    program = hlo.parse(text)
    traffic = None if topology.is_gpu else program.memory_traffic()
    sent = collectives.of_program(program)
    hardware = flops.of_jaxpr(traced.jaxpr.jaxpr)
    size = modes.size(state)
    return Plan(
        topology=topology.name,
        chips=topology.chips,
        devices=len(devices),
        mesh=dict(mesh.shape),
        accumulate=planned.accumulate,
        parameters=size.trained + size.frozen,
        trained=size.trained,
        checkpoint=size.checkpoint,
        memory=memory,
        times=step_times(topology, len(devices), hardware, traffic, sent),
        model_flops=_model_flops(planned, mesh),
        hardware_flops=hardware,
        traffic=traffic,
        collectives=sent,
        tokens=sum(batch['tokens'].size for batch in batches.values()),
        bases=sum(_bases(config.to_dict(planned)['tasks'])),
        steps=planned.steps,
        gathered_weights=waste.gathered_weights(
            program, (state.params, state.frozen), dict(mesh.shape)
        ),
        whole_rows=_whole_rows(planned, program, mesh, batches),
        config_sha256=fingerprint.of_experiment(planned),
        compile_seconds=round(seconds, 1),
        versions=versions.installed(),
        process=measured,
    )


def _whole_rows(planned, program: hlo.Program, mesh: jax.sharding.Mesh, batches) -> list[str]:
    """Activations of whole rows on one device, where the mesh divides rows."""
    if mesh.shape['sequence'] == 1:
        return []
    tokens = max(batch['tokens'].shape[1] for batch in batches.values())
    names = ('model.attention.block', 'model.chunk')
    fields = dict(config.leaves(planned))
    blocks = [fields[name] for name in names if name in fields]
    ways = mesh.shape['data'] * mesh.shape['fsdp'] * planned.accumulate
    return waste.whole_rows(
        program,
        tokens,
        blocks,
        rows=max(min(batch['tokens'].shape[0] for batch in batches.values()) // ways, 1),
        width=fields.get('model.width', 1),
        vocab=planned.model.vocab,
    )


def _step(planned: experiment.Experiment, tasks, mesh: jax.sharding.Mesh):
    """The jitted step, and its arguments as ShapeDtypeStructs."""
    state = experiment.abstract(planned, mesh, tasks)
    batches = {name: task.batch_spec() for name, task in tasks.items()}
    for task in tasks.values():
        experiment.check_rows(task, mesh, planned.accumulate)
    key = jax.eval_shape(lambda: random_keys.key(0, mesh))
    arguments = (state, batches, key)
    return steps.make_step(planned, tasks, state, mesh), arguments


def _compile_start(planned, tasks, mesh: jax.sharding.Mesh, state, batches):
    """The program of the first state: a run compiles it before its step, and it takes memory."""
    init = initial.make_init(planned, tasks, state)
    with jax.set_mesh(mesh):
        key = jax.eval_shape(lambda: random_keys.key(0, mesh))
        return init.lower(key, batches).compile()


def _compile_validation(planned, tasks, mesh: jax.sharding.Mesh, arguments, topology):
    """The program of every task that validates the state, as `Run.validate` calls it."""
    state, _, key = arguments
    params = trainable.compose(planned.optim.train, state.params, state.frozen)
    placed = sharding.batch_sharding(mesh)
    programs = []
    for task in tasks.values():
        batch = {
            name: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=placed)
            for name, leaf in task.scored_spec().items()
        }
        with jax.set_mesh(mesh):
            lowered = task.jitted_validation.lower(params, state.extra, batch, key)
            programs.append(_compile(lowered, topology, 'a validation batch: '))
    return programs


def _compile(lowered, topology: topologies.Topology, what: str = ''):
    try:
        with _without_cache(topology):
            return lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        text = str(error)
        if 'RESOURCE_EXHAUSTED' not in text and 'Ran out of memory' not in text:
            raise
        first = text.splitlines()[0].split('RESOURCE_EXHAUSTED: ')[-1].rstrip('.')
        raise DoesNotFitError(f'{topology.name}: {what}{first}') from error


@contextlib.contextmanager
def _without_cache(topology: topologies.Topology):
    """No persistent cache for a TPU's programs: this process cannot load them again."""
    enabled = jax.config.jax_enable_compilation_cache
    jax.config.update('jax_enable_compilation_cache', enabled and not topology.is_tpu)
    try:
        yield
    finally:
        jax.config.update('jax_enable_compilation_cache', enabled)


def _memory(compiled, validation: list, state, topology, devices: int) -> Memory:
    stats = compiled.memory_analysis()
    optimizer = resources.bytes_per_device(state.opt_state)
    largest = max(validation, key=lambda program: _peak(program, topology))
    memory = Memory(
        params=resources.bytes_per_device((state.params, state.frozen)) / _GIB,
        optimizer=optimizer / _GIB,
        arguments=stats.argument_size_in_bytes / _GIB,
        temporaries=stats.temp_size_in_bytes / _GIB,
        code=stats.generated_code_size_in_bytes / _GIB,
        peak=_peak(compiled, topology) / _GIB,
        validation=(optimizer + _peak(largest, topology)) / _GIB,
        validation_code=largest.memory_analysis().generated_code_size_in_bytes / _GIB,
        device=topology.chip.memory_gib * topology.chips / devices,
    )
    if topology.is_tpu and memory.validation > memory.device:
        raise DoesNotFitError(
            f'{topology.name}: a validation batch takes {memory.validation:.2f} GiB with the '
            f"optimizer's state, of {memory.device:.2f} GiB"
        )
    return memory


def _peak(compiled, topology: topologies.Topology) -> int:
    """Bytes of one device at the moment of most use, with the program's code."""
    stats = compiled.memory_analysis()
    peak = stats.peak_memory_in_bytes
    if not topology.is_tpu:  # the other compilers leave the temporaries out of their peak
        outputs = stats.output_size_in_bytes - stats.alias_size_in_bytes
        peak = max(peak, stats.argument_size_in_bytes + outputs + stats.temp_size_in_bytes)
    return peak + stats.generated_code_size_in_bytes


def step_times(
    topology: topologies.Topology,
    devices: int,
    hardware_flops: int,
    traffic: int | None,
    sent: list[collectives.Collective],
) -> Times | None:
    """Least seconds of a step; of compute alone if `traffic` is None, so the program another's."""
    chip, per_chip = topology.chip, devices / topology.chips
    if not chip.tflops:
        return None
    compute = hardware_flops / topology.chips / (chip.tflops * 1e12)
    if traffic is None:
        return Times(compute, None, None)
    link_bytes = sum(row.link_bytes for row in sent)
    return Times(
        compute=compute,
        memory=traffic * per_chip / (chip.memory_gb_s * 1e9),
        # Both directions are in the public figure; a ring sends in one.
        network=link_bytes * per_chip / (chip.network_gb_s / 2 * 1e9),
    )


def _bases(values: Mapping[str, Any]) -> Iterator[int]:
    """Rows times length of every dataset below a dictionary of a config."""
    if 'batch_size' in values and 'length' in values:
        yield values['batch_size'] * values['length']
    for value in values.values():
        if isinstance(value, Mapping):
            yield from _bases(value)


def _model_flops(planned: experiment.Experiment, mesh: jax.sharding.Mesh) -> int:
    """FLOPs of a step that recomputes nothing."""
    if 'remat' in {field.name for field in dataclasses.fields(planned.model)}:
        model = dataclasses.replace(planned.model, remat='none')
        planned = dataclasses.replace(planned, model=model)
    step, arguments = _step(planned, experiment.build_tasks(planned), mesh)
    with jax.set_mesh(mesh):
        return flops.of_jaxpr(step.trace(*arguments).jaxpr.jaxpr)
