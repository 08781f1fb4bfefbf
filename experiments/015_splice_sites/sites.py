"""Splice sites against all other GT and AG of whole genes: worm and Arabidopsis, real annotation.

python experiments/015_splice_sites/sites.py --data=$GENOJAX_DATA --workdir=runs/splice_sites \\
    --seeds=3

Cuts the windows (`genojax windows`), trains a small convolutional network on them, and scores whole
chromosomes that it has not seen, with all their decoys, by average precision, beside positional and
k-mer models that are fitted to the same rows and tuned on the same validation chromosomes. Prints
the table and writes results.json and results.csv. What is done already is not repeated.

A thousand sites teach a network little about what coding sequence looks like, and tens of thousands
of decoys can. So rows have ten classes: sites, and nine of decoys by what lies beside them. Every
model may be trained on these or on two classes; a score is the log odds of the class of sites.
"""

import argparse
import collections
import csv
import functools
import json
import pathlib
import time
import warnings
from collections.abc import Callable

import numpy as np
from scipy import sparse, special
from sklearn import exceptions, linear_model

from genojax import dna, experiment, genome, metrics
from genojax.cli import flags
from genojax.cli import windows as windows_verb
from genojax.data.formats import annotation
from genojax.data.store import regions
from genojax.tasks.classification import evaluate
from genojax.tasks.labelled import features
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
SPECIES = ('celegans', 'athaliana')
FLANK = 80  # bases on either side of the site's two
SIDE = 30  # bases from a decoy to the two whose regions are its class
SITE = 'site'  # the class of sites
ENSEMBLE = 'mean of the networks'
TASK = 'promoters'  # the name of the config's task
SPLITS = ('train', 'validation', 'test')
SETTINGS = {
    'model.length': str(2 * FLANK + 2),
    'model.filters': '(48, 48)',
    'model.windows': '(9, 7)',
    'model.pools': '(1, 2)',
    'model.padding': 'same',
    'model.hidden': '(64,)',
    'steps': '1400',
    'validate_every': '350',
    'save_every': '350',
    f'tasks.{TASK}.classes': '10',
    f'tasks.{TASK}.data.label_column': 'class',
    f'tasks.{TASK}.data.batch_size': '64',
    f'tasks.{TASK}.data.keep_together': 'equal',
    f'tasks.{TASK}.data.shared_rows': 'report',
}
PENALTIES = (0.003, 0.01, 0.03)  # C of models with one column per position
KMER_PENALTIES = (0.1, 1.0, 10.0)
KMER_SCALE = 5.0  # of k-mers beside positions, whose columns are larger


def cut(data: pathlib.Path, folder: pathlib.Path, site: str) -> pathlib.Path:
    """The table of one kind of site: every site and every decoy, and their classes."""
    every, out = folder / f'{site}s_all.tsv', folder / f'{site}s.tsv'
    if not every.exists():
        arguments = [f'--site={site}', f'--flank={FLANK}', f'--out={every}']
        for name in SPECIES:
            fasta_path, gff_path = paths(data, name)
            arguments += [f'--fasta={fasta_path}', f'--annotation={gff_path}']
            arguments.append(f'--species={name}')
        windows_verb.run(arguments)
    if not out.exists():
        header, *lines = every.read_text().splitlines()
        names = classes(data, read(every))
        rows = [f'{line}\t{name}' for line, name in zip(lines, names, strict=True)]
        out.write_text('\n'.join([f'{header}\tclass', *rows]) + '\n')
    return out


def paths(data: pathlib.Path, species: str) -> tuple[pathlib.Path, pathlib.Path]:
    stem = f'{species}_1pct'
    folder = data / 'embed_default'
    return folder / f'{stem}.fa.gz', folder / f'{stem}.gff3.gz'


def classes(data: pathlib.Path, rows: list[dict]) -> list[str]:
    """The class of every row: `SITE`, or what lies `SIDE` bases before and after a decoy.

    C is coding on the gene's strand, U another part of an exon, I neither: 'decoy CI' has a coding
    base before it and an intron, or what is beyond the gene, after it.
    """
    spans: dict[tuple, list] = collections.defaultdict(list)
    for species in SPECIES:
        source = annotation.read(paths(data, species)[1])
        for contig in source.contigs:
            for row in source.on(contig):
                bits = regions.BITS_OF_KIND.get(row.kind.lower(), 0)
                if bits & genome.Region.EXON:
                    spans[species, contig, row.interval.strand].append((row.interval, bits))
    places = collections.defaultdict(list)
    for number, row in enumerate(rows):
        places[row['species'], row['contig'], row['strand']].append(number)
    result = [SITE] * len(rows)
    for key, numbers in places.items():
        place_N = np.array([int(rows[number]['position']) - 1 for number in numbers])
        codes_N2 = np.zeros((len(numbers), 2), np.uint8)
        first_N2 = np.stack([place_N - SIDE, place_N + 1 + SIDE], 1)
        if key[2] == '-':
            first_N2 = first_N2[:, ::-1]
        for interval, bits in spans[key]:
            codes_N2[(first_N2 >= interval.start) & (first_N2 < interval.end)] |= bits
        for number, pair in zip(numbers, codes_N2.tolist(), strict=True):
            if rows[number]['label'] == '0':
                result[number] = 'decoy ' + ''.join(map(letter, pair))
    return result


