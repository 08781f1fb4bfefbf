"""Networks, k-mers and both together on two promoter tasks: replaced pieces, and genomic negatives.

python experiments/017_promoter_tasks/compare.py --data=$GENOJAX_DATA --workdir=runs/promoter_tasks

`core`: 70 bp human core promoters, whose negatives are promoters with pieces replaced. `genomic`:
250 bp around transcript starts of worm, arabidopsis and yeast, with other pieces of the same
contigs as negatives; blocks of contigs stay in one part. Networks start from random values. Sets of
models are means of ranks, so nothing is fitted to combine them. The same workdir resumes; writes
TASK.json.
"""

import argparse
import contextlib
import json
import pathlib
import time

import numpy as np
from scipy import stats

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.data.store import promoter_table
from genojax.tasks.classification import evaluate as classification
from genojax.tasks.labelled import intervals
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
STRAND = {'tasks.labels.data.reverse_complement': 'False'}  # a promoter has one
# Network -> its config, its task, and settings of both data sets.
NETWORKS = {
    'transformer': ('demo_promoters', 'promoters', {'optim.peak': '0.0005'}),
    'dilated CNN': ('small_set', 'labels', STRAND),
}
# Settings of longer rows, by network.
LONGER = {'dilated CNN': {'model.stages': '3'}}
# Species -> FASTA and annotation below the data folder.
GENOMES = {
    'worm': ('embed_default/celegans_1pct.fa.gz', 'embed_default/celegans_1pct.gff3.gz'),
    'arabidopsis': ('embed_default/athaliana_1pct.fa.gz', 'embed_default/athaliana_1pct.gff3.gz'),
    'yeast': (
        'genomes_yeast/saccer_chrXII.R64.fa.gz',
        'genomes_yeast/saccer_chrXII.R64.gff3.gz',
    ),
}
CLASSICAL = ('kmer_svm', 'kmer_logistic', 'one_hot_logistic')


