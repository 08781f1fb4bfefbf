"""What `genojax plan --topology=cpu:8` says of memory, beside the resident set of that run.

    PYTHONPATH=. python experiments/benchmarks/plan_memory.py [CASE ...]  # results/plan_memory.json
    PYTHONPATH=. python experiments/benchmarks/plan_memory.py --train=3 [CASE ...]  # and the verb

All devices of one process; no compiled program is read from a cache. The plan is made from the
config alone, in a process of its own. The run is a real one: data opened, step compiled, state made
by `Run.start`. Its state is then moved to numpy and deleted, the heap is returned, the resident set
is read, the state is made anew on the devices, and the resident set's peak over three steps is read
(`VmHWM`). Target: within 5 %, of two figures:

- the whole resident set, without the copy in numpy, beside the plan's `process.training`;
- what the run adds to its process, beside the plan's buffers: its peak per device, without the
  program, times the devices.

That is done twice. In the first round the process itself grows, once: pages of the library and its
kernels are touched, YNNPACK prepares every fusion for every device, and the allocator keeps pages
between these small blocks. What stays after the state is deleted again is that growth
(`process_gib`). The second round has it in its resident set from the start, as it has Python.

`--train=N` also starts `genojax train` for three steps, N times, touches nothing, and reads the
highest resident set of the whole command, which ends with validation and a checkpoint, beside the
plan's `process.peak`; and that until the third step is logged, beside `training` or `compiling`.
Ratios are of the medians. `--rounds=0` leaves the rest out.
"""

import argparse
import gc
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from genojax.hardware import cpu_threads

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / 'results' / 'plan_memory.json'
STEPS = 3
DEVICES = {'dots': 4}  # 8 if not here
# Name -> fields that differ from `CONFIG`.
CASES = {
    'fsdp': {'mesh.fsdp': 8, 'mesh.data': 1},
    'data': {'model.width': 256, 'model.heads': 4, 'model.inner': 1024, 'model.depth': 6},
    'tensor_sequence': {'mesh.tensor': 2, 'mesh.fsdp': 4, 'mesh.data': 1},
    'remat': {'mesh.fsdp': 8, 'mesh.data': 1, 'model.remat': 'block'},
    'remat_small': {
        **{'mesh.fsdp': 8, 'mesh.data': 1, 'model.remat': 'block'},
        **{'model.width': 256, 'model.heads': 4, 'model.inner': 1024, 'model.depth': 6},
    },
    'dots': {
        **{'mesh.data': 4, 'model.remat': 'dots'},
        **{'model.width': 384, 'model.heads': 6, 'model.inner': 1536, 'model.depth': 4},
    },
    'tiny': {
        **{'mesh.fsdp': 8, 'mesh.data': 1, 'model.remat': 'block'},
        **{'model.width': 64, 'model.heads': 2, 'model.inner': 256, 'model.depth': 6},
        'tasks.masked_lm.data.mixture.batch_size': 16,
    },
}
CONFIG = {
    **{'model.width': 512, 'model.depth': 8, 'model.heads': 8, 'model.inner': 2048},
    **{'model.vocab': 4101, 'model.max_tokens': 256, 'tokenizer.k': 6, 'steps': 100},
    'tasks.masked_lm.data.mixture.length': 259,
    'tasks.masked_lm.data.mixture.batch_size': 64,
}


def flags_of(case: str) -> list[str]:
    fields = {**CONFIG, **CASES[case]}
    return ['--config=debug_cpu', *(f'--config.{name}={value}' for name, value in fields.items())]


def devices_of(case: str) -> int:
    return DEVICES.get(case, 8)


def environment_of(case: str) -> dict[str, str]:
    """Of the processes of a plan and of a run."""
    flags = f'--xla_force_host_platform_device_count={devices_of(case)}'
    changes = {'JAX_PLATFORMS': 'cpu', 'XLA_FLAGS': flags, 'JAX_ENABLE_COMPILATION_CACHE': 'false'}
    environment = {**os.environ, **changes}
    cpu_threads.leave_one_free(environment)  # as the verbs do
    return environment


