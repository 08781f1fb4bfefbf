"""Splice sites against all other GT and AG of whole genes: worm and Arabidopsis, real annotation.

python experiments/015_splice_sites/sites.py --data=$GENOJAX_DATA --workdir=runs/splice_sites \\
    --seeds=2

Cuts the windows (`genojax windows`), trains small convolutional networks on them, and scores whole
chromosomes that they have not seen, with all their decoys, by average precision, beside positional
and k-mer models that are fitted to the same rows. Their settings are chosen on validation
chromosomes; those of the networks were chosen before, on `SETTINGS_FOLD`. Five folds: every window
is a test row once. Prints the tables and writes results.json and results.csv. What is done already
is not repeated.

A thousand sites teach a network little about what coding sequence looks like, and tens of thousands
of decoys can. So rows have ten classes: sites, and nine of decoys by what lies beside them. Every
model may be fitted to these or to two classes; a score is the log odds of the class of sites.
"""

import argparse
import collections
import csv
import functools
import json
import pathlib
import time
from collections.abc import Callable

import linear
import numpy as np

from genojax import experiment, genome, metrics, tasks
from genojax.cli import windows as windows_verb
from genojax.data.formats import annotation
from genojax.data.store import regions
from genojax.models import basset
from genojax.tasks.classification import evaluate
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
SPECIES = ('celegans', 'athaliana')
# Test contigs of each fold; those of the fold before it select settings.
FOLDS = ('I,Chr1', 'II,Chr2,ChrC,ChrM', 'III,Chr3', 'IV,Chr4', 'V,X,Chr5')
# The settings of the networks were chosen on the validation rows of the last fold: the test rows of
# this one.
SETTINGS_FOLD = 3
FLANK = max(linear.FLANKS)  # bases on either side of the site's two
SIDE = 30  # bases from a decoy to the two whose regions are its class
ENSEMBLE = 'mean of the networks'
# Convolutions, and the highest learning rate.
NETWORKS = {
    'two layers': ({'filters': (64, 96), 'windows': (9, 7), 'pools': (2, 2)}, 2e-3),
    'three layers': ({'filters': (48, 48, 64), 'windows': (9, 7, 5), 'pools': (1, 4, 4)}, 3e-3),
}


def config(table: pathlib.Path, kind: str, seed: int) -> experiment.Experiment:
    """One network."""
    data = tasks.LabelledDataConfig(
        path=str(table),
        label_column='class',
        batch_size=64,
        keep_together='equal',
        shared_rows='report',
    )
    layers, peak = NETWORKS[kind]
    sizes = {'length': 2 * FLANK + 2, 'padding': 'same', 'hidden': (64,), 'targets': 0}
    return experiment.Experiment(
        model=basset.BassetConfig(vocab=10, **sizes, **layers),
        tokenizer=experiment.TokenizerConfig('nucleotide', 1),
        optim=experiment.OptimConfig(peak=peak, warmup=50),
        tasks={'sites': tasks.ClassificationConfig(classes=10, dropout=0.0, data=data)},
        steps=1_200,
        log_every=50,
        validate_every=1_200,
        save_every=600,
        seed=seed,
    )


def cut(data: pathlib.Path, folder: pathlib.Path, site: str) -> list[dict]:
    """Every site of one kind and every decoy, with their classes."""
    out = folder / f'{site}s.tsv'
    if not out.exists():
        arguments = [f'--site={site}', f'--flank={FLANK}', f'--out={out}']
        for name in SPECIES:
            fasta_path, gff_path = paths(data, name)
            arguments += [f'--fasta={fasta_path}', f'--annotation={gff_path}', f'--species={name}']
        windows_verb.run(arguments)
    with open(out) as file:
        rows = list(csv.DictReader(file, delimiter='\t'))
    return [row | {'class': name} for row, name in zip(rows, classes(data, rows), strict=True)]


def parts(rows: list[dict], fold: int) -> np.ndarray:
    """The part of every row in a fold: of whole contigs."""
    numbers = {name: n for n, names in enumerate(FOLDS) for name in names.split(',')}
    number_N = np.array([numbers[row['contig']] for row in rows])
    validation = (fold - 1) % len(FOLDS)
    return np.where(
        number_N == fold, 'test', np.where(number_N == validation, 'validation', 'train')
    )


