"""Signals from files of a user to a trained model: real R-loop coverage, and a simulated clade.

    python experiments/011_signals/signals.py real --data=$GENOJAX_DATA --workdir=runs/signals
    python experiments/011_signals/signals.py simulated --workdir=runs/signals

`real` reads four bedGraph files of DRIPc-seq along 3 Mb of human chromosome 1 with the ENCODE
blacklist. `simulated` reads the signals of `genojax simulate --signals`, whose expected values give
the ceiling; its rows are read with less and less DNA around the same bins. Each trains three seeds,
scores them beside tuned ridge regressions, prints a table and writes into results.json. The same
workdir resumes.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys

import numpy as np

from genojax import metrics
from genojax.data.store.signals import shards
from genojax.tasks.coverage import evaluate

HERE = pathlib.Path(__file__).parent
DATA = '--config.tasks.coverage.data'
SIZE = ['--config.model.width=32', '--config.model.inner=16', f'{DATA}.batch_size=8']
REAL = {
    'rloop+': 'LS61A.rep1.pos.bg.gz',
    'rloop-': 'LS61A.rep1.neg.bg.gz',
    'control+': 'RNaseH.pos.bg.gz',
    'control-': 'RNaseH.neg.bg.gz',
}
WINDOW, CROP, BIN = 16_384, 4_096, 128
FLANKS = (4_096, 0)  # bases around the predicted centre that a row has


def genojax(*arguments: str) -> float:
    """Runs a verb and returns its CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, '-m', 'genojax', *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def prepare_real(data: pathlib.Path, workdir: pathlib.Path) -> pathlib.Path:
    source = data / 'human_chr1_3mb_hg19'
    rows = ['name\tpath\tstrand_pair\tdescription\tstatistic\tclip_soft\tabsent']
    for name, file in REAL.items():
        other = name[:-1] + ('-' if name.endswith('+') else '+')
        assay = 'DRIP' if name.startswith('rloop') else 'RNASEH'
        rows.append(f'{name}\t{source / file}\t{other}\t{assay}:HeLa\tmean\t32\tzero')
    table = workdir / 'real.tsv'
    table.write_text('\n'.join(rows) + '\n')
    genojax(
        'tracks',
        str(source / 'hg19_chr1_1_3004950.fa.gz'),
        f'--tracks={table}',
        f'--out={workdir / "real"}',
        f'--window={WINDOW}',
        f'--crop={CROP}',
        f'--blacklist={source / "hg19_blacklist.bed"}',
        f'--annotation={source / "hg19_chr1_exons.gtf.gz"}',
        '--test-share=0.25',
    )
    return workdir / 'real'


def prepare_simulated(workdir: pathlib.Path, length: int, genes: int) -> pathlib.Path:
    clade = workdir / 'clade'
    if not (clade / 'truth.json').exists():
        sizes = (f'--length={length}', f'--genes={genes}', '--task-rows=0')
        genojax('simulate', str(clade), '--species=2', '--signals', *sizes)
    for table in ('tracks', 'rates'):
        genojax(
            'tracks',
            str(clade),
            f'--tracks={clade / "signals" / table}.tsv',
            f'--out={workdir / table}',
            f'--window={WINDOW}',
            f'--crop={CROP}',
        )
    return workdir / 'tracks'


def train(folder: pathlib.Path, flank: int, seed: int, steps: int, workdir: pathlib.Path) -> dict:
    """One run: its evaluation, and the CPU seconds of training."""
    value = shards.read_value(folder)
    names = list(value['organisms'])
    counts = tuple(len(value['signals'][name]) for name in names)
    record = workdir / 'cpu_seconds.json'
    seconds = json.loads(record.read_text()) if record.exists() else 0.0
    seconds += genojax(
        'train',
        '--config=tracks',
        *SIZE,
        f'{DATA}.path={folder}',
        f'{DATA}.organisms={ {name: name for name in names} }',
        f'{DATA}.length={WINDOW - 2 * CROP + 2 * flank}',
        f'--config.model.organisms={tuple(names)}',
        f'--config.model.tracks={counts}',
        f'--config.model.crop={flank // BIN}',
        f'--config.seed={seed}',
        f'--config.steps={steps}',
        f'--workdir={workdir}',
    )
    record.write_text(json.dumps(seconds))
    path = workdir / 'evaluation' / 'coverage.test.json'
    if not path.exists():
        genojax('evaluate', str(workdir))
    result = json.loads(path.read_text())
    result = result.get('value', result)
    return {'flank': flank, 'seed': seed, 'cpu_seconds': round(seconds), 'result': result}


