"""Compile a config's training step for named hardware: memory, FLOPs, communication, step time.

Nothing is executed and no data are opened. The program of a validation batch is compiled too, for
its memory. TPUs (v4, v5e, v5p, v6e, tpu7x) need their compiler (the extra [tpu]; `genojax doctor`
prints the line that installs it), not a TPU. A plan for GPUs (h100) is compiled for CPUs, so its
times are of compute alone; days need one of the two, a CPU's rates are not known. On Linux a plan
for CPUs also has the highest resident set of the whole process, with its libraries and the memory
of all devices: while compiling, training or validating. A config that does not fit ends with exit
code 2 and the nearest change that does.

Examples:
  genojax plan --config=debug_cpu --topology=cpu:8
  genojax plan --config=nucleotransformer:small --topology=v5e:4x4 --out=plan.html
"""

import json
import os
import pathlib
import sys
from typing import Any

from genojax import json_files, output_files
from genojax.cli import flags
from genojax.hardware import cpu_threads


def run(argv: list[str]) -> None:
    parser = flags.Parser('plan', __doc__)
    parser.add_argument(
        '--topology', required=True, help='v5e:16x16, 2*v5p:4x4x8, tpu7x:2x2x1, gpu:h100:8, cpu:8'
    )
    parser.add_argument(
        '--search', action='store_true', help='try remat policies and shardings; print the best'
    )
    parser.add_argument(
        '--no-advice', action='store_true', help='look for no change if it does not fit'
    )
    parser.add_argument('--out', type=pathlib.Path, help='write the plan to FILE.json or FILE.html')
    parser.add_argument(
        '--program', type=pathlib.Path, metavar='FILE', help='write the compiled program (HLO text)'
    )
    arguments, configs = flags.parse_with_config(parser, argv)
    if arguments.out and arguments.out.suffix not in ('.json', '.html'):
        parser.error(f'--out={arguments.out} must end in .json or .html')
    if arguments.program and arguments.search:
        parser.error('--program writes one program, and --search compiles many')
    _prepare(arguments.topology)

    # Imported here, so that --help does not wait for jax.
    from genojax import errors, experiment
    from genojax.plan import figures, search, topologies
    from genojax.plan import plan as plans

    topology = topologies.parse(arguments.topology)
    _fill_lengths(configs['config'], arguments.config)
    planned = experiment.from_config(configs['config'])
    for name in ('out', 'program'):  # now, not after minutes of compiling
        if path := getattr(arguments, name):
            path.parent.mkdir(parents=True, exist_ok=True)
            output_files.check_file(path, f'--{name}')
    candidates = []
    if arguments.search:
        candidates = search.grid(planned, topology, _say)
        print(search.as_text(candidates))
        if not search.front(candidates):
            raise errors.UsageError(f'nothing that was tried fits {topology.name}')
        plan = search.front(candidates)[-1].plan
    else:
        _say(f'compiling for {topology.name}')
        try:
            plan = plans.make_plan(planned, topology, arguments.program, with_process=True)
        except plans.DoesNotFitError as error:
            _refuse(error, None if arguments.no_advice else (planned, topology))
        if topology.is_cpu and plan.process is None:
            _say('memory of the process: not known, this system has no /proc/self/status')
        print(figures.as_text(plan))
    if arguments.out and arguments.out.suffix == '.json':
        arguments.out.write_text(json.dumps(plan.as_json(), indent=1) + '\n')
    elif arguments.out:
        from genojax.plan import page  # its plots would count as memory of the process

        page.write(arguments.out, plan, candidates)


def _fill_lengths(values: dict[str, Any], name: str) -> None:
    """Sets each `data.length` of 0 in the config of a run to the length of its rows.

    Raises:
        UsageError, DamageError: the run's `datasets.json` is damaged.
    """
    path, _ = flags.resolve(name)
    file = path.parent / 'datasets.json'
    if path.name != 'config.json' or not file.is_file():
        return
    for task, described in json_files.read_hashed(file).items():
        config = values.get('tasks', {}).get(task, {})
        data = config.get('data') if isinstance(config, dict) else None
        if not isinstance(data, dict) or data.get('length') != 0 or not isinstance(described, dict):
            continue
        rows = [described, *described.get('organisms', {}).values()]
        data['length'] = length = max((row.get('length', 0) for row in rows), default=0)
        _say(f'task {task!r}: rows of {length:,} bases, as {file} says')


def _prepare(topology: str) -> None:
    """Environment that jax reads when it starts: plans need no accelerator of this machine."""
    os.environ.setdefault('JAX_PLATFORMS', 'cpu')
    kind, _, number = topology.rpartition(':')
    if kind == 'cpu' or kind.startswith('gpu:'):
        existing = os.environ.get('XLA_FLAGS', '')
        devices = f'--xla_force_host_platform_device_count={number}'
        os.environ['XLA_FLAGS'] = f'{existing} {devices}'.strip()
        cpu_threads.leave_one_free()


def _refuse(error, case) -> None:
    """Ends with the compiler's message and, for a (config, topology), a change that fits."""
    from genojax import errors
    from genojax.plan import search

    advice = 'Fix: a larger topology, or --search'
    if case is not None:
        _say(f'{error}; looking for a change that fits')
        candidate = search.first_that_fits(*case, _say)
        if candidate is None:
            advice = 'no change of remat, fsdp or batch_size fits. Fix: a larger topology'
        else:
            advice = f'Fix: {candidate.flags} ({candidate.plan.memory.highest:.2f} GiB at peak)'
    raise errors.UsageError(f'{error}. {advice}') from error


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
