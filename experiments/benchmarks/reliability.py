"""Runs that are killed, bits that are flipped, files that are mutated: what is lost or silent.

python experiments/benchmarks/reliability.py                     # all sweeps, about an hour
python experiments/benchmarks/reliability.py --only=flips,mutants
python experiments/benchmarks/reliability.py --only=kills --kills=4 --steps=24 --joint

  kills    a run killed by SIGKILL and SIGTERM in turn, at random times, and started again, beside
           one that never stopped: logged losses and tensors of the last state that differ
  saves    SIGKILL at random times while checkpoints of 40 MB are written: restored steps that are
           not what was saved
  flips    single bits of every file of a workdir: readings that differ from the whole run's
  mutants  mutated FASTA, GFF3, GTF, BED, VCF and label files: crashes, readings that differ from a
           slow parser's, files that take more than a second

Each sweep adds a line to results/reliability.jsonl with date, commit and machine. The numbers to
see are 0 differences, 0 silent, 0 crashes; the script exits with 1 otherwise.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(pathlib.Path(__file__).parent)]

import measure  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / 'results' / 'reliability.jsonl'
TENSORS = """
import json, sys, hashlib, pathlib
import jax, numpy as np
from genojax import checkpoint
for folder in sys.argv[1:]:
    store = checkpoint.Checkpoints(pathlib.Path(folder) / 'checkpoints', read_only=True)
    tree = store.restore_raw(store.latest(), ('step', 'params', 'extra', 'opt_state'))
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    hashes = {str(p): hashlib.sha256(np.asarray(x).tobytes()).hexdigest() for p, x in leaves}
    print(json.dumps(hashes))
    store.close()
"""
SAVES = """
import itertools, pathlib, sys
import numpy as np
from genojax import checkpoint
store = checkpoint.Checkpoints(pathlib.Path(sys.argv[1]), keep=2)
for step in itertools.count((store.latest() or 0) + 1):
    store.save(step, {f'a{n}': np.full(1_000_000, step + n, np.float32) for n in range(10)}, {})
    print(step, flush=True)