def ceilings(workdir: pathlib.Path) -> dict[str, dict[str, list[float]]]:
    """Correlation of expected with sampled reads of the test windows, per species and track."""
    result = {}
    for name in shards.read_value(workdir / 'tracks')['organisms']:
        counts, rates = (
            shards.open_organism(workdir / table, name, BIN, False).parts['test'].load()
            for table in ('tracks', 'rates')
        )
        moments = evaluate.Moments.of(rates.target_NPC, counts.target_NPC, counts.known_NPC)
        r_WC = moments.pearson(evaluate.resamples(len(counts)))
        tracks = shards.open_organism(workdir / 'tracks', name, BIN, False).tracks
        result[name] = {
            track.identifier: [
                round(float(x), 4) for x in (r_WC[0, c], *np.quantile(r_WC[1:, c], [0.025, 0.975]))
            ]
            for c, track in enumerate(tracks)
        }
    return result


def print_table(runs: list[dict], ceiling: dict | None) -> None:
    """Pearson r per organism and track: the model by flank and seed, ridges, the ceiling."""
    for organism, first in runs[0]['result']['organisms'].items():
        names = [track['identifier'] for track in first['tracks']]
        share = f'{first["known"]:.1%} of bins known'
        print(f'\n**{organism}**, {first["windows"]["scored"]} test windows, {share}\n')
        print('| | ' + ' | '.join(names) + ' | mean | CPU s |')
        print('|---' * (len(names) + 3) + '|')
        rows = []
        for run in runs:
            title = f'dilated CNN, {run["flank"]:,} bp around, seed {run["seed"]}'
            rows.append((title, 'model', run['result']['organisms'][organism], run['cpu_seconds']))
        for name in ('position_mean', 'composition', 'kmers'):
            rows.append((name, name, first, ''))
        for title, model, result, seconds in rows:
            cells = [metrics.format_interval(track[model]) for track in result['tracks']]
            mean = metrics.format_interval(result['scales']['reads']['all'][model])
            print(f'| {title} | ' + ' | '.join([*cells, mean, str(seconds)]) + ' |')
        if ceiling:
            cells = [metrics.format_interval(ceiling[organism][name]) for name in names]
            print('| ceiling | ' + ' | '.join([*cells, '', '']) + ' |')
        for what in ('across_genes', 'across_tracks'):
            for run in runs:
                scores = run['result']['organisms'][organism]['genes']
                if scores and scores[what]:
                    r = scores[what]['all'] if what == 'across_genes' else scores[what]
                    cells = ', '.join(f'{m} {metrics.format_interval(r[m])}' for m in r)
                    title = f'{run["flank"]:,} bp, seed {run["seed"]}, {scores["genes"]} genes'
                    print(f'{what}, {title}: {cells}')


def summary(run: dict) -> dict:
    """A run in results.json."""
    organisms = {
        name: {
            'known': result['known'],
            'windows': result['windows'],
            'mean': result['scales']['reads']['all'],
            'genes': result['genes'],
            'tracks': {
                track['identifier']: {
                    model: r for model, r in track.items() if model not in ('identifier', 'minus')
                }
                for track in result['tracks']
            },
        }
        for name, result in run['result']['organisms'].items()
    }
    return {**{n: run[n] for n in ('flank', 'seed', 'cpu_seconds')}, 'organisms': organisms}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('kind', choices=('real', 'simulated'))
    parser.add_argument('--data', type=pathlib.Path)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--steps', type=int, default=400)
    parser.add_argument('--flanks', type=int, nargs='*', help='bases around the centre')
    parser.add_argument('--length', type=int, default=600_000, help='of a simulated genome')
    parser.add_argument('--genes', type=int, default=100)
    parser.add_argument('--results', type=pathlib.Path, default=HERE / 'results.json')
    arguments = parser.parse_args(argv)
    workdir = arguments.workdir.resolve()
    workdir.mkdir(parents=True, exist_ok=True)
    if arguments.kind == 'real':
        folder, flanks, ceiling = prepare_real(arguments.data.resolve(), workdir), FLANKS[:1], None
    else:
        folder = prepare_simulated(workdir, arguments.length, arguments.genes)
        flanks, ceiling = FLANKS, ceilings(workdir)
    runs = [
        train(folder, flank, seed, arguments.steps, workdir / f'{arguments.kind}_{flank}_{seed}')
        for flank in arguments.flanks or flanks
        for seed in range(arguments.seeds)
    ]
    print_table(runs, ceiling)
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    results[arguments.kind] = {
        'steps': arguments.steps,
        'ceiling': ceiling,
        'lost_bins': {
            name: entry['lost_bins']
            for name, entry in shards.read_value(folder)['organisms'].items()
        },
        'runs': [summary(run) for run in runs],
    }
    arguments.results.write_text(json.dumps(results, indent=1) + '\n')


if __name__ == '__main__':
    main()
