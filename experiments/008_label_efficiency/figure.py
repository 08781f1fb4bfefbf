"""The figure and the tables of results.json.

python experiments/008_label_efficiency/figure.py    draws and prints what is there
"""

import json
import pathlib

import matplotlib
import numpy as np

matplotlib.use('Agg')
from matplotlib import pyplot as plt

HERE = pathlib.Path(__file__).parent
# Model -> its title and line.
STYLES = {
    'full': ('pretrained, all trains', '#0072b2', '-'),
    'lora': ('pretrained, LoRA', '#009e73', '-'),
    'probe': ('pretrained, frozen probe', '#56b4e9', '-'),
    'scratch': ('the same network from scratch', '#d55e00', '-'),
    'cnn': ('one-hot CNN', '#cc79a7', '-'),
    'kmer_svm': ('k-mer SVM', '#000000', '--'),
    'kmer_logistic': ('k-mer logistic regression', '#666666', '--'),
    'one_hot_logistic': ('logistic regression on (position, base)', '#999999', ':'),
}


def draw(results: dict, path: pathlib.Path) -> None:
    """One panel per data set: mean AUROC against labels, and the range over seeds."""
    panels, axes = plt.subplots(
        1, len(results), figsize=(5.2 * len(results), 4.6), squeeze=False, sharey=True
    )
    for axis, (name, result) in zip(axes[0], results.items(), strict=True):
        for model, (title, colour, line) in STYLES.items():
            if model not in result['auroc']:
                continue
            values = np.array(result['auroc'][model])
            axis.plot(result['labels'], values.mean(1), line, color=colour, label=title, marker='.')
            low, high = values.min(1), values.max(1)
            axis.fill_between(result['labels'], low, high, color=colour, alpha=0.12, linewidth=0)
        if result['ceiling'] is not None:
            axis.axhline(result['ceiling'], color='k', linewidth=0.7)
            axis.text(result['labels'][0], result['ceiling'], 'known ceiling', va='bottom', size=8)
        axis.set_xscale('log')
        axis.set_xticks(result['labels'], [f'{n:,}' for n in result['labels']])
        axis.minorticks_off()
        axis.set_xlabel('labelled training rows')
        axis.set_title(name)
        axis.grid(alpha=0.3)
    axes[0][0].set_ylabel('AUROC, test rows')
    axes[0][-1].legend(fontsize=7.5, loc='lower right')
    panels.tight_layout()
    panels.savefig(path, dpi=110)
    plt.close(panels)


def as_text(name: str, result: dict) -> str:
    """AUROC by share, and the share that equals the network from scratch with all labels."""
    lines = [
        f'{name}: {result["rows"]}, {result["cpu_seconds"]} CPU seconds',
        '| model | ' + ' | '.join(f'{n:,} labels' for n in result['labels']) + ' | equal at |',
        '|---|' + '---|' * (len(result['labels']) + 1),
    ]
    for model, rows in result['auroc'].items():
        cells = [f'{np.mean(row):.3f} ({min(row):.3f} to {max(row):.3f})' for row in rows]
        title = STYLES[model][0] if model in STYLES else model
        lines.append(f'| {title} | ' + ' | '.join(cells) + f' | {_equality(result, model)} |')
    if result['ceiling'] is not None:
        lines.append(f'known ceiling {result["ceiling"]:.3f}')
    return '\n'.join(lines)


def _equality(result: dict, model: str) -> str:
    if model not in result['equality']:
        return ''
    row = result['equality'][model]
    share, low, high = (
        'never' if x is None else f'{100 * x:.2g} %' for x in (row['share'], *row['interval'])
    )
    return share if low == high == share else f'{share} ({low} to {high})'


if __name__ == '__main__':
    stored = json.loads((HERE / 'results.json').read_text())
    draw(stored, HERE / 'figure.png')
    for data, figures in stored.items():
        print(as_text(data, figures))
