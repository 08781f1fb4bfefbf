"""Tables, a figure and a small JSON of evaluated runs on coverage tracks.

    python experiments/003_tracks/figures.py runs/enformer_small_{dna,accessibility}_[012]

Workdirs are those of `genojax train` after `genojax evaluate`; runs of one config that differ in
their seed belong together. What accessibility adds, on the tracks that both score, with paired
intervals:

    python experiments/003_tracks/figures.py --pair \
        runs/enformer_small_accessibility_0 runs/enformer_small_dna_0
"""

import argparse
import itertools
import json
import pathlib

import numpy as np

from genojax import metrics
from genojax.train import log

HERE = pathlib.Path(__file__).parent
TASK = 'coverage'
GROUPS = ('all', 'CAGE', 'DNASE', 'RNA', 'RNA3')
COLOURS = dict(zip(GROUPS[1:], ('tab:red', 'tab:green', 'tab:purple', 'tab:gray'), strict=True))
TITLES = {
    'model': 'Enformer-small',
    'position_mean': 'mean window',
    'composition': 'ridge on base composition',
    'kmers': 'ridge on composition and 4-mers',
    'accessibility': 'ridge on accessibility',
    'kmers_accessibility': 'ridge on all of these',
}


def read(folder: pathlib.Path) -> dict:
    """A run's config, evaluation and loss curves."""
    rows = log.read(folder)
    loss = f'{TASK}/loss'
    return {
        'folder': folder.name,
        'config': json.loads((folder / 'config.json').read_text()),
        'evaluation': json.loads((folder / 'evaluation' / f'{TASK}.test.json').read_text()),
        'curves': {
            kind: [(row['step'], row[loss]) for row in rows if row['kind'] == kind and loss in row]
            for kind in ('train', 'validation')
        },
    }


def kind(run: dict) -> str:
    accessibility = run['config']['tasks'][TASK]['data']['accessibility']
    return 'with accessibility' if accessibility else 'DNA alone'


def table_row(title: str, estimates) -> str:
    return f'| {title} | ' + ' | '.join(map(metrics.format_interval, estimates)) + ' |'


def tables(runs: list[dict]) -> str:
    """Markdown, one table per kind of run, organism and scale.

    Intervals and differences are those of the group's first run; of the others the model alone.
    """
    lines = []
    for title, group in itertools.groupby(sorted(runs, key=kind), key=kind):
        group = list(group)
        for organism, result in group[0]['evaluation']['organisms'].items():
            for scale in result['scales']:
                lines.append(f'\n**{title}, {organism}, Pearson r of {scale}**\n')
                lines += table(group, organism, scale)
    return '\n'.join(lines)


def table(group: list[dict], organism: str, scale: str) -> list[str]:
    """The table of runs that differ in their seed."""
    by_run = [run['evaluation']['organisms'][organism]['scales'][scale] for run in group]
    scores = by_run[0]
    columns = [name for name in GROUPS if name in scores]
    heads = [f'{name}, {scores[name]["tracks"]} tracks' for name in columns]
    lines = ['| | ' + ' | '.join(heads) + ' |', '|---' * (len(columns) + 1) + '|']
    models = [name for name in scores['all'] if name not in ('minus', 'tracks')]
    for name in models:
        lines.append(table_row(TITLES[name], [scores[column][name] for column in columns]))
    for run, other in zip(group[1:], by_run[1:], strict=True):
        title = f'{TITLES["model"]}, seed {run["config"]["seed"]}'
        lines.append(table_row(title, [other[column]['model'] for column in columns]))
    for name in models[1:]:
        title = f'Enformer-small minus {TITLES[name]}'
        lines.append(table_row(title, [scores[column]['minus'][name] for column in columns]))
    return lines


