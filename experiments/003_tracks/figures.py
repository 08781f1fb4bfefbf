"""Tables, a figure and a small JSON of scored track models.

    python experiments/003_tracks/figures.py runs/enformer_small_0 runs/enformer_small_1 runs/enformer_small_accessibility_0 ...

Workdirs are those of `genojax train` after `genojax evaluate`; runs of one config that differ in their seed belong together.
What accessibility adds, on the tracks that both score, with paired intervals:

    python experiments/003_tracks/figures.py --pair runs/enformer_small_accessibility_0 runs/enformer_small_0
"""

import itertools
import json
import pathlib
import sys

import matplotlib.pyplot as plt
import numpy as np

HERE = pathlib.Path(__file__).parent
GROUPS = ('all', 'CAGE', 'DNASE', 'RNA', 'RNA3')
TITLES = {
    'model': 'Enformer-small',
    'position_mean': 'mean window',
    'composition': 'ridge on base composition',
    'kmers': 'ridge on composition and 4-mers',
    'accessibility': 'ridge on accessibility',
    'kmers_accessibility': 'ridge on all of these',
}


def read(folder: pathlib.Path) -> dict:
    """What a workdir says: its config, the scores and the curves."""
    rows = [json.loads(line) for line in (folder / 'metrics.jsonl').read_text().splitlines()]
    return {
        'folder': folder.name,
        'config': json.loads((folder / 'config.json').read_text()),
        'found': json.loads((folder / 'tracks.json').read_text()),
        'curves': {
            kind: [
                (row['step'], row['loss']) for row in rows if row['kind'] == kind and 'loss' in row
            ]
            for kind in ('train', 'eval')
        },
    }


def kind(run: dict) -> str:
    return 'with accessibility' if run['config']['data']['accessibility'] else 'DNA alone'


def cell(estimate) -> str:
    return '{:.3f} ({:.3f} to {:.3f})'.format(*estimate)


def tables(runs: list[dict]) -> str:
    """Markdown: per kind of run and organism, the first seed's intervals, its differences, and every seed's mean."""
    lines = []
    for title, group in itertools.groupby(sorted(runs, key=kind), key=kind):
        group = list(group)
        for organism, one in group[0]['found']['organisms'].items():
            for scale, scores in one['scales'].items():
                columns = [name for name in GROUPS if name in scores]
                lines.append(f'\n**{title}, {organism}, Pearson r of {scale}**\n')
                heads = [f'{name}, {scores[name]["tracks"]} tracks' for name in columns]
                lines += ['| | ' + ' | '.join(heads) + ' |', '|---' * (len(columns) + 1) + '|']
                models = [name for name in scores['all'] if name not in ('minus', 'tracks')]
                for name in models:
                    cells = [cell(scores[column][name]) for column in columns]
                    lines.append(f'| {TITLES[name]} | ' + ' | '.join(cells) + ' |')
                for run in group[1:]:
                    other = run['found']['organisms'][organism]['scales'][scale]
                    cells = [cell(other[column]['model']) for column in columns]
                    lines.append(f'| {TITLES["model"]}, seed {run["config"]["seed"]} | ' + ' | '.join(cells) + ' |')  # fmt: skip
                for name in models[1:]:
                    cells = [cell(scores[column]['minus'][name]) for column in columns]
                    lines.append(
                        f'| Enformer-small minus {TITLES[name]} | ' + ' | '.join(cells) + ' |'
                    )
    return '\n'.join(lines)


