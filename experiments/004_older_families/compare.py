"""Basset, GRU, LSTM and a transformer on the same promoters, split and seeds; prints the table and writes results.json.

python experiments/004_older_families/compare.py --data=$GENOJAX_DATA --workdir=runs/older_families

Every family starts from scratch and has three settings; the one with the lowest validation loss (at its best
checkpoint, seed 0) is run with two more seeds. Test rows are scored after that choice and for it alone. The rows and
their split are those of the main job on the real set (experiments/001_main_job): `promoters_dnabert_core`, without the
row that lies in that set's genomes.
"""

import argparse
import json
import pathlib
import time

import numpy as np

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.tasks.classification import evaluate as classification
from genojax.train import loop, runs

SEEDS = (0, 1, 2)
SHORT = {'model.length': '70', 'model.padding': 'same', 'steps': '500'}
NARROW = {
    'model.filters': '(75, 50, 50)', 'model.hidden': '(128, 128)', 'data.batch_size': '32',
}  # fmt: skip
LSTM = {'model.cell': 'lstm'}
# Family -> (config, settings): the first setting is the config as it stands, the others are what one would try.
FAMILIES = {
    'Basset': ('basset', [SHORT, SHORT | {'optim.peak': '0.0003'}, SHORT | NARROW]),
    'GRU': (
        'recurrent',
        [{}, {'model.width': '64', 'model.dropout': '0.4'}, {'objective.pool': 'positions'}],
    ),
    'LSTM': (
        'recurrent',
        [LSTM, LSTM | {'model.width': '64', 'model.dropout': '0.4'}, LSTM | {'objective.pool': 'positions'}],
    ),
    'transformer': (
        'demo_promoters',
        [{}, {'optim.peak': '0.0005'}, {'model.width': '32', 'model.inner': '128'}],
    ),
}  # fmt: skip


def train(config: str, changes: dict, seed: int, data, genomes, folder: pathlib.Path):
    """The finished run, its best validation loss and the seconds it took."""
    values = flags.load(config)
    for name, text in {**changes, 'data.path': str(data), 'data.exclude': str(genomes)}.items():
        flags.override(values, name, text)
    flags.override(values, 'seed', str(seed))
    run = runs.Run(experiment.from_config(values), folder)
    began = time.process_time()
    loop.train(run)
    seconds = time.process_time() - began
    lines = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return run, min(line['loss'] for line in lines if line.get('kind') == 'eval'), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    options = parser.parse_args()
    data, out = options.data / 'promoters_dnabert_core', options.workdir
    genomes = out / 'genomes'
    ingest.ingest(options.data / 'embed_default', genomes)
    found, scores, task = {}, {}, None
    for family, (config, settings) in FAMILIES.items():
        tried = []
        for number, changes in enumerate(settings):
            run, loss, seconds = train(
                config, changes, 0, data, genomes, out / f'{family}_{number}'
            )
            tried.append({'changes': changes, 'valid_loss': loss, 'cpu_seconds': round(seconds)})
            run.close()
        best = int(np.argmin([one['valid_loss'] for one in tried]))
        aurocs = []
        for seed in SEEDS:
            folder = out / (f'{family}_{best}' if seed == 0 else f'{family}_{best}_seed{seed}')
            run, _, _ = train(config, settings[best], seed, data, genomes, folder)
            state = run.restore_best()
            logits = classification.scores(run, state)
            task = run.feed.task
            truth = task.labelled.labels[task.rows('test')]
            aurocs.append(float(metrics.auroc(truth, logits)))
            if seed == 0:
                scores[family] = logits
                parameters = experiment.count_parameters(state)
            run.close()
        found[family] = {
            'config': config,
            'parameters': parameters,
            'chosen': best,
            'tried': tried,
            'auroc_by_seed': aurocs,
        }
        print(family, json.dumps(found[family]), flush=True)
    fitted = classification.baseline_scores(task)
    table = classification.compare(task, scores, fitted, 'transformer')
    for row in table['models'].values():
        row.pop('roc', None)
    result = {'families': found, 'table': table}
    (pathlib.Path(__file__).parent / 'results.json').write_text(json.dumps(result, indent=1))
    for name, row in sorted(table['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        more = found.get(name, {})
        seeds = ', '.join(f'{x:.3f}' for x in more.get('auroc_by_seed', []))
        value, low, high = row['auroc']
        parameters = f'{more["parameters"]:,}' if more else ''
        print(f'| {name} | {parameters} | {value:.3f} ({low:.3f} to {high:.3f}) | {seeds} |')


if __name__ == '__main__':
    main()