def write_table(rows: list[dict], part_N: np.ndarray, out: pathlib.Path) -> None:
    """The table that the networks of a fold read."""
    names = 'sequence', 'class', 'split'
    lines = [(row['sequence'], row['class'], part) for row, part in zip(rows, part_N, strict=True)]
    out.write_text(''.join('\t'.join(line) + '\n' for line in [names, *lines]))


def paths(data: pathlib.Path, species: str) -> tuple[pathlib.Path, pathlib.Path]:
    stem = f'{species}_1pct'
    folder = data / 'embed_default'
    return folder / f'{stem}.fa.gz', folder / f'{stem}.gff3.gz'


def classes(data: pathlib.Path, rows: list[dict]) -> list[str]:
    """The class of every row: `linear.SITE`, or what lies `SIDE` bases before and after a decoy.

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
    result = [linear.SITE] * len(rows)
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


def network(table: pathlib.Path, folder: pathlib.Path, kind: str, seed: int) -> list[float]:
    """Scores of the test rows, in the order of the table."""
    run = runs.open_run(config(table, kind, seed), folder)
    state = loop.train(run)  # of the last step
    task, datasets = run.tasks['sites'], run.datasets['sites']
    p_NC = evaluate.scores(task, run.trained(state), datasets, 'test')
    order, names = datasets.rows('test'), datasets.table.names
    run.close()
    assert (np.diff(order) > 0).all()
    log_p_NC = np.log(np.maximum(p_NC, 1e-30, dtype=np.float64))
    return linear.log_odds(log_p_NC, names.index(linear.SITE)).tolist()


def compare(rows: list[dict], fold_N: np.ndarray, every: dict[str, np.ndarray]) -> dict:
    """Average precision of all models on the test rows of all folds, intervals over genes: JSON.

    Args:
        every: log odds of all rows by model.
    """
    label = np.array([row['label'] == '1' for row in rows])
    gene = np.array([f'{row["species"]} {row["gene"]}' for row in rows])
    species = np.array([row['species'] for row in rows])
    all_rows, others = fold_N >= 0, fold_N != SETTINGS_FOLD

    def area(score: np.ndarray, part: np.ndarray) -> float:
        return float(metrics.auprc(label[part], score[part]))

    def options(part: np.ndarray) -> dict:
        clusters = {'clusters': gene[part], 'cluster_strata': label[part]}
        return {**clusters, 'stratified': False, 'n': 400}

    mean = every[ENSEMBLE]
    models: dict = {}
    for name, score in sorted(every.items(), key=lambda item: item[0] != ENSEMBLE):
        folds = [area(score, fold_N == fold) for fold in range(len(FOLDS))]
        one: dict = {
            'auprc': metrics.bootstrap_interval(metrics.auprc, label, score, **options(all_rows)),
            'auroc': float(metrics.auroc(label, score)),
            **{kind: area(score, species == kind) for kind in SPECIES},
            'folds': folds,
            'mean_of_folds': float(np.mean(folds)),
        }
        models[name] = one
        if name == ENSEMBLE:
            continue
        # How far the intervals of this model and of the mean overlap; below 0: the gap between.
        one['overlap'] = one['auprc'][2] - models[ENSEMBLE]['auprc'][1]
        for key, part in (('mean_minus', all_rows), ('mean_minus_other_folds', others)):
            one[key] = metrics.paired_difference(
                metrics.auprc, label[part], mean[part], score[part], **options(part)
            )
    counts = {'rows': len(rows), 'sites': int(label.sum()), 'genes': len(set(gene.tolist()))}
    return {**counts, 'models': models}


def once(path: pathlib.Path, compute: Callable) -> dict:
    """What a function returns, and its CPU seconds; read from the file if that is there."""
    if not path.exists():
        started = time.process_time()
        result = compute()
        row = {'cpu_seconds': round(time.process_time() - started), 'result': result}
        path.write_text(json.dumps(row) + '\n')
    return json.loads(path.read_text())


def run_fold(options, rows: list[dict], site: str, fold: int) -> dict:
    """Scores of the test rows of a fold by model, settings, equal rows, CPU seconds."""
    part_N, stem = parts(rows, fold), f'{site}s_fold{fold}'
    table = options.workdir / f'{stem}.tsv'
    if not table.exists():
        write_table(rows, part_N, table)
    scores, seconds = {}, {}
    for kind in NETWORKS:
        for seed in range(options.seeds):
            name = f'{kind}, seed {seed}'
            folder = options.workdir / f'{stem}_{kind.split()[0]}{seed}'
            compute = functools.partial(network, table, folder, kind, seed)
            done = once(folder.with_suffix('.json'), compute)
            scores[name], seconds[name] = done['result'], done['cpu_seconds']
    scores[ENSEMBLE] = np.mean(list(scores.values()), 0).tolist()
    settings = {}
    for name in linear.MODELS:
        path = options.workdir / f'{stem}_{name.replace(" ", "_")}.json'
        done = once(path, functools.partial(linear.choose, name, rows, part_N))
        scores[name], seconds[name] = done['result']['scores'], done['cpu_seconds']
        settings[name] = done['result']['settings']
    sequences = {name: [] for name in linear.SPLITS}
    for row, part in zip(rows, part_N.tolist(), strict=True):
        sequences[part].append(row['sequence'])
    known = {*sequences['train'], *sequences['validation']}
    return {
        'scores': scores,
        'settings': settings,
        'test_rows': len(sequences['test']),
        'equal_to_a_fitted_row': sum(text in known for text in sequences['test']),
        'cpu_seconds': seconds,
    }


def run_site(options, site: str) -> dict:
    """All folds of one kind of site, and `compare` of their pooled scores."""
    rows = cut(options.data, options.workdir, site)
    folds = [run_fold(options, rows, site, fold) for fold in range(len(FOLDS))]
    fold_N = np.full(len(rows), -1)
    every = {name: np.full(len(rows), np.nan) for name in folds[0]['scores']}
    for fold, result in enumerate(folds):
        test_N = parts(rows, fold) == 'test'
        fold_N[test_N] = fold
        for name, score in result['scores'].items():
            every[name][test_N] = score
    assert (fold_N >= 0).all()
    keys = [key for key in folds[0] if key != 'scores']
    return compare(rows, fold_N, every) | {key: [fold[key] for fold in folds] for key in keys}


COLUMNS = ('auprc', 'overlap', 'auroc', *SPECIES, 'mean_of_folds', 'mean_minus')
COLUMNS += ('mean_minus_other_folds',)


def lines(results: dict[str, dict]) -> list[list[str]]:
    """Rows of results.csv; an interval is three cells."""
    table = [['site', 'model']]
    for name in COLUMNS:
        interval = name == 'auprc' or name.startswith('mean_minus')
        table[0] += [name, f'{name}_low', f'{name}_high'] if interval else [name]
    for site, result in results.items():
        ranked = sorted(result['models'].items(), key=lambda item: -item[1]['auprc'][0])
        for name, row in ranked:
            cells = []
            for column in COLUMNS:
                empty = ('',) * (3 if column.startswith('mean_minus') else 1)
                cells += np.atleast_1d(row.get(column, empty)).tolist()
            table.append([site, name, *(f'{x:.4f}' if x != '' else '' for x in cells)])
    return table


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=2, help='of each kind of network')
    parser.add_argument('--sites', nargs='+', default=['donor', 'acceptor'])
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    options.workdir.mkdir(parents=True, exist_ok=True)
    results = {}
    for site in options.sites:
        path = options.workdir / f'{site}s_seeds{options.seeds}.json'
        results[site] = once(path, functools.partial(run_site, options, site))['result']
    (options.out / 'results.json').write_text(json.dumps(results, indent=1) + '\n')
    with open(options.out / 'results.csv', 'w') as file:
        csv.writer(file, lineterminator='\n').writerows(lines(results))
    for row in lines(results):
        print('| ' + ' | '.join(row) + ' |')
    for site, result in results.items():
        for name, value in result.items():
            if name != 'models':
                print(f'{site}: {name}: {value}')


if __name__ == '__main__':
    main()
