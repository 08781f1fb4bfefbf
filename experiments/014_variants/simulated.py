"""Simulated variants whose true effects are known: every method beside the ceiling.

python experiments/014_variants/simulated.py --workdir=runs/simulated_variants --seeds=3

Simulates a clade with variants of its first species, pretrains the demo's language model on it,
scores the variants, trains the probe and leaves out one chromosome after the other. Prints a table
of all seeds and writes simulated.json and simulated.csv. What is done already is not repeated.
"""

import argparse
import csv
import json
import pathlib
import statistics
import time

from matplotlib import figure

from genojax import experiment, simulate
from genojax.cli import flags
from genojax.data.store import ingest
from genojax.predict import loading
from genojax.train import loop, runs
from genojax.variants import score_file, scorer

HERE = pathlib.Path(__file__).parent
ROWS = 1_200
ANNOTATION = ('forest on annotation', 'class alone')  # methods that read no network
KEYS = ('auroc', 'auprc', 'accuracy')
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


def run_seed(folder: pathlib.Path, seed: int) -> dict:
    """The evaluation of one simulated clade."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / 'result.json'
    if done.exists():
        return json.loads(done.read_text())
    started = time.process_time()
    species = clade(folder, seed)
    values = flags.load('demo')
    settings = {'tasks.masked_lm.data.shards': str(folder / 'shards'), 'seed': str(seed)}
    for name, text in {**PRETRAINING, **settings}.items():
        flags.override(values, name, text)
    trained(values, folder / 'pretrain').close()
    fasta = folder / 'genomes' / f'{species}.fa'
    scores = folder / 'scores.tsv'
    if not scores.exists():
        request = score_file.FileRequest(
            vcf=str(folder / 'genomes' / 'variants' / 'variants.vcf'),
            fasta=str(fasta),
            out=str(scores),
            table=True,
        )
        options = scorer.ScoreConfig(scores=('likelihood', 'distance'))
        known = scorer.VariantScorer(loading.load(folder / 'pretrain'), options)
        print(score_file.run(known, request).text(str(scores)))
    values = flags.load('variant_effects')
    data = {
        'path': folder / 'genomes' / 'variants' / 'variants.tsv',
        'fasta': fasta,
        'annotation': fasta.with_suffix('.gff3'),
        'score_file': scores,
    }
    for name, value in data.items():
        flags.override(values, f'tasks.variants.data.{name}', str(value))
    for name, text in {'init_from': str(folder / 'pretrain'), 'seed': str(seed)}.items():
        flags.override(values, name, text)
    run = trained(values, folder / 'probe')
    task = run.tasks['variants']
    result = task.evaluate(run.trained(run.restore_best()), run.datasets['variants'])
    run.close()
    print(task.as_text(result))
    result['cpu_seconds'] = round(time.process_time() - started)
    done.write_text(json.dumps(result, indent=1) + '\n')
    return result


def methods(results: dict[int, dict]) -> dict[str, list[dict]]:
    """The scores of every method on all variants, one per seed, best first; the ceiling is one."""
    tables = [next(iter(r['labels'].values()))['sets']['all'] for r in results.values()]
    rows = {'known ceiling': [one['ceiling'] for one in tables]}
    rows |= {name: [one['models'][name] for one in tables] for name in tables[0]['models']}
    order = sorted(rows, key=lambda name: -statistics.mean(part['auroc'][0] for part in rows[name]))
    return {name: rows[name] for name in order}


def table(results: dict[int, dict]) -> list[str]:
    """Mean over seeds, with the smallest and the largest, by method."""
    lines = ['| method | AUROC | average precision | accuracy |', '|---|---|---|---|']
    for name, parts in methods(results).items():
        cells = []
        for key in KEYS:
            values = [part[key][0] for part in parts if key in part]
            mean = statistics.mean(values) if values else 0
            spread = f'{mean:.3f} ({min(values):.3f} to {max(values):.3f})' if values else ''
            cells.append(spread)
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return lines


def csv_lines(results: dict[int, dict]) -> list[str]:
    """One line per method and seed, with intervals."""
    lines = ['method,seed,' + ','.join(f'{key},{key}_low,{key}_high' for key in KEYS)]
    for name, parts in methods(results).items():
        for seed, part in zip(results, parts, strict=True):
            cells = [cell for key in KEYS for cell in part.get(key, ['', '', ''])]
            shown = (cell if cell == '' else f'{cell:.4f}' for cell in cells)
            lines.append(f'"{name}",{seed},' + ','.join(shown))
    return lines


def draw(source: pathlib.Path, path: pathlib.Path) -> None:
    """AUROC of every method in a file of `csv_lines`, each seed a point, beside the ceiling."""
    rows: dict[str, list[float]] = {}
    with open(source) as file:
        for row in csv.DictReader(file):
            rows.setdefault(row['method'], []).append(float(row['auroc']))
    ceiling = statistics.mean(rows.pop('known ceiling'))
    fig = figure.Figure(figsize=(7, 3.2), layout='constrained')
    axes = fig.subplots()
    for name, values in rows.items():
        colour = '#8a949e' if name in ANNOTATION else '#E69F00'
        axes.barh(name, statistics.mean(values), color=colour, height=0.6)
        axes.plot(values, [name] * len(values), '.', color='#23303d')
    axes.axvline(ceiling, color='#c0392b', linestyle='--', label=f'known ceiling {ceiling:.3f}')
    axes.axvline(0.5, color='#d5dae0')
    axes.set_xlim(0.4, 1)
    axes.invert_yaxis()
    axes.set_xlabel('AUROC, simulated variants; orange: reads the language model')
    axes.legend(fontsize=8, loc='lower right')
    fig.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=1)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    results = {
        seed: run_seed(options.workdir / f'seed{seed}', seed) for seed in range(options.seeds)
    }
    (options.out / 'simulated.json').write_text(json.dumps(results, indent=1) + '\n')
    (options.out / 'simulated.csv').write_text('\n'.join(csv_lines(results)) + '\n')
    draw(options.out / 'simulated.csv', options.out / 'simulated.png')
    print('\n'.join(table(results)))


if __name__ == '__main__':
    main()