def draw(runs: list[dict], path: pathlib.Path) -> None:
    """Loss curves, and each track's r beside that of the best ridge of the same inputs."""
    kinds = sorted({kind(run) for run in runs})
    colours = dict(zip(kinds, ('tab:blue', 'tab:orange'), strict=False))
    figure, axes = plt.subplots(1, 1 + len(kinds), figsize=(5 * (1 + len(kinds)), 4.4))
    for run in runs:
        for name, style in (('train', ':'), ('eval', '-')):
            steps, losses = zip(*run['curves'][name], strict=True)
            label = f'{kind(run)}, {"windows kept aside" if name == "eval" else "training"}'
            labels = axes[0].get_legend_handles_labels()[1]
            axes[0].plot(steps, losses, style, color=colours[kind(run)], label=None if label in labels else label)  # fmt: skip
    axes[0].set(
        xlabel='step',
        ylabel=f'{runs[0]["config"]["objective"]["loss"]} loss, tracks balanced',
        title='Loss',
    )
    axes[0].legend(fontsize=7, frameon=False)
    for axis, title in zip(axes[1:], kinds, strict=True):
        run = next(run for run in runs if kind(run) == title)
        for (organism, one), marker in zip(run['found']['organisms'].items(), 'os', strict=False):
            best = 'kmers_accessibility' if one['inputs'] else 'kmers'
            assays = [row['description'].partition(':')[0] for row in one['tracks']]
            for assay, colour in zip(GROUPS[1:], ('tab:red', 'tab:green', 'tab:purple', 'tab:gray'), strict=True):  # fmt: skip
                rows = [row for row, of in zip(one['tracks'], assays, strict=True) if of == assay]
                x, y = ([row[name][0] for row in rows] for name in (best, 'model'))
                axis.scatter(x, y, s=16, marker=marker, color=colour, alpha=0.7, linewidths=0, label=f'{organism} {assay}')  # fmt: skip
        ends = [min(axis.get_xlim()[0], axis.get_ylim()[0]), max(axis.get_xlim()[1], axis.get_ylim()[1])]  # fmt: skip
        axis.plot(ends, ends, color='0.6', linewidth=0.8)
        axis.set(xlabel=f'r, {TITLES[best]}', ylabel='r, Enformer-small', title=f'Held-out tracks, {title}')  # fmt: skip
        axis.legend(fontsize=7, frameon=False)
    for axis in axes:
        axis.spines[['top', 'right']].set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def small(run: dict) -> dict:
    """What is kept of a run: the means with intervals, and r per track without them."""
    organisms = {}
    for name, one in run['found']['organisms'].items():
        models = [key for key in one['scales']['reads']['all'] if key not in ('minus', 'tracks')]
        rows = {
            row['identifier']: [round(row[key][0], 3) for key in models] for row in one['tracks']
        }
        kept = {key: one[key] for key in ('scales', 'windows', 'inputs', 'leaks')}
        organisms[name] = {**kept, 'models': models, 'r': rows}
    curves = {name: np.round(rows, 4).tolist() for name, rows in run['curves'].items()}
    told = {'seed': run['config']['seed'], 'step': run['found']['step'], 'kind': kind(run)}
    return {'folder': run['folder'], **told, 'organisms': organisms, 'curves': curves}


def pair(folders: list[str]) -> str:
    """Two workdirs' predictions of the same held-out windows, beside each other."""
    import jax

    from genojax.inference import trained
    from genojax.tasks.coverage import evaluate as coverage
    from genojax.train import runs as workdir

    opened, predicted = [], []
    for folder in map(pathlib.Path, folders):
        job = workdir.Run(trained.read_config(folder), folder, jax.devices()[:1])
        opened.append(job)
        predicted.append(coverage.predictions(job, job.restore_best()))
    lines = []
    for number, organism in enumerate(opened[0].feed.species):
        ours, theirs = (job.feed.sources[number].whole for job in opened)
        still = np.zeros(len(ours.organism.parts['test']), np.int64)
        truth_NPC = ours.rows(ours.organism.parts['test'], still.astype(bool), still)[1]
        models = dict(zip(('model', 'other'), (one[organism] for one in predicted), strict=True))
        both_C = ours.target_C & theirs.target_C
        found = coverage.compare(truth_NPC, models, ours.organism.tracks, both_C)
        for scale, groups in found['scales'].items():
            for group, row in groups.items():
                cells = [cell(row['model']), cell(row['other']), cell(row['minus']['other'])]
                lines.append(f'| {organism}, {scale}, {group}, {row["tracks"]} tracks | ' + ' | '.join(cells) + ' |')  # fmt: skip
    for job in opened:
        job.close()
    heads = [pathlib.Path(folder).name for folder in folders]
    return '\n'.join([f'| | {heads[0]} | {heads[1]} | difference |', '|---|---|---|---|', *lines])


def main(folders: list[str]) -> None:
    if folders[:1] == ['--pair']:
        print(pair(folders[1:]))
        return
    runs = [read(pathlib.Path(folder)) for folder in folders]
    print(tables(runs))
    draw(runs, HERE / 'tracks.png')
    (HERE / 'results.json').write_text(json.dumps([small(run) for run in runs]))


if __name__ == '__main__':
    main(sys.argv[1:])