def write_genomic(data: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The table of genomic promoters and negatives, made once."""
    path = folder / 'genomic.tsv'
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        lines = ['species\tfasta\tcontigs\tannotation\tcircular\tsoftmasked']
        for species, files in GENOMES.items():
            fasta, annotation = ((data / file).resolve() for file in files)
            lines.append(f'{species}\t{fasta}\t*\t{annotation}\tno\tno')
        (folder / 'genomes.tsv').write_text('\n'.join(lines) + '\n')
        promoter_table.write(path, promoter_table.read(folder))
    return path


def data_settings(name: str, data: pathlib.Path, folder: pathlib.Path) -> dict[str, str]:
    """Fields of the data of a task, below tasks.TASK.data."""
    if name == 'core':
        return {'path': str(data / 'promoters_dnabert_core')}
    return {'path': str(write_genomic(data, folder)), 'group_column': 'group'}


def train(
    network: str, data: dict[str, str], more: dict[str, str], seed: int, folder: pathlib.Path
):
    """A trained network's scores of the test rows, its CPU seconds, and the datasets.

    Args:
        data: fields of the data of its task; more: of its config.
    """
    config, task, changes = NETWORKS[network]
    values = flags.load(config)
    fields = {f'tasks.{task}.data.{name}': text for name, text in data.items()}
    for name, text in (changes | more | fields | {'seed': str(seed)}).items():
        flags.override(values, name, text)
    spent = folder / 'cpu_seconds.json'  # null: not known
    with contextlib.closing(runs.open_run(experiment.from_config(values), folder)) as run:
        begins = run.checkpoints.latest() is None
        started = time.process_time()
        loop.train(run)
        if not spent.exists():  # of a resumed training a part is unknown
            seconds = round(time.process_time() - started) if begins else None
            spent.write_text(json.dumps(seconds))
        trained = run.trained(run.restore_best())
        score_N = classification.scores(run.tasks[task], trained, run.datasets[task])
        return score_N, json.loads(spent.read_text()), run.datasets[task]


def ranks(*scores: np.ndarray) -> np.ndarray:
    """The mean rank of every row."""
    return np.mean([stats.rankdata(score_N) for score_N in scores], axis=0)


def measure(
    networks: list[str],
    data: dict[str, str],
    more: dict[str, dict[str, str]],
    seeds: int,
    folder: pathlib.Path,
) -> dict:
    """AUROC of every model and set of models, and paired differences; arguments as of `train`."""
    scored: dict[str, list[np.ndarray]] = {}
    seconds: dict[str, list[int]] = {}
    for network in networks:
        for seed in range(seeds):
            place = folder / f'{network.replace(" ", "_")}_{seed}'
            score_N, spent, datasets = train(network, data, more.get(network, {}), seed, place)
            scored.setdefault(network, []).append(score_N)
            seconds.setdefault(network, []).append(spent)
    started = time.process_time()
    fitted = classification.baseline_scores(datasets)
    seconds['baselines'] = [round(time.process_time() - started)]
    single = {name: score for name, (score, *_) in scored.items()}
    single |= {name: row.scores for name, row in fitted.items() if name != 'majority'}
    sets = {f'{name}, {seeds} seeds': ranks(*scores) for name, scores in scored.items()}
    every = [score for scores in scored.values() for score in scores]
    sets['k-mers and positions'] = ranks(*(fitted[name].scores for name in CLASSICAL))
    sets['all networks'] = ranks(*every)
    sets['all networks and the SVM'] = ranks(ranks(*every), ranks(fitted['kmer_svm'].scores))
    rows = datasets.rows('test')
    truth, groups = datasets.table.labels[rows], datasets.row_split.groups[rows]
    estimator = intervals.Intervals(truth, groups, truth)
    models = single | sets
    classical = max(
        (*CLASSICAL, 'k-mers and positions'), key=lambda name: metrics.auroc(truth, models[name])
    )
    alone = np.flatnonzero(~datasets.row_split.shared[rows])
    unrelated = intervals.Intervals(truth[alone], groups[alone], truth[alone])
    return {
        'rows': [len(datasets.fitted_rows('test')), len(rows)],
        'positives': int(truth.sum()),
        'groups': len(np.unique(groups)),
        'unrelated': len(alone),
        'best_classical': classical,
        'seeds': {
            name: [float(metrics.auroc(truth, score)) for score in scores]
            for name, scores in scored.items()
        },
        'models': {
            name: {
                'auroc': estimator.of('AUROC', metrics.auroc, score),
                'minus_classical': estimator.difference(
                    'AUROC', metrics.auroc, score, models[classical]
                ),
                'minus_classical_unrelated': unrelated.difference(
                    'AUROC', metrics.auroc, score[alone], models[classical][alone]
                ),
            }
            for name, score in models.items()
        },
        'cpu_seconds': seconds,
    }


def print_table(name: str, result: dict) -> None:
    best = result['best_classical']
    print(
        f'{name}: {result["rows"][0]:,} rows to fit, {result["rows"][1]:,} test rows in '
        f'{result["groups"]:,} groups, {result["unrelated"]:,} of them related to no row of the fit'
    )
    print(f'| model | AUROC | minus {best} | on unrelated rows | seeds |')
    print('|---|---|---|---|---|')
    for model, row in sorted(result['models'].items(), key=lambda item: -item[1]['auroc'][0]):
        seeds = ', '.join(f'{auroc:.3f}' for auroc in result['seeds'].get(model, []))
        cells = [metrics.format_interval(row['auroc'])]
        for key in ('minus_classical', 'minus_classical_unrelated'):
            cells.append('' if model == best else metrics.format_interval(row[key]))
        print(f'| {model} | {" | ".join(cells)} | {seeds} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--tasks', default='core,genomic')
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--networks', default=','.join(NETWORKS))
    parser.add_argument('--split-seed', type=int, default=0, help='of the genomic task')
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    networks = options.networks.split(',')
    for name in options.tasks.split(','):
        folder = options.workdir / name
        data = data_settings(name, options.data, folder)
        if options.split_seed:
            name += f'_split{options.split_seed}'
            data |= {'split_seed': str(options.split_seed)}
            folder = options.workdir / name
        more = LONGER if name.startswith('genomic') else {}
        result = measure(networks, data, more, options.seeds, folder)
        (options.out / f'{name}.json').write_text(json.dumps(result, indent=1) + '\n')
        print_table(name, result)
        print(f'CPU seconds: {result["cpu_seconds"]}', flush=True)


if __name__ == '__main__':
    main()
