"""What `genojax plan --topology=cpu:8` says of memory, beside the resident set of that run.

    PYTHONPATH=. python experiments/benchmarks/plan_memory.py [CASE ...]  # results/plan_memory.json

Eight devices of one process. The plan is made from the config alone, in a process of its own; its
peak per device, without the program, times eight, is what the run should add to its process. The
run is a real one: data opened, step compiled, state made by `Run.start`. Its state is then moved to
numpy and deleted, the resident set is read, the state is made anew on the devices, and the resident
set's peak over three steps is read (`VmHWM`). Target: within 5 %.

That is done twice. In the first round the process itself grows, once: pages of the library and its
kernels are touched, YNNPACK prepares every fusion for every device, and the allocator keeps pages
between these small blocks. What stays after the state is deleted again is that growth. The second
round has it in its resident set from the start, as it has Python.
"""

import argparse
import ctypes
import gc
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
RESULTS = HERE / 'results' / 'plan_memory.json'
DEVICES, STEPS = 8, 3
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


def planned(case: str) -> dict:
    """The plan, by the verb."""
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder, 'plan.json')
        command = [sys.executable, '-m', 'genojax', 'plan', *flags_of(case)]
        command += [f'--topology=cpu:{DEVICES}', f'--out={out}']
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return json.loads(out.read_text())


def resident(key: str) -> float:
    """GiB of an entry of /proc/self/status."""
    with open('/proc/self/status') as lines:
        return next(int(line.split()[1]) / 2**20 for line in lines if line.startswith(key))


def measured(case: str) -> list[dict]:
    """GiB of each round: `peak`, what three steps of the run add, and `stays` without its state."""
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
            rounds = [one_round(run, step, host, batches, key) for _ in range(2)]
        run.close()
    return rounds


def one_round(run, step, host, batches: list, key) -> dict:
    """Places the state, takes a step per batch and deletes the state."""
    import jax

    before = trimmed()
    pathlib.Path('/proc/self/clear_refs').write_text('5')
    state = jax.tree.map(
        lambda value, leaf: jax.device_put(value, leaf.sharding, may_alias=False),
        host,
        run.abstract,
    )
    for batch in batches:
        state, metrics = step(state, batch, key)
        jax.block_until_ready(metrics)
    peak = resident('VmHWM') - before
    jax.tree.map(lambda leaf: leaf.delete(), state)
    return {'peak': peak, 'stays': trimmed() - before}


def trimmed() -> float:
    """GiB of the resident set without what the allocator can return."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    return resident('VmRSS')


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('cases', nargs='*', choices=[*CASES, []])
    parser.add_argument('--worker', choices=list(CASES))
    arguments = parser.parse_args()
    if arguments.worker:
        print(json.dumps(measured(arguments.worker)))
        return
    rows = {row['case']: row for row in json.loads(RESULTS.read_text())}
    environment = {**os.environ, 'JAX_PLATFORMS': 'cpu'}
    environment['XLA_FLAGS'] = f'--xla_force_host_platform_device_count={DEVICES}'
    for case in arguments.cases or CASES:
        plan = planned(case)
        expected = DEVICES * (plan['memory']['peak'] - plan['memory']['code'])
        command = [sys.executable, __file__, '--worker', case]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, text=True, check=True
        )
        first, second = json.loads(done.stdout.splitlines()[-1])
        row = {
            'case': case,
            'mesh': plan['mesh'],
            'planned_gib': expected,
            'measured_gib': first['peak'],
            'ratio': first['peak'] / expected,
            'process_gib': first['stays'],
            'second_round_gib': second['peak'],
            'second_round_ratio': second['peak'] / expected,
        }
        rows[case] = row
        print(
            f'{case:<16} plan {expected:.3f} GiB, run {row["measured_gib"]:.3f} GiB, '
            f'{row["ratio"]:.3f}; second round {row["second_round_ratio"]:.3f}; the process grew '
            f'by {row["process_gib"]:.3f} GiB'
        )
        RESULTS.write_text(json.dumps(list(rows.values()), indent=1) + '\n')


if __name__ == '__main__':
    main()
