"""Changes of a config that save memory, and which of them is best on a topology."""

import dataclasses
from collections.abc import Callable, Iterator

from genojax import config, errors, experiment
from genojax.nn import remat
from genojax.plan import plan as plans
from genojax.plan import topologies
from genojax.train import fitting


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A changed config.

    Attributes:
        overrides: the change.
        plan: None where it does not fit.
    """

    overrides: fitting.Overrides
    plan: plans.Plan | None

    @property
    def flags(self) -> str:
        """The change as flags that can be pasted."""
        return fitting.as_flags(self.overrides) or '(as it is)'


def first_that_fits(
    planned: experiment.Experiment,
    topology: topologies.Topology,
    say: Callable[[str], None] = lambda line: None,
) -> Candidate | None:
    """The smallest change of `changes` whose program fits; None where none does."""
    for overrides in changes(planned, topology):
        candidate = try_change(planned, topology, overrides, say)
        if candidate is not None and candidate.plan is not None:
            return candidate
    return None


def try_change(
    planned: experiment.Experiment,
    topology: topologies.Topology,
    overrides: fitting.Overrides,
    say: Callable[[str], None],
) -> Candidate | None:
    """The plan of a changed config; None where the change is no valid config."""
    candidate = Candidate(overrides, None)
    say(f'compiling with {candidate.flags}')
    try:
        plan = plans.make_plan(fitting.with_overrides(planned, overrides), topology)
    except plans.DoesNotFitError:
        return candidate
    except errors.UsageError:
        return None
    return Candidate(overrides, plan)


def changes(
    planned: experiment.Experiment, topology: topologies.Topology
) -> Iterator[fitting.Overrides]:
    """Changes that save memory, those that change least first.

    Recomputation, then parameters sharded over more chips, then microbatches (all of these leave
    the training as it is), then fewer rows.
    """
    policies: list[fitting.Overrides] = [()]
    values = config.to_dict(planned)
    if 'remat' in values['model']:
        stronger = {'none': ('dots', 'block'), 'dots': ('block',)}
        policies = [(('model.remat', name),) for name in stronger.get(planned.model.remat, ())]
        yield from policies
        policies = policies[-1:] or [()]
    shards = planned.mesh.fsdp
    fixed = planned.mesh.tensor * planned.mesh.sequence
    batch: fitting.Overrides = ()
    while shards * fixed * 2 <= topology.chips:
        shards *= 2
        batch = (*policies[0], ('mesh.data', -1), ('mesh.fsdp', shards))
        yield batch
    sizes = dict(fitting.batch_sizes(values['tasks'], 'tasks'))
    for number in microbatches(planned, topology):
        if number > planned.accumulate:
            yield (*(batch or policies[0]), ('accumulate', number))
    for divisor in (2, 4, 8, 16):
        if all(size % divisor == 0 for size in sizes.values()):
            fewer = tuple((path, size // divisor) for path, size in sizes.items())
            yield (*(batch or policies[0]), *fewer)


def microbatches(
    planned: experiment.Experiment, topology: topologies.Topology, factor: int = 2
) -> list[int]:
    """Values of `accumulate` from the config's own on, each `factor` times the one before.

    Those that divide the rows of every device, where a batch is divided over all the devices that
    the mesh leaves; none beyond the config's own where the tasks or the model need whole batches.
    """
    ways = max(topology.chips // (planned.mesh.tensor * planned.mesh.sequence), 1)
    sizes = [size for _, size in fitting.batch_sizes(config.to_dict(planned)['tasks'], 'tasks')]
    numbers = [planned.accumulate]
    while all(size % (ways * numbers[-1] * factor) == 0 for size in sizes):
        numbers.append(numbers[-1] * factor)
    try:
        fitting.with_overrides(planned, (('accumulate', numbers[-1]),))
    except errors.UsageError:
        return numbers[:1]
    return numbers


def grid(
    planned: experiment.Experiment,
    topology: topologies.Topology,
    say: Callable[[str], None] = lambda line: None,
) -> list[Candidate]:
    """Plans of every remat policy with every number of parameter shards (powers of 4).

    Each with more and more microbatches (powers of 4), as long as that saves a twentieth of the
    peak: a microbatch is no faster than its batch.
    """
    fixed = planned.mesh.tensor * planned.mesh.sequence
    shards = [4**power for power in range(6) if 4**power * fixed <= topology.chips]
    policies: list[fitting.Overrides] = [()]
    if 'remat' in config.to_dict(planned)['model']:
        names = [name for name in remat.POLICIES if name != 'offload']
        policies = [(('model.remat', name),) for name in names]
    result = []
    for policy in policies:
        for number in shards:
            overrides = (*policy, ('mesh.data', -1), ('mesh.fsdp', number))
            result += _more_microbatches(planned, topology, overrides, say)
    return result


def _more_microbatches(planned, topology, overrides: fitting.Overrides, say) -> list[Candidate]:
    result: list[Candidate] = []
    for number in microbatches(planned, topology, 4):
        change = () if number == planned.accumulate else (('accumulate', number),)
        candidate = try_change(planned, topology, (*overrides, *change), say)
        if candidate is None:
            break
        result.append(candidate)
        plans_before = [one.plan for one in result[:-1] if one.plan is not None]
        if candidate.plan is not None and plans_before:
            if candidate.plan.memory.highest > 0.95 * plans_before[-1].memory.highest:
                break
    return result


def front(candidates: list[Candidate]) -> list[Candidate]:
    """Those that fit and that no other beats in both memory and time, least memory first.

    Time is that of a step in which everything overlaps, then of one in which nothing does.
    """
    fitting = [candidate for candidate in candidates if candidate.plan is not None]

    def cost(candidate: Candidate) -> tuple[float, float]:
        times = candidate.plan.times
        return candidate.plan.memory.highest, times.serial if times else 0.0

    return sorted(
        (one for one in fitting if not any(_beats(cost(other), cost(one)) for other in fitting)),
        key=cost,
    )


def _beats(a: tuple[float, float], b: tuple[float, float]) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and a != b


def as_text(candidates: list[Candidate]) -> str:
    """All candidates as a table; a star marks those that no other beats."""
    best = front(candidates)
    lines = [f'  {"GiB at peak":>11}  {"s/step":>17}  change']
    for candidate in sorted(candidates, key=lambda one: one.plan is None):
        if candidate.plan is None:
            lines.append(f'  {"too large":>11}  {"":>17}  {candidate.flags}')
            continue
        times = candidate.plan.times
        seconds = f'{times.overlapped:.3g} to {times.serial:.3g}' if times else 'not known'
        star = '*' if candidate in best else ' '
        peak = candidate.plan.memory.highest
        lines.append(f'{star} {peak:>11.2f}  {seconds:>17}  {candidate.flags}')
    return '\n'.join([*lines, '* no other needs less memory and less time'])
