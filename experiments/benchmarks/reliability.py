"""Runs that are killed, bits that are flipped, files that are mutated: what is lost or silent.

python experiments/benchmarks/reliability.py                     # all sweeps, about an hour
python experiments/benchmarks/reliability.py --only=flips,mutants
python experiments/benchmarks/reliability.py --only=kills --kills=4 --steps=24 --joint

  kills    a run killed by SIGKILL and SIGTERM in turn, at random times, and started again, beside
           one that never stopped: logged rows, batches and tensors of the
           last state that differ (--joint, --processes=2, --field=NAME=VALUE)
  repeats  one command of 200 steps, with dropout, in two fresh processes: what differs, as above
  saves    SIGKILL at random times while checkpoints of 40 MB are written: restored steps that are
           not what was saved
  flips    single bits of every file of a workdir: readings that differ from the whole run's
  mutants  mutated FASTA, GFF3, GTF, BED, bedGraph, VCF and label files: crashes, readings that
           differ from a slow parser's, files that take more than a second

Each sweep adds a line to results/reliability.jsonl with date, commit and machine. The numbers to
see are 0 differences, 0 silent, 0 crashes; the script exits with 1 otherwise.
"""

import argparse
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(pathlib.Path(__file__).parent)]

import kills  # noqa: E402
import measure  # noqa: E402

os.environ.setdefault('JAX_PLATFORMS', 'cpu')
from genojax import checkpoint, errors  # noqa: E402

RESULTS = pathlib.Path(__file__).parent / 'results' / 'reliability.jsonl'
SAVES = """
import itertools, pathlib, sys
import numpy as np
from genojax import checkpoint
store = checkpoint.Checkpoints(pathlib.Path(sys.argv[1]), keep=2)
for step in itertools.count(store.latest() + 1):
    store.save(step, {f'a{n}': np.full(1_000_000, step + n, np.float32) for n in range(10)}, {})
    print(step, flush=True)
"""


def _environment() -> dict[str, str]:
    return {**os.environ, 'JAX_PLATFORMS': 'cpu', 'PYTHONPATH': str(ROOT)}


def saves(options, work: pathlib.Path) -> dict:
    """SIGKILL while checkpoints are written, one after the other."""
    rng, wrong, steps, before = np.random.default_rng(1), [], [], 1
    half_removed = 0
    store = checkpoint.Checkpoints(work / 'saves')
    store.save(1, {f'a{n}': np.full(1_000_000, 1 + n, np.float32) for n in range(10)}, {})
    store.close()
    for number in range(options.saves):
        process = subprocess.Popen(
            [sys.executable, '-c', SAVES, str(work / 'saves')],
            env=_environment(),
            stdout=subprocess.PIPE,
            text=True,
        )
        if not process.stdout.readline():
            raise SystemExit(f'the writer ended with {process.wait()}')
        time.sleep(float(rng.uniform(0, 1)))
        process.kill()
        process.wait()
        try:
            latest, removed = _newest_step(work / 'saves')
            half_removed += removed
        except (errors.GenojaxError, AssertionError) as error:
            wrong.append([number, repr(error)[:300]])
            continue
        if not latest or latest < before:
            wrong.append([number, f'step {latest} after step {before}'])
        steps.append(latest)
        before = latest or 0
    found = {'kills': options.saves, 'half_removed': half_removed, 'steps': steps}
    return {**found, 'wrong': wrong}


def _newest_step(folder: pathlib.Path) -> tuple[int | None, int]:
    """The newest complete step, after a look at its tensors, and how many older ones lack files.

    These were being removed, as newer ones are complete; no verb reads them.
    """
    store = checkpoint.Checkpoints(folder, read_only=True)
    *older, latest = store.steps() or [None]
    if latest is not None:
        tree = store.restore_raw(latest, [f'a{n}' for n in range(10)])
        assert all((tree[f'a{n}'] == latest + n).all() for n in range(10)), latest
    removed = 0
    for step in older:
        try:
            store.verify(step)
        except errors.DamageError as error:
            assert 'is missing' in str(error), error
            removed += 1
    store.close()
    return latest, removed


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


SWEEPS = {
    'kills': kills.compare,
    'repeats': kills.repeat,
    'saves': saves,
    'flips': flips,
    'mutants': mutants,
}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--only', default=','.join(SWEEPS), help='sweeps, comma-separated')
    parser.add_argument('--kills', type=int, default=40)
    parser.add_argument(
        '--minutes', type=float, default=600, help='no trial of kills begins later than this'
    )
    parser.add_argument('--steps', type=int, default=120)
    parser.add_argument('--joint', action='store_true', help='kill a run of two tasks')
    parser.add_argument('--processes', type=int, default=1, help='kill a run of several processes')
    parser.add_argument(
        '--field', action='append', default=[], metavar='NAME=VALUE', help='of the config'
    )
    parser.add_argument('--repeated', type=int, default=200, help='steps of repeats')
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
