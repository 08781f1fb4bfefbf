"""Simulated variants whose true effects are known: every method beside the ceiling.

python experiments/014_variants/simulated.py --workdir=runs/simulated_variants --seeds=3

Trains a network on simulated assays of another clade, drawn from the same grammar (`assays.py`),
and a classifier of promoters on windows from that grammar (`promoters.py`). Then, per seed,
simulates a clade with variants of its first species, pretrains the demo's language model on it,
scores the variants by it and by what the network and the classifier predict around them, trains
the probe and leaves out one chromosome after the other. Prints tables of all seeds and writes
simulated.json, simulated.csv and simulated.png. What is done already is not repeated.
"""

import argparse
import csv
import dataclasses
import json
import pathlib
import statistics
import time

import assays
import numpy as np
import promoters
from matplotlib import figure

from genojax import experiment, metrics, simulate
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.predict import loading
from genojax.tasks.variant_effects import evaluate, methods
from genojax.train import loop, runs
from genojax.variants import score_file, scorer

HERE = pathlib.Path(__file__).parent
ROWS = 1_200
# Methods of the table and the picture, by what they read besides annotation; the CSV file has all.
SHOWN = {
    methods.FOREST_PROBE: 'all networks',
    'class, then BOUND': 'network of assays',
    'BOUND alone': 'network of assays',
    methods.PROBE_ANNOTATION: 'language model',
    'class, then LLR': 'language model',
    methods.PROBE: 'language model',
    'LLR alone': 'language model',
    methods.FOREST: 'annotation alone',
    methods.CLASS: 'annotation alone',
}
COLOURS = {
    'all networks': '#009E73',
    'network of assays': '#0072B2',
    'language model': '#E69F00',
    'annotation alone': '#8a949e',
}
CEILING = 'known ceiling'
KEYS = ('auroc', 'auprc', 'accuracy')
BY_SITE = (methods.FOREST_PROBE, methods.PROBE_ANNOTATION, methods.FOREST)
SITES = ('coding', 'fixed', 'motif', 'promoter', 'background')  # as the simulation names them
PRETRAINING = {'steps': '400', 'validate_every': '400', 'save_every': '400'}


def trained(values, workdir: pathlib.Path) -> runs.Run:
    """The run of a config, trained to its end."""
    run = runs.open_run(experiment.from_config(values), workdir)
    loop.train(run)
    return run


def clade(folder: pathlib.Path, seed: int) -> str:
    """Genomes with variants, and shards; the name of the first species."""
    genomes = folder / 'genomes'
    if not (folder / 'shards').exists():
        simulate.write(genomes, simulate.SimulationConfig(seed=seed, variant_rows=ROWS))
        ingest.ingest(genomes, folder / 'shards')
    return next(iter(json.loads((genomes / 'truth.json').read_text())['species']))


@dataclasses.dataclass(frozen=True)
class OtherClade:
    """Networks that were trained on another clade.

    Attributes:
        assays: a workdir of `assays.train`.
        promoters: a workdir of `promoters.train`.
    """

    assays: pathlib.Path
    promoters: pathlib.Path


def score(folder: pathlib.Path, species: str, seed: int, other: OtherClade) -> pathlib.Path:
    """The table of the language model's scores and of the columns of the other networks."""
    values = flags.load('demo')
    settings = {'tasks.masked_lm.data.shards': str(folder / 'shards'), 'seed': str(seed)}
    for name, text in {**PRETRAINING, **settings}.items():
        flags.override(values, name, text)
    trained(values, folder / 'pretrain').close()
    fasta = folder / 'genomes' / f'{species}.fa'
    likelihoods, scores = folder / 'likelihoods.tsv', folder / 'scores.tsv'
    if not likelihoods.exists():
        request = score_file.FileRequest(
            vcf=str(folder / 'genomes' / 'variants' / 'variants.vcf'),
            fasta=str(fasta),
            out=str(likelihoods),
            table=True,
        )
        options = scorer.ScoreConfig(scores=('likelihood', 'distance'))
        known = scorer.VariantScorer(loading.load(folder / 'pretrain'), options)
        print(score_file.run(known, request).text(str(likelihoods)))
    if not scores.exists():
        lines = likelihoods.read_text().splitlines()
        comments = [line for line in lines if line.startswith('# ')]
        header, *rows = (line.split('\t') for line in lines[len(comments) :])
        variants = [dict(zip(header, row, strict=True)) for row in rows]
        new = assays.columns(other.assays, fasta, variants)
        new |= promoters.columns(other.promoters, fasta, fasta.with_suffix('.gff3'), variants)
        for name, value_N in new.items():
            header.append(name)
            for row, value in zip(rows, value_N.tolist(), strict=True):
                row.append(f'{value:.6f}')
        table = ['\t'.join(row) for row in (header, *rows)]
        scores.write_text('\n'.join([*comments, *table]) + '\n')
    return scores