"""
CHECK_SAVES = """
import pathlib, sys
import numpy as np
from genojax import checkpoint
store = checkpoint.Checkpoints(pathlib.Path(sys.argv[1]), read_only=True)
step = store.latest()
tree = store.restore_raw(step, [f'a{n}' for n in range(10)]) if step else {}
whole = all((tree[f'a{n}'] == step + n).all() for n in range(10)) if step else True
print(step, whole)
"""


def _train_command(folder: pathlib.Path, data: pathlib.Path, options) -> list[str]:
    config, warmup = 'debug_cpu', min(5, options.steps // 4)
    masked = '--config.tasks.masked_lm.data'
    fields = [
        f'{masked}.shards={data / "shards"}',
        f'{masked}.validation_windows=16',
        f"{masked}.mixture.weights={{'*': 1.0}}",
    ]
    if options.joint:
        path = data / 'genomes' / 'promoters' / 'promoters.tsv'
        config, fields = 'demo_joint', [*fields, f'--config.tasks.promoters.data.path={path}']
    command = [sys.executable, '-m', 'genojax', 'train', f'--config={config}', *fields]
    command += [f'--config.{name}={options.steps}' for name in ('steps', 'validate_every')]
    command += [f'--config.optim.warmup={warmup}']
    return [*command, '--config.log_every=1', '--config.save_every=4', f'--workdir={folder}']


def _losses(folder: pathlib.Path) -> dict[int, str]:
    rows = map(json.loads, (folder / 'metrics.jsonl').read_text().splitlines())
    return {row['step']: float(row['loss']).hex() for row in rows if row['kind'] == 'train'}


def kills(options, work: pathlib.Path) -> dict:
    """Random kills of a run until it is complete, repeated until there were enough."""
    from genojax import simulate
    from genojax.data.store import ingest

    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=200)
    simulate.write(work / 'genomes', small)
    ingest.ingest(work / 'genomes', work / 'shards')
    subprocess.run(_train_command(work / 'whole', work, options), check=True, env=_one_device())
    rng, done, different, compared, tensors = np.random.default_rng(0), 0, [], 0, 0
    trial = 0
    while done < options.kills:
        folder, trial, killed = work / f'trial{trial}', trial + 1, 0
        while True:
            process = subprocess.Popen(
                _train_command(folder, work, options),
                env=_one_device(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
            number = (signal.SIGKILL, signal.SIGTERM)[done % 2]
            if done < options.kills and killed < max(options.kills // 5, 1):
                if _reaches_a_new_step(process, folder, rng):
                    process.send_signal(number)
                    done, killed = done + 1, killed + 1
            _, errors = process.communicate()
            if process.returncode == 0:
                break
            if process.returncode not in (-signal.SIGKILL, 75):
                raise SystemExit(f'exit {process.returncode}: {errors[-2000:]}')
        one, two = _losses(work / 'whole'), _losses(folder)
        compared += len(one)
        different += [step for step in one.keys() | two.keys() if one.get(step) != two.get(step)]
        lines = subprocess.run(
            [sys.executable, '-c', TENSORS, str(work / 'whole'), str(folder)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        first, second = map(json.loads, lines)
        tensors += len(first)
        different += [name for name in first if first[name] != second.get(name)]
    found = {'kills': done, 'trials': trial, 'rows': compared, 'tensors': tensors}
    return {**found, 'steps': options.steps, 'joint': options.joint, 'wrong': different}


def _reaches_a_new_step(process, folder: pathlib.Path, rng) -> bool:
    """Waits until the process logs a step, then up to half a second; False if it has ended."""
    log = folder / 'metrics.jsonl'
    before = log.stat().st_size if log.exists() else 0
    while process.poll() is None and (not log.exists() or log.stat().st_size == before):
        time.sleep(0.01)
    time.sleep(float(rng.uniform(0, 0.5)))
    return process.poll() is None


def _one_device() -> dict[str, str]:
    return {**os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)}


def saves(options, work: pathlib.Path) -> dict:
    """SIGKILL while checkpoints are written, one after the other."""
    rng, wrong, steps = np.random.default_rng(1), [], []
    for number in range(options.saves):
        process = subprocess.Popen(
            [sys.executable, '-c', SAVES, str(work / 'saves')],
            env=_one_device(),
            stdout=subprocess.PIPE,
            text=True,
        )
        process.stdout.readline()
        time.sleep(float(rng.uniform(0, 1)))
        process.kill()
        process.wait()
        checked = subprocess.run(
            [sys.executable, '-c', CHECK_SAVES, str(work / 'saves')],
            env=_one_device(),
            capture_output=True,
            text=True,
        )
        step, whole = (checked.stdout.split() or ['none', checked.stderr[-300:]])[:2]
        steps.append(step)
        if whole != 'True':
            wrong.append([number, step, whole])
    return {'kills': options.saves, 'steps': steps, 'wrong': wrong}


def flips(options, work: pathlib.Path) -> dict:
    """Bits of every file of a run, by the functions of its test."""
    from genojax import simulate
    from genojax.cli import main as cli
    from genojax.data.store import ingest
    from genojax.train import runs

    cli.quiet_checkpoints()
    from tests import conftest  # noqa: F401  sets the compiler's flags before jax is imported
    from tests.train import test_resume

    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0)
    simulate.write(work / 'flip_genomes', small)
    ingest.ingest(work / 'flip_genomes', work / 'flip_shards')
    folder = work / 'flipped'
    test_resume.finish(test_resume.make_experiment(work / 'flip_shards'), folder)
    result = {'all': {'model': [1.9, 1.8, 2.0]}, 'step': test_resume.STEPS}
    runs.write_json(folder / 'evaluation' / 'masked_lm.test.json', result)
    caught, wrong = test_resume.flip_bits(folder, options.flips, 2)
    return {'flips': options.flips, 'caught': caught, 'wrong': wrong}


def mutants(options, work: pathlib.Path) -> dict:
    """Mutated files beside slow parsers, by the functions of their test."""
    from tests.data import test_mutated_files

    kinds, refused, wrong = test_mutated_files.SEEDS, {}, []
    each = -(-options.mutants // len(kinds))
    for kind in kinds:
        refused[kind] = 0
        for number in range(10_000, 10_000 + each):
            try:
                refused[kind] += test_mutated_files._check_mutants(
                    kind, work / 'mutant', range(number, number + 1)
                )
            except Exception as error:  # also an AssertionError: another reading than the parser's
                wrong.append([kind, number, repr(error)[:300]])
    return {'files': each * len(kinds), 'refused': refused, 'wrong': wrong}


SWEEPS = {'kills': kills, 'saves': saves, 'flips': flips, 'mutants': mutants}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', default=','.join(SWEEPS), help='sweeps, comma-separated')
    parser.add_argument('--kills', type=int, default=40)
    parser.add_argument('--steps', type=int, default=120)
    parser.add_argument('--joint', action='store_true', help='kill a run of two tasks')
    parser.add_argument('--saves', type=int, default=30)
    parser.add_argument('--flips', type=int, default=500)
    parser.add_argument('--mutants', type=int, default=10_000)
    parser.add_argument('--out', type=pathlib.Path, default=RESULTS)
    options = parser.parse_args(arguments)
    failed = 0
    for name in options.only.split(','):
        work = pathlib.Path(tempfile.mkdtemp(prefix='genojax_reliability_'))
        began = time.monotonic()
        try:
            result = SWEEPS[name](options, work)
        finally:
            shutil.rmtree(work, ignore_errors=True)
        line = {
            'sweep': name,
            'date': datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds'),
            'seconds': round(time.monotonic() - began, 1),
            **result,
            'machine': measure.machine(),
        }
        print(json.dumps(line), flush=True)
        with open(options.out, 'a') as file:
            file.write(json.dumps(line) + '\n')
        failed += bool(result['wrong'])
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