def letter(bits: int) -> str:
    if bits & genome.Region.CDS:
        return 'C'
    return 'U' if bits & genome.Region.EXON else 'I'


def read(path: pathlib.Path) -> list[dict]:
    with open(path) as file:
        return list(csv.DictReader(file, delimiter='\t'))


def network(table: pathlib.Path, folder: pathlib.Path, seed: int) -> list[float]:
    """Scores of the test rows, in the order of the table."""
    values = flags.load('baselines:basset')
    more = {f'tasks.{TASK}.data.path': str(table), 'seed': str(seed)}
    for name, text in {**SETTINGS, **more}.items():
        flags.override(values, name, text)
    run = runs.open_run(experiment.from_config(values), folder)
    loop.train(run)
    task, datasets = run.tasks[TASK], run.datasets[TASK]
    p_NC = evaluate.scores(task, run.trained(run.restore_best()), datasets, 'test')
    order, names = datasets.rows('test'), datasets.table.names
    run.close()
    assert (np.diff(order) > 0).all()
    log_p_NC = np.log(np.maximum(p_NC, 1e-30, dtype=np.float64))
    return log_odds(log_p_NC, names.index(SITE)).tolist()


def log_odds(log_p_NC: np.ndarray, column: int) -> np.ndarray:
    """Log odds of one class against all others, from logits or log probabilities."""
    return log_p_NC[:, column] - special.logsumexp(np.delete(log_p_NC, column, 1), 1)


def positions(codes_NL: np.ndarray, flank: int, pairs: bool) -> sparse.csr_matrix:
    """The base at each position of the middle and, with `pairs`, the two at each and the next."""
    middle = codes_NL.shape[1] // 2
    codes_NL = codes_NL[:, middle - 1 - flank : middle + 1 + flank]
    if not pairs:
        return features.one_hot(codes_NL)
    pair_NL = dna.kmer_indices(codes_NL, 2)
    row_N, place_N = np.nonzero(pair_NL >= 0)
    column_N = 16 * place_N + pair_NL[row_N, place_N]
    shape = len(codes_NL), 16 * pair_NL.shape[1]
    columns = sparse.csr_matrix((np.ones(len(row_N)), (row_N, column_N)), shape)
    return sparse.hstack([features.one_hot(codes_NL), columns], format='csr')


def sides(codes_NL: np.ndarray, k: int) -> sparse.csr_matrix:
    """K-mers of 1 to k bases before the site, and those after it."""
    middle = codes_NL.shape[1] // 2
    parts = codes_NL[:, : middle - 1], codes_NL[:, middle + 1 :]
    return sparse.hstack([features.kmer(part, 1, k) for part in parts], format='csr')


def positions_and_sides(codes_NL: np.ndarray, flank: int, k: int) -> sparse.csr_matrix:
    parts = positions(codes_NL, flank, True), KMER_SCALE * sides(codes_NL, k)
    return sparse.hstack(parts, format='csr')


def fit(columns: dict, target: np.ndarray, penalty: float) -> dict[str, np.ndarray]:
    """Log odds of sites for the validation and test rows."""
    model = linear_model.LogisticRegression(C=penalty, max_iter=1_000)
    with warnings.catch_warnings():
        warnings.simplefilter('error', exceptions.ConvergenceWarning)
        model.fit(columns['train'], target)
    scores = {split: model.decision_function(columns[split]) for split in ('validation', 'test')}
    if len(model.classes_) > 2:
        column = model.classes_.tolist().index(SITE)
        scores = {split: log_odds(score, column) for split, score in scores.items()}
    return scores


# Features, their settings, and the values of C.
BASELINES = {
    'bases by position': (
        functools.partial(positions, pairs=False),
        [{'flank': 40}, {'flank': FLANK}],
        PENALTIES,
    ),
    'pairs of bases by position': (
        functools.partial(positions, pairs=True),
        [{'flank': 40}, {'flank': FLANK}],
        PENALTIES,
    ),
    'k-mers of either side': (sides, [{'k': 3}, {'k': 4}, {'k': 5}], KMER_PENALTIES),
    'pairs by position and k-mers of either side': (
        positions_and_sides,
        [{'flank': 40, 'k': 3}, {'flank': 40, 'k': 4}],
        PENALTIES,
    ),
}