def draw(runs: list[dict], path: pathlib.Path) -> None:
    """Loss curves, and each track's r beside that of the best ridge of the same inputs."""
    import matplotlib

    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    kinds = sorted({kind(run) for run in runs})
    figure, axes = plt.subplots(1, 1 + len(kinds), figsize=(5 * (1 + len(kinds)), 4.4))
    draw_curves(axes[0], runs, dict(zip(kinds, ('tab:blue', 'tab:orange'), strict=False)))
    for axis, title in zip(axes[1:], kinds, strict=True):
        draw_tracks(axis, next(run for run in runs if kind(run) == title), title)
    for axis in axes:
        axis.spines[['top', 'right']].set_visible(False)
        axis.legend(fontsize=7, frameon=False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_curves(axis, runs: list[dict], colours: dict[str, str]) -> None:
    labels = set()
    for run in runs:
        for name, style in (('train', ':'), ('validation', '-')):
            steps, losses = zip(*run['curves'][name], strict=True)
            part = 'validation windows' if name == 'validation' else 'training'
            label = f'{kind(run)}, {part}'
            shown = None if label in labels else label  # once for all seeds
            axis.plot(steps, losses, style, color=colours[kind(run)], label=shown)
            labels.add(label)
    loss = runs[0]['config']['tasks'][TASK]['loss']
    axis.set(xlabel='step', ylabel=f'{loss} loss, tracks balanced', title='Loss')


def draw_tracks(axis, run: dict, title: str) -> None:
    """r of every test track: the model against the ridge that reads the same inputs."""
    organisms = run['evaluation']['organisms']
    for (organism, result), marker in zip(organisms.items(), 'os', strict=False):
        best = 'kmers_accessibility' if result['inputs'] else 'kmers'
        for assay, colour in COLOURS.items():
            rows = [
                row for row in result['tracks'] if row['description'].partition(':')[0] == assay
            ]
            x, y = ([row[name][0] for row in rows] for name in (best, 'model'))
            style = {'s': 16, 'marker': marker, 'color': colour, 'alpha': 0.7, 'linewidths': 0}
            axis.scatter(x, y, label=f'{organism} {assay}', **style)
    limits = [*axis.get_xlim(), *axis.get_ylim()]
    ends = [min(limits), max(limits)]
    axis.plot(ends, ends, color='0.6', linewidth=0.8)
    axis.set(
        xlabel=f'r, {TITLES[best]}', ylabel='r, Enformer-small', title=f'Test windows, {title}'
    )


def summary(run: dict) -> dict:
    """A run in results.json: the means with intervals, and r per track without them."""
    organisms = {}
    for name, result in run['evaluation']['organisms'].items():
        scores = result['scales']['reads']['all']
        models = [key for key in scores if key not in ('minus', 'tracks')]
        r = {
            row['identifier']: [round(row[key][0], 3) for key in models] for row in result['tracks']
        }
        copied = {key: result[key] for key in ('scales', 'windows', 'inputs', 'leaks')}
        organisms[name] = {**copied, 'models': models, 'r': r}
    return {
        'folder': run['folder'],
        'seed': run['config']['seed'],
        'step': run['evaluation']['step'],
        'kind': kind(run),
        'organisms': organisms,
        'curves': {name: np.round(rows, 4).tolist() for name, rows in run['curves'].items()},
    }


def pair(folders: list[pathlib.Path]) -> str:
    """Two runs' predictions of the same test windows, and their paired differences."""
    import jax

    from genojax.tasks.coverage import evaluate as coverage
    from genojax.train import runs as train_runs

    runs, predicted = [], []
    for folder in folders:
        run = train_runs.open_run(train_runs.read_experiment(folder), folder, jax.devices()[:1])
        runs.append(run)
        trained = run.trained(run.restore_best())
        predicted.append(coverage.predictions(run.tasks[TASK], trained, run.datasets[TASK]))
    datasets = [run.datasets[TASK] for run in runs]
    lines = [f'| | {folders[0].name} | {folders[1].name} | difference |', '|---|---|---|---|']
    for number, organism in enumerate(datasets[0].species):
        first, second = (one.sources[number].whole for one in datasets)
        windows = datasets[0].windows(number, 'test')
        no_shift = np.zeros(len(windows), np.int64)
        truth_NPC = first.rows(windows, no_shift.astype(bool), no_shift)[1]
        models = {'model': predicted[0][organism], 'other': predicted[1][organism]}
        both_C = first.target_C & second.target_C
        result = coverage.compare(truth_NPC, models, first.organism.tracks, both_C)
        for scale, groups in result['scales'].items():
            for group, row in groups.items():
                title = f'{organism}, {scale}, {group}, {row["tracks"]} tracks'
                estimates = [row['model'], row['other'], row['minus']['other']]
                lines.append(table_row(title, estimates))
    for run in runs:
        run.close()
    return '\n'.join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('workdirs', type=pathlib.Path, nargs='+')
    parser.add_argument('--pair', action='store_true', help='compare the first two workdirs')
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    if options.pair:
        print(pair(options.workdirs[:2]))
        return
    runs = [read(folder) for folder in options.workdirs]
    print(tables(runs))
    draw(runs, options.out / 'tracks.png')
    (options.out / 'results.json').write_text(json.dumps([summary(run) for run in runs]))


if __name__ == '__main__':
    main()