def run_seed(folder: pathlib.Path, seed: int, other: OtherClade) -> dict:
    """The evaluation of one simulated clade."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    started = time.process_time()
    species = clade(folder, seed)
    fasta = folder / 'genomes' / f'{species}.fa'
    values = flags.load('variant_effects')
    data = {
        'path': folder / 'genomes' / 'variants' / 'variants.tsv',
        'fasta': fasta,
        'annotation': fasta.with_suffix('.gff3'),
        'score_file': score(folder, species, seed, other),
    }
    for name, value in data.items():
        flags.override(values, f'tasks.variants.data.{name}', str(value))
    for name, text in {'init_from': str(folder / 'pretrain'), 'seed': str(seed)}.items():
        flags.override(values, name, text)
    run = trained(values, folder / 'probe')
    task, datasets = run.tasks['variants'], run.datasets['variants']
    head_N, vector_ND = evaluate.vectors(task, run.trained(run.restore_best()), datasets)
    run.close()
    columns = evaluate.model_columns(task, datasets, vector_ND)
    result = evaluate.compare(datasets, columns, head_N, every=True, split='test')
    print(task.as_text(result))
    result['by_site'] = by_site(datasets, columns)
    result['cpu_seconds'] = round(time.process_time() - started)
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


def by_site(datasets, columns: methods.VariantColumnsOfModels) -> dict[str, dict]:
    """Method -> kind of site -> [variants, accuracy, AUROC or None]."""
    known = datasets.known
    scores = {name: np.full(len(known), np.nan) for name in BY_SITE}
    for group in range(len(datasets.groups)):
        rows, fit_rows = (
            np.flatnonzero(chosen)
            for chosen in (datasets.group_N == group, datasets.group_N != group)
        )
        fits = methods.score_fold(columns, known.label_N, fit_rows, rows)
        for name, score_N in scores.items():
            score_N[rows] = fits[name].log_odds_N
    scores = {CEILING: known.truth_N - 0.5, **scores}
    site_N = np.array(known.table.cells['site'])
    result = {}
    for name, score_N in scores.items():
        result[name] = {}
        for site in SITES:
            label_n, score_n = known.label_N[site_N == site], score_N[site_N == site]
            both = len(set(label_n.tolist())) == 2
            accuracy = float(((score_n > 0) == label_n).mean())
            area = float(metrics.auroc(label_n, score_n)) if both else None
            result[name][site] = [len(label_n), accuracy, area]
    return result


def by_method(results: dict[int, dict]) -> dict[str, list[dict]]:
    """The scores of every method on all variants, one per seed, best first; the ceiling is one."""
    tables = [next(iter(r['labels'].values()))['sets']['all'] for r in results.values()]
    rows = {CEILING: [one['ceiling'] for one in tables]}
    rows |= {name: [one['models'][name] for one in tables] for name in tables[0]['models']}
    order = sorted(rows, key=lambda name: -statistics.mean(part['auroc'][0] for part in rows[name]))
    return {name: rows[name] for name in order}


def table(results: dict[int, dict]) -> list[str]:
    """Mean over seeds, with the smallest and the largest, by method."""
    lines = ['| method | AUROC | average precision | accuracy |', '|---|---|---|---|']
    for name, parts in by_method(results).items():
        if name not in (CEILING, *SHOWN):
            continue
        cells = []
        for key in KEYS:
            values = [part[key][0] for part in parts if key in part]
            mean = statistics.mean(values) if values else 0
            spread = f'{mean:.3f} ({min(values):.3f} to {max(values):.3f})' if values else ''
            cells.append(spread)
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return lines


def site_table(results: dict[int, dict]) -> list[str]:
    """Accuracy by kind of site and method, mean over seeds with the smallest and the largest."""
    parts = [result['by_site'] for result in results.values()]
    counts = {site: [part[CEILING][site][0] for part in parts] for site in SITES}
    cells = [f'{site} ({sum(counts[site]):,})' for site in SITES]
    lines = [f'| accuracy | {" | ".join(cells)} |', '|---' * (len(SITES) + 1) + '|']
    for name in parts[0]:
        cells = []
        for site in SITES:
            values = [part[name][site][1] for part in parts]
            mean = statistics.mean(values)
            cells.append(f'{mean:.3f} ({min(values):.3f} to {max(values):.3f})')
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return lines


def csv_lines(results: dict[int, dict]) -> list[str]:
    """One line per method and seed, with intervals."""
    lines = ['method,seed,' + ','.join(f'{key},{key}_low,{key}_high' for key in KEYS)]
    for name, parts in by_method(results).items():
        for seed, part in zip(results, parts, strict=True):
            cells = [cell for key in KEYS for cell in part.get(key, ['', '', ''])]
            shown = (cell if cell == '' else f'{cell:.4f}' for cell in cells)
            lines.append(f'"{name}",{seed},' + ','.join(shown))
    return lines


def draw(source: pathlib.Path, path: pathlib.Path) -> None:
    """AUROC of the methods of `SHOWN` in a file of `csv_lines`, each seed a point; the ceiling."""
    rows: dict[str, list[float]] = {}
    with open(source) as file:
        for row in csv.DictReader(file):
            rows.setdefault(row['method'], []).append(float(row['auroc']))
    ceiling = statistics.mean(rows.pop(CEILING))
    fig = figure.Figure(figsize=(7, 3.2), layout='constrained')
    axes = fig.subplots()
    labels = dict.fromkeys(COLOURS)
    for name, values in rows.items():
        if name not in SHOWN:
            continue
        reads = SHOWN[name]
        label = reads if reads in labels else None
        labels.pop(reads, None)
        axes.barh(name, statistics.mean(values), color=COLOURS[reads], height=0.6, label=label)
        axes.plot(values, [name] * len(values), '.', color='#23303d')
    axes.axvline(ceiling, color='#c0392b', linestyle='--', label=f'known ceiling {ceiling:.3f}')
    axes.axvline(0.5, color='#d5dae0')
    axes.set_xlim(0.4, 1)
    axes.invert_yaxis()
    axes.set_xlabel('AUROC, simulated variants; each point is a seed')
    axes.legend(fontsize=8, loc='lower right', bbox_to_anchor=(0.93, 0.02))
    fig.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--first-seed', type=int, default=0)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    started = time.process_time()
    network = assays.train(options.workdir / 'other')
    print(f'network of assays: {time.process_time() - started:,.0f} CPU seconds')
    started = time.process_time()
    other = OtherClade(network, promoters.train(options.workdir / 'promoters'))
    print(f'classifier of promoters: {time.process_time() - started:,.0f} CPU seconds')
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    results = {seed: run_seed(options.workdir / f'seed{seed}', seed, other) for seed in seeds}
    (options.out / 'simulated.json').write_text(json.dumps(results) + '\n')
    (options.out / 'simulated.csv').write_text('\n'.join(csv_lines(results)) + '\n')
    draw(options.out / 'simulated.csv', options.out / 'simulated.png')
    print('\n'.join([*table(results), '', *site_table(results)]))


if __name__ == '__main__':
    main()