def planned(case: str) -> dict:
    """The plan, by the verb."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, 'plan.json')
        command = [sys.executable, '-m', 'genojax', 'plan', *flags_of(case)]
        command += [f'--topology=cpu:{devices_of(case)}', f'--out={out}']
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment_of(case))
        return json.loads(out.read_text())


def resident(key: str, process: int | str = 'self') -> float:
    """GiB of an entry of /proc/PROCESS/status."""
    with open(f'/proc/{process}/status') as lines:
        return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith(key))


def measured(case: str, rounds: int) -> list[dict]:
    """GiB of each round, as `one_round` has them."""
    import jax

    from genojax import experiment
    from genojax.cli import flags
    from genojax.train import runs
    from genojax.train import step as steps

    parser = flags.Parser('train', 'Train.')
    _, configs = flags.parse_with_config(parser, flags_of(case))
    with tempfile.TemporaryDirectory() as folder:
        run = runs.open_run(experiment.from_config(configs['config']), f'{folder}/run')
        state, stream = run.start(), run.train_batches(0)
        with jax.set_mesh(run.mesh):
            step, stream, _ = steps.compile_first(run, state, stream)
            key = steps.placed_key(run)
            host = jax.device_get(state)
            jax.tree.map(lambda leaf: leaf.delete(), state)
            batches = [run.shard_batches(next(stream)) for _ in range(STEPS)]
            result = [one_round(run, step, host, batches, key) for _ in range(rounds)]
        run.close()
    return result


def one_round(run, step, host, batches: list, key) -> dict:
    """Places the state, takes a step per batch and deletes the state.

    Returns:
        GiB: `before` it, `whole` at the peak, both without the state in numpy; `peak`, what is
        added; `stays`, what of that is there without the state.
    """
    import jax

    copied = sum(leaf.nbytes for leaf in jax.tree.leaves(host)) / 2**30
    before = trimmed()
    pathlib.Path('/proc/self/clear_refs').write_text('5')
    state = jax.tree.map(
        lambda value, leaf: jax.device_put(value, leaf.sharding, may_alias=False),
        host,
        run.abstract,
    )
    for batch in batches:
        state, metrics = step(state, batch, key)
        jax.block_until_ready((state, metrics))  # or buffers are freed after the round
    highest = resident('VmHWM')
    jax.tree.map(lambda leaf: leaf.delete(), state)
    return {
        **{'before': before - copied, 'whole': highest - copied},
        **{'peak': highest - before, 'stays': trimmed() - before},
    }


def trimmed() -> float:
    """GiB of the resident set without what the allocator can return."""
    from genojax.hardware import heap

    gc.collect()
    heap.release()
    return resident('VmRSS')


def trained(case: str) -> dict[str, float]:
    """GiB of the highest resident set of `genojax train`: until step 3 is logged, and in all."""
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder, 'run', 'metrics.jsonl')
        command = [sys.executable, '-m', 'genojax', 'train', f'--workdir={folder}/run']
        command += [*flags_of(case), f'--config.steps={STEPS}', '--config.log_every=1']
        command += ['--config.optim.warmup=1']
        train = subprocess.Popen(
            command, env=environment_of(case), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        highest = 0.0
        while train.poll() is None:
            if log.exists() and len(log.read_text().splitlines()) >= STEPS:
                break
            try:
                highest = resident('VmHWM', train.pid)
            except StopIteration:  # it has ended
                break
            time.sleep(0.1)
        _, status, usage = os.wait4(train.pid, 0)
        if status:
            raise SystemExit(f'{" ".join(command)}: exit status {status}')
    return {'steps': highest, 'command': usage.ru_maxrss / 2**20}


def rows_of_rounds(case: str, plan: dict, rounds: int) -> dict:
    """The plan beside the rounds of a worker."""
    parts = plan['process']
    command = [sys.executable, __file__, '--worker', f'--rounds={rounds}', case]
    done = subprocess.run(
        command, env=environment_of(case), stdout=subprocess.PIPE, text=True, check=True
    )
    first, *others = json.loads(done.stdout.splitlines()[-1])
    row = {
        'mesh': plan['mesh'],
        'plan': parts,
        'before_gib': first['before'],
        'whole_gib': first['whole'],
        'whole_ratio': first['whole'] / parts['training'],
        'planned_gib': parts['buffers'],
        'measured_gib': first['peak'],
        'ratio': first['peak'] / parts['buffers'],
        'process_gib': first['stays'],
    }
    for second in others:
        row['second_round_gib'] = second['peak']
        row['second_round_ratio'] = second['peak'] / parts['buffers']
    return row


def rows_of_train(case: str, plan: dict, times: int) -> dict:
    """The plan beside `genojax train`."""
    parts, runs = plan['process'], [trained(case) for _ in range(times)]
    steps = max(parts['training'], parts['compiling'])
    commands, until_step = ([run[key] for run in runs] for key in ('command', 'steps'))
    return {
        'train_planned_gib': parts['peak'],
        'train_gib': commands,
        'train_ratio': statistics.median(commands) / parts['peak'],
        'train_steps_planned_gib': steps,
        'train_steps_gib': until_step,
        'train_steps_ratio': statistics.median(until_step) / steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('cases', nargs='*', choices=[*CASES, []])
    parser.add_argument('--train', type=int, default=0, metavar='N', help='start the verb N times')
    parser.add_argument('--rounds', type=int, default=2)
    parser.add_argument('--worker', action='store_true', help='print the rounds of one case')
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measured(arguments.cases[0], arguments.rounds)))
        return
    for case in arguments.cases or CASES:
        plan = planned(case)
        new = rows_of_rounds(case, plan, arguments.rounds) if arguments.rounds else {}
        if arguments.train:
            new |= rows_of_train(case, plan, arguments.train)
        print(case, json.dumps(new, indent=1), flush=True)
        rows = {row['case']: row for row in json.loads(RESULTS.read_text())}
        rows[case] = {**rows.get(case, {'case': case}), **new}
        RESULTS.write_text(json.dumps(list(rows.values()), indent=1) + '\n')


if __name__ == '__main__':
    main()
