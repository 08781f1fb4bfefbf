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
    figures['promoters, known ceiling'] = interval(ceiling['auroc']) if ceiling else 'not known'
    figures['training and test rows'] = f'{task["n_train"]:,} and {task["n_test"]:,}'
    figures['rows removed because they occur in the genomes'] = str(
        len(task['audit']['removed']['removed'])
    )
    figures |= {label: figure(folder) for label, figure in OPTIONAL.items()}
    figures['seconds, all stages'] = f'{sum(record["seconds"].values()):.0f}'
    figures['report, MB'] = f'{(folder / "report.html").stat().st_size / 1e6:.2f}'
    return figures


def optional(name: str):
    """Takes a function of a result, to one of a run's folder that says where there is no result."""

    def decorate(show):
        def shown(folder: pathlib.Path) -> str:
            path = folder / name
            return show(json.loads(path.read_text())) if path.exists() else 'not run'

        return shown

    return decorate


def variants(show):
    """Takes a function of the scores of all variants, to one of a run's folder."""

    @optional('variants/evaluation/variants.test.json')
    def shown(result: dict) -> str:
        tables = next(iter(result['labels'].values()))
        return show((tables['sets'] or tables['test'])['all'])

    return shown


@optional('pretrain/evaluation/orthologues.test.json')
def recall(result: dict) -> str:
    return interval(result['models'][result['lead']]['overall']['recall_at_1'])


@optional('pretrain/evaluation/orthologues.test.json')
def recall_of_spectra(result: dict) -> str:
    return interval(result['models']['kmer_spectrum']['overall']['recall_at_1'])


@optional('interpretation/motifs.json')
def motifs(result: dict) -> str:
    if 'planted' not in result:
        return f'{len(result["motifs"])} motifs'
    planted = {motif['name'] for motif in result['planted']}
    targets = [match['target'] for match in result['matches'].values()]
    others = len(result['motifs']) - sum(target in planted for target in targets)
    return f'{len(planted & set(targets))} of {len(planted)}, and {others} others'


@optional('interpretation/motifs.json')
def motifs_of_control(result: dict) -> str:
    return str(result['control']['motifs'])


def splice(score: str):
    return optional('interpretation/splice_attention.json')(
        lambda result: interval(result['scores'][score])
    )


# Row label -> figure of a run's folder.
OPTIONAL = {
    'orthologues of test families, recall@1: network': recall,
    'orthologues, recall@1: k-mer spectra': recall_of_spectra,
    'variants, AUROC: forest on annotation and network': variants(
        lambda table: interval(table['models']['forest on annotation and model']['auroc'])
    ),
    'variants, AUROC: forest on annotation': variants(
        lambda table: interval(table['models']['forest on annotation']['auroc'])
    ),
    'variants, AUROC: likelihood ratio alone': variants(
        lambda table: interval(table['models']['LLR alone']['auroc'])
    ),
    'variants, known ceiling': variants(lambda table: interval(table['ceiling']['auroc'])),
    'planted motifs reported': motifs,
    'motifs reported on shuffled labels': motifs_of_control,
    'attention between splice sites, AUROC': splice('chosen head'),
    'length of the intron alone, AUROC': splice('length of the intron alone'),
}


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
