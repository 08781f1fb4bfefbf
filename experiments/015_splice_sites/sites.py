"""Splice sites against all other GT and AG of whole genes: worm and Arabidopsis, real annotation.

python experiments/015_splice_sites/sites.py --data=$GENOJAX_DATA --workdir=runs/splice_sites \\
    --seeds=3

Cuts the windows (`genojax windows`), trains a small convolutional network on them, and scores whole
chromosomes that it has not seen, with all their decoys, by average precision, beside positional and
k-mer models that are fitted to the same rows and tuned on the same validation chromosomes. Prints
the table and writes results.json and results.csv. What is done already is not repeated.
"""

import argparse
import csv
import functools
import json
import pathlib
import time
import warnings

import numpy as np
from scipy import sparse
from sklearn import exceptions, linear_model

from genojax import dna, experiment, metrics
from genojax.cli import flags
from genojax.cli import windows as windows_verb
from genojax.tasks.classification import evaluate
from genojax.tasks.labelled import features
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
SPECIES = ('celegans', 'athaliana')
FLANK = 40
DECOYS = 4  # per site in the training and validation rows; test rows have all of them
TASK = 'promoters'  # the name of the config's task
SPLITS = ('train', 'validation', 'test')
SETTINGS = {
    'model.length': str(2 * FLANK + 2),
    'model.filters': '(48, 48)',
    'model.windows': '(9, 7)',
    'model.pools': '(1, 2)',
    'model.padding': 'same',
    'model.hidden': '(64,)',
    'steps': '500',
    'validate_every': '100',
    'save_every': '100',
    f'tasks.{TASK}.data.batch_size': '64',
    f'tasks.{TASK}.data.keep_together': 'equal',
    f'tasks.{TASK}.data.shared_rows': 'report',
}
PENALTIES = (0.003, 0.01, 0.03, 0.1, 1.0)  # C of the positional models


def cut(data: pathlib.Path, folder: pathlib.Path, site: str) -> pathlib.Path:
    """The table of one kind of site: all rows of test chromosomes, of the others some decoys."""
    every, out = folder / f'{site}s_all.tsv', folder / f'{site}s.tsv'
    if not every.exists():
        arguments = [f'--site={site}', f'--flank={FLANK}', f'--out={every}']
        for name in SPECIES:
            stem = data / 'embed_default' / f'{name}_1pct'
            arguments += [f'--fasta={stem}.fa.gz', f'--annotation={stem}.gff3.gz']
            arguments.append(f'--species={name}')
        windows_verb.run(arguments)
    if not out.exists():
        header, *lines = every.read_text().splitlines()
        rows = read(every)
        rng = np.random.default_rng(0)
        test = np.array([row['split'] == 'test' for row in rows])
        site_N = np.array([row['label'] == '1' for row in rows])
        share = DECOYS * (site_N & ~test).sum() / (~site_N & ~test).sum()
        chosen = test | site_N | (rng.random(len(rows)) < share)
        kept = [line for line, use in zip(lines, chosen, strict=True) if use]
        out.write_text('\n'.join([header, *kept]) + '\n')
    return out


def read(path: pathlib.Path) -> list[dict]:
    with open(path) as file:
        return list(csv.DictReader(file, delimiter='\t'))


def network(table: pathlib.Path, folder: pathlib.Path, seed: int) -> np.ndarray:
    """Scores of the test rows, in the order of the table."""
    values = flags.load('baselines:basset')
    more = {f'tasks.{TASK}.data.path': str(table), 'seed': str(seed)}
    for name, text in {**SETTINGS, **more}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder)
    loop.train(run)
    task, datasets = run.tasks[TASK], run.datasets[TASK]
    scores = evaluate.scores(task, run.trained(run.restore_best()), datasets, 'test')
    order = datasets.rows('test')
    run.close()
    assert (np.diff(order) > 0).all()
    return scores


def pairs_one_hot(codes_NL: np.ndarray) -> sparse.csr_matrix:
    """The base at each position, and the two bases at each position and the next."""
    pair_NL = dna.kmer_indices(codes_NL, 2)
    row_N, place_N = np.nonzero(pair_NL >= 0)
    column_N = 16 * place_N + pair_NL[row_N, place_N]
    shape = len(codes_NL), 16 * pair_NL.shape[1]
    pairs = sparse.csr_matrix((np.ones(len(row_N)), (row_N, column_N)), shape)
    return sparse.hstack([features.one_hot(codes_NL), pairs], format='csr')


