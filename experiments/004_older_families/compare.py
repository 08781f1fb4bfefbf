"""Basset, GRU, LSTM and a transformer on the same promoters, split and seeds.

python experiments/004_older_families/compare.py --data=$GENOJAX_DATA --workdir=runs/older_families

Prints the table and writes results.json. Every family starts from scratch and has three settings;
the one with the lowest validation loss (at its best checkpoint, seed 0) is run with two more seeds.
Test rows are scored after that choice and for it alone. The rows and their split are those of the
main job on the real set (experiments/001_main_job): `promoters_dnabert_core`, without the row that
occurs in that set's genomes.
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
from genojax.train import log, loop, runs

HERE = pathlib.Path(__file__).parent
TASK = 'promoters'
SEEDS = (0, 1, 2)
LEAD = 'transformer'
SHORT = {'model.length': '70', 'model.padding': 'same', 'steps': '500'}
NARROW = {
    'model.filters': '(75, 50, 50)',
    'model.hidden': '(128, 128)',
    'tasks.promoters.data.batch_size': '32',
}
LSTM = {'model.cell': 'lstm'}
SMALL = {'model.width': '64', 'model.dropout': '0.4'}
POSITIONS = {'tasks.promoters.pool': 'positions'}
LONG = {'steps': '800', 'save_every': '800'}
# Family -> its config and settings; the first one is the config unchanged, for Basset at 70 bp.
FAMILIES = {
    'Basset': ('baselines:basset', [SHORT, SHORT | {'optim.peak': '0.0003'}, SHORT | NARROW]),
    'GRU': ('baselines:gru', [{}, SMALL, POSITIONS]),
    'LSTM': ('baselines:gru', [LSTM, LSTM | SMALL, LSTM | POSITIONS]),
    'transformer': (
        'demo_promoters',
        [
            LONG,
            LONG | {'optim.peak': '0.0005'},
            LONG | {'model.width': '32', 'model.inner': '128'},
        ],
    ),
}


def open_run(config: str, overrides: dict[str, str], folder: pathlib.Path) -> runs.Run:
    values = flags.load(config)
    for path, text in overrides.items():
        flags.override(values, path, text)
    return runs.open_run(experiment.from_config(values), folder)


def choose(family: str, data: dict[str, str], out: pathlib.Path) -> tuple[int, list[dict]]:
    """Trains every setting of a family; the best one's number, and all with their losses."""
    config, settings = FAMILIES[family]
    tried = []
    for number, changes in enumerate(settings):
        folder = out / f'{family}_{number}'
        run = open_run(config, {**changes, **data, 'seed': '0'}, folder)
        started = time.process_time()
        loop.train(run)
        seconds = time.process_time() - started
        run.close()
        losses = [row[f'{TASK}/loss'] for row in log.read(folder) if row['kind'] == 'validation']
        tried.append(
            {
                'changes': changes,
                'validation_loss': min(losses),
                'cpu_seconds': round(seconds),
            }
        )
    return int(np.argmin([row['validation_loss'] for row in tried])), tried


def score_seeds(family: str, best: int, data: dict[str, str], out: pathlib.Path):
    """The chosen setting with every seed.

    Returns:
        Test AUROC per seed, seed 0's test scores and number of parameters, and the datasets.
    """
    config, settings = FAMILIES[family]
    aurocs = []
    for seed in SEEDS:
        folder = out / (f'{family}_{best}' if seed == 0 else f'{family}_{best}_seed{seed}')
        run = open_run(config, {**settings[best], **data, 'seed': str(seed)}, folder)
        loop.train(run)
        state, datasets = run.restore_best(), run.datasets[TASK]
        scores = classification.scores(run.tasks[TASK], run.trained(state), datasets)
        truth = datasets.table.labels[datasets.rows('test')]
        aurocs.append(float(metrics.auroc(truth, scores)))
        if seed == 0:
            scores_0, parameters = scores, experiment.count_parameters(state)
        run.close()
    return aurocs, scores_0, parameters, datasets


def print_table(families: dict, table: dict) -> None:
    for name, row in sorted(table['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        family = families.get(name, {})
        seeds = ', '.join(f'{auroc:.3f}' for auroc in family.get('auroc_by_seed', []))
        parameters = f'{family["parameters"]:,}' if family else ''
        interval = metrics.format_interval(row['auroc'])
        print(f'| {name} | {parameters} | {interval} | {seeds} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    genomes = options.workdir / 'genomes'
    ingest.ingest(options.data / 'embed_default', genomes)
    data = {
        f'tasks.{TASK}.data.path': str(options.data / 'promoters_dnabert_core'),
        f'tasks.{TASK}.data.exclude': str(genomes),
    }
    families, scores = {}, {}
    for family, (config, _) in FAMILIES.items():
        best, tried = choose(family, data, options.workdir)
        seeds = score_seeds(family, best, data, options.workdir)
        aurocs, scores[family], parameters, datasets = seeds
        families[family] = {
            'config': config,
            'parameters': parameters,
            'chosen': best,
            'tried': tried,
            'auroc_by_seed': aurocs,
        }
        print(family, json.dumps(families[family]), flush=True)
    fitted = classification.baseline_scores(datasets)
    table = classification.compare(datasets, scores, fitted, LEAD)
    for row in table['models'].values():
        row.pop('roc', None)
    result = {'families': families, 'table': table}
    (options.out / 'results.json').write_text(json.dumps(result, indent=1))
    print_table(families, table)


if __name__ == '__main__':
    main()
