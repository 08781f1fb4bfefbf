"""The tables and the learning curve of a run on the microbes, from its workdir.

genojax evaluate runs/microbes/run
python experiments/002_microbes/figures.py --genomes=runs/microbes/genomes \
    --workdir=runs/microbes/run

Scores the model at initialisation on the same windows under the same masks (`initial.json` in the
workdir, written if it is not there). Intervals are bootstraps over clusters of replicons and whole
genomes, not over windows: windows of one replicon, and replicons of one cluster, are not
independent. Writes results.json and curve.png beside this file.
"""

import argparse
import functools
import json
import pathlib

import jax
import numpy as np

from genojax import experiment, metrics
from genojax.data.formats import fasta, genome_table
from genojax.train import log, runs

HERE = pathlib.Path(__file__).parent
TASK = 'masked_lm'
TEST_REPLICONS = 'test replicons'
# 'own' knows the composition of the replicon that it is scored on: the least that a model can learn
# from the rest of a row.
MODELS = {
    'model': 'model',
    'initial': 'model at initialisation',
    'order0': 'order 0',
    'order5': 'order 5',
    'own': 'own composition',
}
CLUSTER_FIELDS = (
    'replicons',
    'bases',
    'link',
    'clusters',
    'largest_clusters',
    'test_clusters',
    'test_bases',
)


def score_initial(workdir: pathlib.Path) -> None:
    """Writes initial.json, scores of the model at initialisation, and split.json, the audit."""
    run = runs.open_run(runs.read_experiment(workdir), workdir)
    task, datasets = run.tasks[TASK], run.datasets[TASK]
    specs = {TASK: task.batch_spec()}
    batches = jax.tree.map(lambda spec: np.zeros(spec.shape, spec.dtype), specs)
    initialise = jax.jit(functools.partial(experiment.init_state, run.experiment, run.tasks))
    state = initialise(jax.random.key(run.experiment.seed), batches)
    result = task.evaluate(run.trained(state), datasets)
    runs.write_json(workdir / 'initial.json', result)
    runs.write_json(workdir / 'split.json', split_summary(datasets.split_report))
    run.close()


def split_summary(report: dict) -> dict:
    """The report of a split without the rows per species."""
    audit = dict(report['audit'])
    by_species = audit.pop('species')
    return {
        'audit': audit,
        'audit_replicons': _audit(by_species, '_N'),
        'homologous_matches': report['matches'],
        'limits': report['limits'],
        'bases': {
            name: sum(row[name] for row in report['species'].values())
            for name in ('bases', 'train', 'test', 'gap')
        },
        'rule': report['rule'],
    }


def _audit(by_species: dict, mark: str) -> dict:
    """The audit of the replicons alone, whose names hold an accession."""
    rows = [row for name, row in by_species.items() if mark in name]
    total, leaked = (sum(row[name] for row in rows) for name in ('kmers', 'kmers_in_training'))
    return {'kmers': total, 'kmers_in_training': leaked, 'kmer_fraction': leaked / max(total, 1)}


def compositions(genomes: pathlib.Path) -> dict[str, float]:
    """Bits per base of each species' own composition."""
    rows = genome_table.read(genomes).rows
    counts: dict[str, np.ndarray] = {}
    for path in {row.fasta for row in rows}:
        owner = {name: row.species for row in rows if row.fasta == path for name in row.contigs}
        whole = next(row.species for row in rows if row.fasta == path)
        for record in fasta.FastaReader(path):
            name = owner.get(record.name, whole)
            if owner and record.name not in owner:
                continue  # a replicon that is not in the table
            counts[name] = counts.get(name, 0) + np.bincount(record.codes, minlength=5)[:4]
    shares = {name: count / count.sum() for name, count in counts.items()}
    return {name: float(-(p * np.log2(p)).sum()) for name, p in shares.items()}


