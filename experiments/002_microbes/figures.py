"""The tables and the curve of a run on the microbes, from its workdir; scores the model at initialisation too.

genojax evaluate runs/microbes/run
python experiments/002_microbes/figures.py --genomes=runs/microbes/genomes --workdir=runs/microbes/run

The model at initialisation is scored on the same windows under the same masks (`initial.json` in the workdir, made if it
is not there). Intervals are bootstraps over clusters of replicons and whole genomes, not over windows: windows of one
replicon, and replicons of one cluster, are not independent. Writes results.json and curve.png beside this file.
"""

import argparse
import json
import pathlib

import jax
import numpy as np

from genojax import experiment, metrics
from genojax.data.formats import fasta
from genojax.data.formats import genome_table as table_
from genojax.inference import trained
from genojax.tasks.masked_lm import evaluate as held_out
from genojax.train import runs

HERE = pathlib.Path(__file__).parent
# 'own' is told the composition of the very replicon that it is scored on: what reading along a row can teach at least.
MODELS = {'model': 'model', 'initial': 'model at initialisation', 'order0': 'order 0', 'order5': 'order 5', 'own': 'own composition'}  # fmt: skip


def score_initial(folder: pathlib.Path) -> None:
    """The fresh state's figures, and what the split says of itself."""
    run = runs.Run(trained.read_config(folder), folder)
    fresh = jax.jit(lambda key: experiment.init_state(run.recipe, run.objective, key, run.sample))
    found = held_out.score(run, fresh(jax.random.key(run.recipe.seed)))
    (folder / 'initial.json').write_text(json.dumps(found))
    report = run.feed.split_report
    audit = dict(report['audit'])
    by_species = audit.pop('species')
    told = {
        'audit': audit,
        'audit_replicons': _audit(by_species, '_N'),
        'homologous_matches': report['matches'],
        'limits': report['limits'],
        'bases': {
            name: sum(one[name] for one in report['species'].values())
            for name in ('bases', 'train', 'test', 'gap')
        },
        'rule': report['rule'],
    }
    (folder / 'split.json').write_text(json.dumps(told, indent=1))
    run.close()


def _audit(by_species: dict, mark: str) -> dict:
    """The audit of the replicons alone, whose names hold an accession."""
    rows = [one for name, one in by_species.items() if mark in name]
    known, leaked = (sum(one[name] for one in rows) for name in ('kmers', 'kmers_in_training'))
    return {'kmers': known, 'kmers_in_training': leaked, 'kmer_fraction': leaked / max(known, 1)}


def compositions(genomes: pathlib.Path) -> dict[str, float]:
    """Bits per base of each species' own composition."""
    rows = table_.read(genomes).rows
    counts: dict[str, np.ndarray] = {}
    for path in {row.fasta for row in rows}:
        owner = {name: row.species for row in rows if row.fasta == path for name in row.contigs}
        whole = next(row.species for row in rows if row.fasta == path)
        for record in fasta.FastaReader(path):
            name = owner.get(record.name, whole)
            if owner and record.name not in owner:
                continue  # a replicon that was left out
            counts[name] = counts.get(name, 0) + np.bincount(record.codes, minlength=5)[:4]
    shares = {name: count / count.sum() for name, count in counts.items()}
    return {name: float(-(p * np.log2(p)).sum()) for name, p in shares.items()}


