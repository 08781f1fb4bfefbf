"""What counting gives a masked language model on real genomes, and what attention adds to it.

python experiments/010_ngrams/ngrams.py --data=$GENOJAX_DATA --workdir=runs/ngrams

Trains three arms of one size on the small real set: `full` (n-gram experts and attention),
`experts` (no attention) and `network` (no counts), evaluates them beside the Markov models, prints
the table and writes results.json and curve.png. The same workdir resumes; runs of other seeds that
results.json has are kept, so that `--seeds 2` adds the third.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys

import numpy as np

from genojax import metrics
from genojax.train import log

HERE = pathlib.Path(__file__).parent
SPECIES = 17  # of the small real set
ARMS = {
    'full': ['--config=ngrams:full', f'--config.model.ngrams.species={SPECIES}'],
    'experts': ['--config=ngrams:experts', f'--config.model.ngrams.species={SPECIES}'],
    'network': ['--config=ngrams:full', '--config.model.ngrams=None'],
}
COLUMNS = ('all', 'without_training_kmer')


def genojax(*arguments: str) -> float:
    """Runs a verb and returns its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, '-m', 'genojax', *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def train(arm: str, seed: int, shards: pathlib.Path, folder: pathlib.Path, steps: int) -> dict:
    """One arm and seed: scores of the test windows, the validation curve, CPU seconds."""
    record = folder / 'cpu_seconds.json'
    seconds = json.loads(record.read_text()) if record.exists() else 0.0
    seconds += genojax(
        'train',
        *ARMS[arm],
        f'--config.tasks.masked_lm.data.shards={shards}',
        f'--config.seed={seed}',
        f'--config.steps={steps}',
        f'--workdir={folder}',
    )
    record.write_text(json.dumps(seconds))
    genojax('evaluate', str(folder))
    result = json.loads((folder / 'evaluation' / 'masked_lm.test.json').read_text())
    result = result.get('value', result)
    rows = [row for row in log.read(folder) if row['kind'] == 'validation']
    return {
        'arm': arm,
        'seed': seed,
        'cpu_seconds': round(seconds),
        **{name: result[name] for name in COLUMNS},
        'validation': [[row['step'], row['masked_lm/bits_per_base']] for row in rows],
    }


def kept(path: pathlib.Path, seeds: list[int], steps: int) -> list[dict]:
    """The runs of other seeds in a file of results, which must be as long."""
    rows = json.loads(path.read_text()) if path.exists() else []
    rows = [row for row in rows if row['seed'] not in seeds]
    for row in rows:
        if row['validation'][-1][0] != steps:
            raise SystemExit(f'{path}: {row["arm"]}, seed {row["seed"]} has not {steps} steps')
    return rows


def print_table(results: list[dict]) -> None:
    for column in COLUMNS:
        print(f'\n{column}: {results[0][column]["n_windows"]:,} windows')
        print('| arm | bits per base (seeds) | minus two-sided Markov | CPU s |')
        print('|---|---|---|---|')
        for arm in dict.fromkeys(row['arm'] for row in results):
            rows = [row for row in results if row['arm'] == arm]
            bits = ', '.join(metrics.format_interval(row[column]['model']) for row in rows)
            apart = ', '.join(
                metrics.format_interval(row[column]['differences']['two_sided']) for row in rows
            )
            seconds = round(float(np.mean([row['cpu_seconds'] for row in rows])))
            print(f'| {arm} | {bits} | {apart} | {seconds} |')
        for name in ('order0', 'order5', 'two_sided'):
            print(f'| {name} | {metrics.format_interval(results[0][column][name])} | | |')


def draw(results: list[dict], steps: int, path: pathlib.Path) -> None:
    """Validation bits per base against the share of each run's CPU time."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6))
    colours = dict(zip(ARMS, ('tab:blue', 'tab:orange', 'tab:green'), strict=True))
    for row in results:
        seconds = [step / steps * row['cpu_seconds'] for step, _ in row['validation']]
        label = row['arm'] if row['seed'] == results[0]['seed'] else None
        bits = [value for _, value in row['validation']]
        axes.plot(seconds, bits, marker='.', color=colours[row['arm']], label=label)
    axes.set_xlabel('CPU seconds of training, start included')
    axes.set_ylabel('validation bits per base')
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--steps', type=int, default=1000)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    shards = options.workdir / 'shards'
    if not shards.exists():
        genojax('ingest', str(options.data / 'embed_default'), f'--out={shards}')
    path = options.out / 'results.json'
    results = kept(path, options.seeds, options.steps)
    for seed in options.seeds:
        for arm in ARMS:
            folder = options.workdir / f'{arm}_{seed}'
            results.append(train(arm, seed, shards, folder, options.steps))
            results.sort(key=lambda row: row['seed'])  # stable: arms stay in their order
            path.write_text(json.dumps(results, indent=1) + '\n')
    print_table(results)
    draw(results, options.steps, options.out / 'curve.png')


if __name__ == '__main__':
    main()