def baselines(rows: list[dict]) -> dict[str, dict]:
    """Scores of the test rows and the chosen settings, by model."""
    codes_NL = np.stack([dna.encode(row['sequence']) for row in rows])
    label = np.array([row['label'] == '1' for row in rows])
    part = {name: np.array([row['split'] == name for row in rows]) for name in SPLITS}
    kinds = {
        'bases by position': [({}, features.one_hot, PENALTIES)],
        'pairs of bases by position': [({}, pairs_one_hot, PENALTIES)],
        'k-mers': [
            ({'k': k}, functools.partial(features.kmer, shortest=1, longest=k), (1.0, 5.0, 25.0))
            for k in (3, 4, 5)
        ],
    }
    result: dict[str, dict] = {}
    for name, grid in kinds.items():
        for more, make, penalties in grid:
            columns = {split: make(codes_NL[part[split]]) for split in part}
            for penalty in penalties:
                model = linear_model.LogisticRegression(C=penalty, max_iter=1_000)
                with warnings.catch_warnings():
                    warnings.simplefilter('error', exceptions.ConvergenceWarning)
                    model.fit(columns['train'], label[part['train']])
                scores = {s: model.decision_function(columns[s]) for s in ('validation', 'test')}
                one = {
                    'validation': float(
                        metrics.auprc(label[part['validation']], scores['validation'])
                    ),
                    'scores': scores['test'],
                    'settings': {**more, 'C': penalty},
                }
                if name not in result or one['validation'] > result[name]['validation']:
                    result[name] = one
    return result


def compare(rows: list[dict], networks: list[np.ndarray], fitted: dict[str, dict]) -> dict:
    """Average precision of all models on test rows, and what the network has more: JSON.

    Intervals are over genes. The network's score is the mean over seeds of its average precision,
    and its interval that of the seed in the middle.
    """
    test = [row for row in rows if row['split'] == 'test']
    label = np.array([row['label'] == '1' for row in test])
    gene = np.array([f'{row["species"]} {row["gene"]}' for row in test])
    options = {'clusters': gene, 'cluster_strata': label, 'stratified': False, 'n': 400}
    by_seed = [float(metrics.auprc(label, score)) for score in networks]
    middle = networks[int(np.argsort(by_seed)[len(by_seed) // 2])]
    every = {'network': middle} | {name: one['scores'] for name, one in fitted.items()}
    species = np.array([row['species'] for row in test])
    return {
        'test_rows': len(label),
        'sites': int(label.sum()),
        'network_seeds': by_seed,
        'models': {
            name: {
                'auprc': metrics.bootstrap_interval(metrics.auprc, label, score, **options),
                'auroc': float(metrics.auroc(label, score)),
                **{
                    f'auprc {one}': float(
                        metrics.auprc(label[species == one], score[species == one])
                    )
                    for one in SPECIES
                },
            }
            for name, score in every.items()
        },
        'network_minus': {
            name: metrics.paired_difference(metrics.auprc, label, middle, score, **options)
            for name, score in every.items()
            if name != 'network'
        },
        'settings': {name: one['settings'] for name, one in fitted.items()},
    }


def run_site(options, site: str) -> dict:
    done = options.workdir / f'{site}.json'
    if done.exists():
        return json.loads(done.read_text())
    seconds = [time.process_time()]
    table = cut(options.data, options.workdir, site)
    rows = read(table)
    fitted = baselines(rows)
    seconds.append(time.process_time())
    networks = [
        network(table, options.workdir / f'{site}{seed}', seed) for seed in range(options.seeds)
    ]
    seconds.append(time.process_time())
    result = compare(rows, networks, fitted)
    names = 'tables and baselines', 'networks'
    result['cpu_seconds'] = dict(zip(names, np.diff(seconds).round().tolist(), strict=True))
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


def lines(results: dict[str, dict]) -> list[list]:
    """Rows of results.csv."""
    columns = ['site', 'model', 'auprc', 'low', 'high', 'auroc', *SPECIES, 'network_minus']
    table = [[*columns, 'minus_low', 'minus_high']]
    for site, result in results.items():
        ranked = sorted(result['models'].items(), key=lambda item: -item[1]['auprc'][0])
        for name, row in ranked:
            cells = [*row['auprc'], row['auroc'], *(row[f'auprc {one}'] for one in SPECIES)]
            cells += result['network_minus'].get(name, [])
            shown = [f'{cell:.4f}' for cell in cells]
            table.append([site, name, *shown, *[''] * (9 - len(shown))])
    return table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--sites', nargs='+', default=['donor', 'acceptor'])
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    results = {site: run_site(options, site) for site in options.sites}
    (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    with open(options.out / 'results.csv', 'w') as file:
        file.writelines(','.join(row) + '\n' for row in lines(results))
    for row in lines(results):
        print('| ' + ' | '.join(row) + ' |')
    for site, result in results.items():
        seeds = ', '.join(f'{x:.4f}' for x in result['network_seeds'])
        print(f'{site}: seeds {seeds}; CPU seconds {result["cpu_seconds"]}')


if __name__ == '__main__':
    main()