def table(trained_: dict, initial: dict, clusters: dict, own: dict[str, float]) -> dict:
    """Group of species -> figures with intervals over clusters."""
    names = list(trained_['species'])
    unit = [str(clusters.get(name, name)) for name in names]
    group = [
        name.split('_')[0] if name in clusters else 'blocks of complete genomes' for name in names
    ]
    bases = np.array([trained_['species'][name]['n_bases'] for name in names], float)
    bits = {'own': bases * [own[name] for name in names]}
    for model in MODELS:
        rows = (initial if model == 'initial' else trained_)['species']
        column = 'model' if model == 'initial' else model
        if model != 'own':
            bits[model] = bases * [rows[name][column][0] for name in names]
    whole = np.array([name in clusters for name in names])
    groups = {'held-out replicons': whole}
    groups |= {one: np.array(group) == one for one in sorted(set(group))}
    found = {}
    for title, rows in groups.items():
        units = np.array(unit)[rows]
        found[title] = {
            'replicons or genomes': int(rows.sum()),
            'clusters': len(set(units.tolist())),
            'hidden bases': int(bases[rows].sum()),
        }
        for model in MODELS:
            found[title][model] = list(
                metrics.ratio_interval(bits[model][rows], bases[rows], clusters=units)
            )
            if model != 'model':
                difference = bits['model'][rows] - bits[model][rows]
                found[title][f'model - {model}'] = list(
                    metrics.ratio_interval(difference, bases[rows], clusters=units)
                )
    return found


def draw(folder: pathlib.Path, found: dict) -> None:
    """Bits per base of the held-out windows along training, and the final table's lines."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    train = [(row['step'], row['loss'] / np.log(2)) for row in rows if row['kind'] == 'train']
    score = [(row['step'], row['bits_per_base']) for row in rows if row['kind'] == 'eval']
    figure, axis = plt.subplots(figsize=(9, 4), constrained_layout=True)
    # A tenth of the targets is left visible, so this is below what a hidden base costs.
    axis.plot(
        *zip(*train, strict=True), color='0.75', label='training loss, visible targets included'
    )
    axis.plot(*zip(*score, strict=True), 'o-', color='tab:blue', label='64 held-out windows')
    last, rows = train[-1][0], found['held-out replicons']
    for model, colour in (('order0', 'tab:orange'), ('order5', 'tab:green'), ('own', 'tab:purple')):
        axis.axhline(rows[model][0], color=colour, ls='--', label=MODELS[model])
    for model, step, mark in (('initial', 0, 's'), ('model', last, '*')):
        value, low, high = rows[model]
        bars = [[value - low], [high - value]]
        axis.errorbar(step, value, bars, fmt=mark, color='tab:red', capsize=3, label=MODELS[model])
    axis.set(
        title='dashed lines and red points: all held-out replicons',
        xlabel='step of 8,192 bases',
        ylabel='bits per base',
        ylim=(1.8, 2.1),
    )
    axis.legend(fontsize=8, loc='center left', bbox_to_anchor=(1, 0.5))
    figure.savefig(HERE / 'curve.png', dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--genomes', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    options = parser.parse_args()
    if not (options.workdir / 'initial.json').exists():
        score_initial(options.workdir)
    read = {
        name: json.loads((options.workdir / f'{name}.json').read_text())
        for name in ('held_out', 'initial', 'split')
    }
    clusters = json.loads((options.genomes / 'clusters.json').read_text())
    held = {name: clusters['cluster_of'][name] for name in clusters['held_out']}
    found = table(read['held_out'], read['initial'], held, compositions(options.genomes))
    draw(options.workdir, found)
    kept = (
        'replicons',
        'bases',
        'link',
        'clusters',
        'largest_clusters',
        'held_out_clusters',
        'held_out_bases',
    )
    result = {
        'step': read['held_out']['step'],
        'table': found,
        'clusters': {name: clusters[name] for name in kept}
        | {'left_out': len(clusters['left_out'])},
        'split': read['split'],
    }
    (HERE / 'results.json').write_text(json.dumps(result, indent=1) + '\n')
    columns = [*MODELS, *(f'model - {model}' for model in MODELS if model != 'model')]
    print('| ' + ' | '.join(['', *columns]) + ' |')
    for title, row in found.items():
        cells = ['{:.3f} ({:.3f} to {:.3f})'.format(*row[column]) for column in columns]
        print(f'| {title}, {row["clusters"]} clusters | ' + ' | '.join(cells) + ' |')


if __name__ == '__main__':
    main()
