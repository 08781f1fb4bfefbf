"""The figures of a plan as rows of text."""

from collections.abc import Iterator

from genojax.plan import plan as plans

_GIB = 2**30
OTHER_COMPILER = (
    "the CPU compiler: its memory traffic and temporaries are not a GPU's; times are of "
    'compute alone'
)


def as_text(plan: plans.Plan) -> str:
    """A plan as a table for the terminal."""
    return '\n'.join(f'{name:<22} {value}' for name, value in rows(plan))


def rows(plan: plans.Plan) -> Iterator[tuple[str, str]]:
    """(name, value) of a plan's figures."""
    memory, times = plan.memory, plan.times
    mesh = ' x '.join(f'{axis} {size}' for axis, size in plan.mesh.items() if size > 1)
    yield 'topology', f'{plan.topology}: {plan.chips} chips, {plan.devices} devices'
    if plan.traffic is None:
        yield 'compiled by', OTHER_COMPILER
    yield 'mesh', mesh or 'one device'
    if plan.accumulate > 1:
        yield 'microbatches', f'{plan.accumulate} per step'
    yield 'parameters', f'{plan.parameters:,}'
    share = plan.trained / plan.parameters
    yield (
        '  trained',
        f'{plan.trained:,} ({share:.2%}); a checkpoint has {_size(plan.checkpoint / _GIB)}',
    )
    yield 'memory per device', _share(memory.peak, memory.device)
    yield '  params, optimizer', f'{_size(memory.params)} + {_size(memory.optimizer)}'
    yield '  temporaries', f'{_size(memory.temporaries)} (activations, gradients, copies)'
    yield '  program', _size(memory.code)
    yield '  while validating', _share(memory.validation, memory.device)
    if plan.process is not None:
        yield from _process_rows(plan)
    yield (
        'FLOPs per step',
        f'{plan.model_flops:.3e} of the model, {plan.hardware_flops:.3e} with recomputation',
    )
    if plan.traffic is not None:
        yield 'traffic per device', f'{_size(plan.traffic / _GIB)} per step'
    for row in plan.collectives:
        yield (
            f'  {row.kind}',
            f'{row.count:,} over {row.group} devices, {_size(row.bytes / _GIB)} per step; the '
            f'largest {_size(row.largest / _GIB)}',
        )
    for name, lines in (('gathered', plan.gathered_weights), ('whole rows', plan.whole_rows)):
        for line in lines:
            yield f'  {name}', line
    if times is None:
        yield 'step time', "not estimated: this chip's rates are not known"
    else:
        yield from _time_rows(plan, times)
    yield 'compiled in', f'{plan.compile_seconds:.0f} s'


def _size(gib: float) -> str:
    return f'{gib:,.2f} GiB' if gib >= 0.1 else f'{gib * 1024:,.2f} MiB'


def _share(gib: float, device: float) -> str:
    """Memory at its peak, and its share of the device's where that is known."""
    share = f', {gib / device:.1%} of {device:.0f} GiB' if device else ''
    return f'{_size(gib)} at peak{share}'


def _process_rows(plan: plans.Plan) -> Iterator[tuple[str, str]]:
    process = plan.process
    yield 'memory of the process', f'{_size(process.peak)} resident at peak'
    yield '  Python, program', f'{_size(process.program)} (with libraries; of this process)'
    yield '  devices', f'{_size(process.buffers)} for {plan.devices}'
    yield '  first step', f'{_size(process.first_execution)} added once'
    yield '  while compiling', _size(process.compiling)
    yield '  while training', _size(process.training)
    yield '  while validating', _size(process.validation)


def _time_rows(plan: plans.Plan, times: plans.Times) -> Iterator[tuple[str, str]]:
    fast, slow = times.overlapped, times.serial
    alone = times.memory is None
    if alone:
        yield 'compute, seconds', f'{fast:.4g} per step at its peak rate; no other time is known'
    else:
        yield (
            'seconds per step',
            f'{fast:.4g} if all overlaps, {slow:.4g} if nothing does (compute '
            f'{times.compute:.4g}, memory {times.memory:.4g}, network {times.network:.4g}), each '
            'at its peak rate',
        )
    rates = [_span(plan.tokens / slow, plan.tokens / fast, '.3g') + ' tokens/s']
    if plan.bases:
        rates.append(_span(plan.bases / slow, plan.bases / fast, '.3g') + ' bases/s')
    by = ', by compute alone' if alone else ''
    yield 'rate, at most', ', '.join(rates) + by
    if not alone:
        yield 'MFU, at most', f'{plan.utilization:.1%}; bound by {times.bound}'
    days = [plan.steps * seconds / 86_400 for seconds in (fast, slow)]
    hours = [24 * plan.chips * day for day in days]
    yield (
        'run, at least',
        f'{plan.steps:,} steps: {_span(*days, ".3g")} days, {_span(*hours, ",.0f")} chip-hours{by}',
    )


def _span(low: float, high: float, form: str) -> str:
    """Two numbers as text, or one if they are equal."""
    return f'{low:{form}}' if low == high else f'{low:{form}} to {high:{form}}'
