"""Prints the figures of main-job runs as Markdown: python experiments/001_main_job/figures.py runs/demo runs/real

With --seeds first, one line a run: the two networks and the language model.
"""

import json
import pathlib
import sys

MODELS = {
    'fine_tuned': 'fine-tuned',
    'from_scratch': 'the same network from scratch',
    'kmer_svm': 'k-mer SVM',
    'kmer_logistic': 'k-mer logistic regression',
    'one_hot_logistic': 'logistic regression on (position, base)',
    'gc_only': 'GC content alone',
}


def interval(estimate) -> str:
    value, low, high = estimate
    return f'{value:.3f} ({low:.3f} to {high:.3f})'


def column(folder: pathlib.Path) -> dict[str, str]:
    """Row label -> figure of one run."""

    def read(name):
        return json.loads((folder / name).read_text())

    told, bits, task = read('run.json'), read('held_out.json')['all'], read('promoters.json')
    found = {
        'held-out bits per base: language model': interval(bits['model']),
        'order-0 Markov model': interval(bits['order0']),
        'order-5 Markov model': interval(bits['order5']),
    }
    for name, label in MODELS.items():
        found[f'promoters, test AUROC: {label}'] = interval(task['models'][name]['auroc'])
    ceiling = task['ceiling']
    found['known ceiling'] = interval(ceiling['auroc']) if ceiling else 'not known'
    found['training and test rows'] = f'{task["n_train"]:,} and {task["n_test"]:,}'
    found['rows removed, being in the genomes'] = str(len(task['audit']['removed']['removed']))
    found['seconds, all stages'] = f'{sum(told["seconds"].values()):.0f}'
    found['report, MB'] = f'{(folder / "report.html").stat().st_size / 1e6:.2f}'
    return found


def seeds(folders: list[str]) -> None:
    """Per run: the seed, and the two networks' AUROC."""
    print('| run | seed | fine-tuned | from scratch | held-out bits per base |')
    print('|---|---|---|---|---|')
    for folder in map(pathlib.Path, folders):
        told = json.loads((folder / 'run.json').read_text())
        models = json.loads((folder / 'promoters.json').read_text())['models']
        bits = json.loads((folder / 'held_out.json').read_text())['all']['model'][0]
        tuned, scratch = (models[name]['auroc'][0] for name in ('fine_tuned', 'from_scratch'))
        print(
            f'| `{folder}` | {told["seeds"]["finetune"]} | {tuned:.3f} | {scratch:.3f} | {bits:.3f} |'
        )


def main(folders: list[str]) -> None:
    columns = {folder: column(pathlib.Path(folder)) for folder in folders}
    print('| | ' + ' | '.join(f'`{folder}`' for folder in folders) + ' |')
    print('|---' * (len(folders) + 1) + '|')
    for label in next(iter(columns.values())):
        print(f'| {label} | ' + ' | '.join(found[label] for found in columns.values()) + ' |')


if __name__ == '__main__':
    if sys.argv[1:2] == ['--seeds']:
        seeds(sys.argv[2:])
    else:
        main(sys.argv[1:])
