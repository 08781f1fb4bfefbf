"""A network and tuned baselines on measured rates of 5,391 designed promoters of E. coli.

python experiments/005_regression/promoters.py --data=$GENOJAX_DATA --workdir=runs/promoters

All rows end at the same place of the plasmid, whose bases fill the front of the shorter ones. Rows
with the same unusual upstream element, or the same unusual transcribed region, stay in one part of
the split; each of the others differs in the middle and is a group of its own. Each seed divides the
rows anew. The same workdir resumes; results are in promoters.json.
"""

import argparse
import contextlib
import csv
import gzip
import json
import pathlib

import numpy as np
import values

from genojax import dna, metrics, output_files
from genojax.tasks.labelled import intervals

HERE = pathlib.Path(__file__).parent
FILE = pathlib.Path('expression_ecoli_promoters') / 'LaFleur2022_promoters.csv.gz'
SEQUENCE, MEASURED, PUBLISHED = (
    'Promoter Sequence',
    'Observed log(TX/Txref)',
    'Predicted log(TX/Txref)',
)
FRONT = 'Upstream DNA'  # of the plasmid
LENGTH = 82  # bases of the longest promoter
# Ends of most promoters: the others have another upstream element, or another transcribed region.
USUAL_START, USUAL_END = 'TTTTCTATCTACGTAC', 'CTACCTTAGTTTGTACGTT'
UPSTREAM_ELEMENT = 22  # bases of the others' upstream element
COLUMN = 'log_rate'
SETTINGS = {
    'model.length': str(LENGTH),
    'steps': '1200',
    'validate_every': '100',
    f'tasks.{values.TASK}.data.value_columns': f"('{COLUMN}',)",
    f'tasks.{values.TASK}.data.group_column': 'family',
}


def family(promoter: str) -> str:
    """The unusual end of a promoter, or else what is between the usual ends."""
    if not promoter.endswith(USUAL_END):
        return promoter[-len(USUAL_END) :]
    if not promoter.startswith(USUAL_START):
        return promoter[:UPSTREAM_ELEMENT]
    return promoter[len(USUAL_START) : -len(USUAL_END)]


def write_table(file: pathlib.Path, table: pathlib.Path) -> dict[str, float]:
    """Writes rows of one length; returns the published model's prediction by sequence."""
    with gzip.open(file, 'rt') as lines:
        records = list(csv.DictReader(lines))
    rows = [['sequence', COLUMN, 'family']]
    predictions = {}
    for record in records:
        sequence = (record[FRONT] + record[SEQUENCE])[-LENGTH:].rjust(LENGTH, 'N')
        rows.append([sequence, record[MEASURED], family(record[SEQUENCE])])
        predictions[sequence] = float(record[PUBLISHED])
    table.parent.mkdir(parents=True, exist_ok=True)
    with output_files.replaced(table) as partial:
        partial.write_text(''.join('\t'.join(row) + '\n' for row in rows))
    return predictions


def published(run, predicted_N: np.ndarray, predictions: dict[str, float]) -> dict:
    """Pearson's correlation of the published model on the test rows, and the network's minus it.

    To which rows it was fitted the table does not say: they may be among these.
    """
    datasets = run.datasets[values.TASK]
    rows = datasets.rows('test')
    value_N = datasets.table.labels[rows, 0]
    other_N = np.array([predictions[dna.decode(codes_L)] for codes_L in datasets.sequences(rows)])
    estimator = intervals.Intervals(value_N, datasets.row_split.groups[rows], None)
    return {
        'pearson': estimator.of('Pearson', metrics.pearson, other_N),
        'difference': estimator.difference('Pearson', metrics.pearson, predicted_N, other_N),
    }


def print_summary(results: list[dict]) -> None:
    print('| model | Pearson, seeds | network minus it |')
    print('|---|---|---|')
    names = list(results[0]['value']['models'])
    for name in sorted(names, key=lambda name: -_mean(results, name)):
        scores = [f'{r["value"]["models"][name]["pearson"][0]:.3f}' for r in results]
        differences = [r['value']['differences'].get(name) for r in results]
        shown = ', '.join(metrics.format_interval(d) for d in differences if d)
        print(f'| {name} | {", ".join(scores)} | {shown} |')
    scores = ', '.join(f'{r["published"]["pearson"][0]:.3f}' for r in results)
    shown = ', '.join(metrics.format_interval(r['published']['difference']) for r in results)
    print(f'| published model | {scores} | {shown} |')


def _mean(results: list[dict], name: str) -> float:
    return float(np.mean([r['value']['models'][name]['pearson'][0] for r in results]))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    table = options.workdir / 'promoters.tsv'
    predictions = write_table(options.data / FILE, table)
    results = []
    for seed in range(options.seeds):
        data = f'tasks.{values.TASK}.data'
        own = {f'{data}.path': str(table), f'{data}.split_seed': str(seed), 'seed': str(seed)}
        with contextlib.closing(
            values.open_run(SETTINGS | own, options.workdir / str(seed))
        ) as run:
            figures, predicted_N = values.measure(run, COLUMN)
            figures['published'] = published(run, predicted_N, predictions)
        results.append(figures)
    (options.out / 'promoters.json').write_text(json.dumps(results, indent=1) + '\n')
    print_summary(results)
    print(f'CPU seconds: {[r["cpu_seconds"] for r in results]}')


if __name__ == '__main__':
    main()