def table(trained: dict, initial: dict, clusters: dict, own: dict[str, float]) -> dict:
    """Group of species -> figures with intervals over clusters.

    Args:
        trained, initial: evaluations of the test split.
        clusters: test replicon -> its cluster.
        own: species -> bits per base of its own composition.
    """
    names = list(trained['species'])
    unit = np.array([str(clusters.get(name, name)) for name in names])
    group = np.array(
        [name.split('_')[0] if name in clusters else 'blocks of complete genomes' for name in names]
    )
    bases = np.array([trained['species'][name]['n_bases'] for name in names], float)
    bits = {'own': bases * [own[name] for name in names]}
    for model in ('model', 'order0', 'order5'):
        bits[model] = bases * [trained['species'][name][model][0] for name in names]
    bits['initial'] = bases * [initial['species'][name]['model'][0] for name in names]
    groups = {TEST_REPLICONS: np.array([name in clusters for name in names])}
    groups |= {title: group == title for title in sorted(set(group.tolist()))}
    return {
        title: _estimates({model: bits[model][rows] for model in MODELS}, bases[rows], unit[rows])
        for title, rows in groups.items()
    }


def _estimates(bits: dict[str, np.ndarray], bases: np.ndarray, unit: np.ndarray) -> dict:
    """Bits per base of each model, and the differences of the trained one to the others."""
    row = {
        'replicons or genomes': len(bases),
        'clusters': len(set(unit.tolist())),
        'hidden bases': int(bases.sum()),
    }
    for model in MODELS:
        row[model] = list(metrics.ratio_interval(bits[model], bases, clusters=unit))
        if model != 'model':
            difference = bits['model'] - bits[model]
            row[f'model - {model}'] = list(metrics.ratio_interval(difference, bases, clusters=unit))
    return row


def draw(workdir: pathlib.Path, figures: dict, path: pathlib.Path) -> None:
    """Bits per base of the validation windows along training, and the final table's lines."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    rows = log.read(workdir)
    train = [
        (row['step'], row[f'{TASK}/loss'] / np.log(2)) for row in rows if row['kind'] == 'train'
    ]
    score = [
        (row['step'], row[f'{TASK}/bits_per_base']) for row in rows if row['kind'] == 'validation'
    ]
    figure, axis = plt.subplots(figsize=(9, 4), constrained_layout=True)
    # A tenth of the targets is left visible, so this is below the cost of a hidden base.
    axis.plot(
        *zip(*train, strict=True), color='0.75', label='training loss, visible targets included'
    )
    axis.plot(*zip(*score, strict=True), 'o-', color='tab:blue', label='validation windows')
    last, row = train[-1][0], figures[TEST_REPLICONS]
    for model, colour in (('order0', 'tab:orange'), ('order5', 'tab:green'), ('own', 'tab:purple')):
        axis.axhline(row[model][0], color=colour, ls='--', label=MODELS[model])
    for model, step, mark in (('initial', 0, 's'), ('model', last, '*')):
        value, low, high = row[model]
        bars = [[value - low], [high - value]]
        axis.errorbar(step, value, bars, fmt=mark, color='tab:red', capsize=3, label=MODELS[model])
    axis.set(
        title='dashed lines and red points: all test replicons',
        xlabel='step of 8,192 bases',
        ylabel='bits per base',
        ylim=(1.8, 2.1),
    )
    axis.legend(fontsize=8, loc='center left', bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--genomes', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    workdir = options.workdir
    if not (workdir / 'initial.json').exists():
        score_initial(workdir)
    trained, initial, split = (
        json.loads((workdir / name).read_text())
        for name in (f'evaluation/{TASK}.test.json', 'initial.json', 'split.json')
    )
    clusters = json.loads((options.genomes / 'clusters.json').read_text())
    test = {name: clusters['cluster_of'][name] for name in clusters['test']}
    figures = table(trained, initial, test, compositions(options.genomes))
    draw(workdir, figures, options.out / 'curve.png')
    result = {
        'step': trained['step'],
        'table': figures,
        'clusters': {name: clusters[name] for name in CLUSTER_FIELDS}
        | {'left_out': len(clusters['left_out'])},
        'split': split,
    }
    (options.out / 'results.json').write_text(json.dumps(result, indent=1) + '\n')
    columns = [*MODELS, *(f'model - {model}' for model in MODELS if model != 'model')]
    print('| ' + ' | '.join(['', *columns]) + ' |')
    print('|---' * (len(columns) + 1) + '|')
    for title, row in figures.items():
        cells = [metrics.format_interval(row[column]) for column in columns]
        print(f'| {title}, {row["clusters"]} clusters | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
