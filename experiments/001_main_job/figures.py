"""Prints the figures of main-job runs as Markdown.

python experiments/001_main_job/figures.py runs/demo runs/real
With --seeds first, one line per run: the two networks and the language model.
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

    record, task = read('run.json'), read('evaluation/promoters.test.json')
    bits = read('pretrain/evaluation/masked_lm.test.json')['all']
    figures = {
        'test bits per base: language model': interval(bits['model']),
        'order-0 Markov model': interval(bits['order0']),
        'order-5 Markov model': interval(bits['order5']),
        'two-sided Markov model': interval(bits['two_sided']),
    }
    for name, label in MODELS.items():
        figures[f'promoters, test AUROC: {label}'] = interval(task['models'][name]['auroc'])
    ceiling = task['ceiling']
    figures['known ceiling'] = interval(ceiling['auroc']) if ceiling else 'not known'
    figures['training and test rows'] = f'{task["n_train"]:,} and {task["n_test"]:,}'
    figures['rows removed because they occur in the genomes'] = str(
        len(task['audit']['removed']['removed'])
    )
    figures['seconds, all stages'] = f'{sum(record["seconds"].values()):.0f}'
    figures['report, MB'] = f'{(folder / "report.html").stat().st_size / 1e6:.2f}'
    return figures


def seeds(folders: list[str]) -> None:
    """Per run: the seed, and the two networks' AUROC."""
    print('| run | seed | fine-tuned | from scratch | test bits per base |')
    print('|---|---|---|---|---|')
    for folder in map(pathlib.Path, folders):
        seed = json.loads((folder / 'run.json').read_text())['seeds']['finetune']
        promoters = json.loads((folder / 'evaluation/promoters.test.json').read_text())
        bits = json.loads((folder / 'pretrain/evaluation/masked_lm.test.json').read_text())
        tuned, scratch = (
            promoters['models'][name]['auroc'][0] for name in ('fine_tuned', 'from_scratch')
        )
        print(
            f'| `{folder}` | {seed} | {tuned:.3f} | {scratch:.3f} | {bits["all"]["model"][0]:.3f} |'
        )


def main(folders: list[str]) -> None:
    columns = {folder: column(pathlib.Path(folder)) for folder in folders}
    print('| | ' + ' | '.join(f'`{folder}`' for folder in folders) + ' |')
    print('|---' * (len(folders) + 1) + '|')
    for label in next(iter(columns.values())):
        print(f'| {label} | ' + ' | '.join(figures[label] for figures in columns.values()) + ' |')


if __name__ == '__main__':
    if sys.argv[1:2] == ['--seeds']:
        seeds(sys.argv[2:])
    else:
        main(sys.argv[1:])