def baselines(rows: list[dict]) -> dict[str, dict]:
    """Scores of the test rows and the chosen settings, by model."""
    codes_NL = np.stack([dna.encode(row['sequence']) for row in rows])
    class_N = np.array([row['class'] for row in rows])
    part = {name: np.array([row['split'] == name for row in rows]) for name in SPLITS}
    return {name: choose(*parts, codes_NL, class_N, part) for name, parts in BASELINES.items()}


def choose(make, grid, penalties, codes_NL, class_N, part) -> dict:
    """The best fit on the validation rows.

    Features and penalty are chosen with two classes; then all classes are tried with these, and
    used where they are better.
    """
    truth = class_N[part['validation']] == SITE
    train_N = class_N[part['train']]
    best: dict = {'validation': -1.0}
    for count, target in ((2, np.where(train_N == SITE, SITE, 'decoy')), (10, train_N)):
        if count > 2:
            grid = [{key: best['settings'][key] for key in grid[0]}]
            penalties = [best['settings']['C']]
        for more in grid:
            columns = {split: make(codes_NL[part[split]], **more) for split in part}
            for penalty in penalties:
                scores = fit(columns, target, penalty)
                score = float(metrics.auprc(truth, scores['validation']))
                if score > best['validation']:
                    settings = {**more, 'C': penalty, 'classes': count}
                    best = {
                        'validation': score,
                        'scores': scores['test'].tolist(),
                        'settings': settings,
                    }
    return best


def compare(rows: list[dict], networks: list[np.ndarray], fitted: dict[str, dict]) -> dict:
    """Average precision of all models on test rows, and what the mean network has more: JSON.

    Intervals are over genes. 'network' is the seed in the middle, `ENSEMBLE` the mean of the log
    odds of all seeds.
    """
    test = [row for row in rows if row['split'] == 'test']
    label = np.array([row['label'] == '1' for row in test])
    gene = np.array([f'{row["species"]} {row["gene"]}' for row in test])
    options = {'clusters': gene, 'cluster_strata': label, 'stratified': False, 'n': 400}
    by_seed = [float(metrics.auprc(label, score)) for score in networks]
    middle = networks[int(np.argsort(by_seed)[len(by_seed) // 2])]
    mean = np.mean(networks, 0)
    every = {ENSEMBLE: mean, 'network': middle}
    every |= {name: np.array(one['scores']) for name, one in fitted.items()}
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
        'mean_minus': {
            name: metrics.paired_difference(metrics.auprc, label, mean, score, **options)
            for name, score in every.items()
            if name != ENSEMBLE
        },
        'settings': {name: one['settings'] for name, one in fitted.items()},
        'validation': {name: one['validation'] for name, one in fitted.items()},
    }


def once(path: pathlib.Path, compute: Callable) -> dict:
    """What a function returns, and its CPU seconds; read from the file if that is there."""
    if not path.exists():
        started = time.process_time()
        result = compute()
        row = {'cpu_seconds': round(time.process_time() - started), 'result': result}
        path.write_text(json.dumps(row) + '\n')
    return json.loads(path.read_text())


def run_site(options, site: str) -> dict:
    done = options.workdir / f'{site}.json'
    if done.exists():
        return json.loads(done.read_text())
    table = cut(options.data, options.workdir, site)
    rows = read(table)
    fitted = once(options.workdir / f'{site}_baselines.json', lambda: baselines(rows))
    networks = []
    for seed in range(options.seeds):
        folder = options.workdir / f'{site}{seed}'
        path = options.workdir / f'{site}{seed}.json'
        networks.append(once(path, functools.partial(network, table, folder, seed)))
    result = compare(rows, [np.array(one['result']) for one in networks], fitted['result'])
    result['cpu_seconds'] = {
        'baselines': fitted['cpu_seconds'],
        'networks': [one['cpu_seconds'] for one in networks],
    }
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


def lines(results: dict[str, dict]) -> list[list]:
    """Rows of results.csv."""
    columns = ['site', 'model', 'auprc', 'low', 'high', 'auroc', *SPECIES, 'mean_minus']
    table = [[*columns, 'minus_low', 'minus_high']]
    for site, result in results.items():
        ranked = sorted(result['models'].items(), key=lambda item: -item[1]['auprc'][0])
        for name, row in ranked:
            cells = [*row['auprc'], row['auroc'], *(row[f'auprc {one}'] for one in SPECIES)]
            cells += result['mean_minus'].get(name, [])
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
