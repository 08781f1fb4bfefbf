"""A network and tuned baselines on measured values of 30,483 splice sites, in the data's own split.

python experiments/005_regression/values.py --data=$GENOJAX_DATA --workdir=runs/regression

Trains `configs/regression.py` with settings for 9 bases, evaluates it beside the baselines, prints
the table and writes results.json. Baselines are fitted to the training and validation rows; the
network to the training rows, and the validation rows select its checkpoint. The same workdir
resumes.
"""

import argparse
import contextlib
import json
import pathlib
import time

import numpy as np

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.tasks.regression import evaluate
from genojax.train import loop, runs

HERE = pathlib.Path(__file__).parent
TASK, COLUMN = 'values', 'y'
SETTINGS = {
    'model.length': '9',
    'model.pools': '(1, 1)',
    'model.dropout': '0.1',
    'steps': '3000',
    'validate_every': '250',
    f'tasks.{TASK}.data.batch_size': '128',
    f'tasks.{TASK}.data.sequence_column': 'x',
    f'tasks.{TASK}.data.value_columns': f"('{COLUMN}',)",
    f'tasks.{TASK}.data.split_column': 'set',
    f'tasks.{TASK}.data.rna': 'True',
}


def open_run(settings: dict[str, str], folder: pathlib.Path) -> runs.Run:
    """A run of `configs/regression.py` with other values of some fields."""
    values = flags.load('regression')
    for name, text in settings.items():
        flags.override(values, name, text)
    return runs.open_run(experiment.from_config(values), folder)


def measure(run: runs.Run, column: str) -> tuple[dict, np.ndarray]:
    """Trains a run and evaluates it: the figures of a column, and predictions of the test rows."""
    seconds = {}
    begins = run.checkpoints.latest() is None
    started = time.process_time()
    loop.train(run)
    # Of a resumed training a part is unknown.
    seconds['training'] = round(time.process_time() - started) if begins else None
    state = run.restore_best()
    task, datasets = run.tasks[TASK], run.datasets[TASK]
    started = time.process_time()
    predicted_NC = evaluate.predictions(task, run.trained(state), datasets)
    result = evaluate.compare(datasets, predicted_NC)
    seconds['evaluation'] = round(time.process_time() - started)
    value = result['values'][column]
    del value['scatter']
    figures = {
        'seed': run.experiment.seed,
        'step': int(state.step),
        'parameters': experiment.count_parameters(state),
        'cpu_seconds': seconds,
        **{key: result[key] for key in ('n_train', 'n_test')},
        'value': value,
    }
    return figures, predicted_NC[:, datasets.table.names.index(column)]


def print_table(value: dict) -> None:
    print('| model | Pearson | Spearman | R2 | network minus it, Pearson |')
    print('|---|---|---|---|---|')
    for name, row in evaluate.ranked(value['models']):
        cells = [metrics.format_interval(row[score]) for score in evaluate.SCORES]
        difference = value['differences'].get(name)
        cells.append(metrics.format_interval(difference) if difference else '')
        print(f'| {name} | {" | ".join(cells)} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    path = {f'tasks.{TASK}.data.path': str(options.data / 'splice_mpsa')}
    run = open_run(SETTINGS | path | {'seed': str(options.seed)}, options.workdir)
    with contextlib.closing(run):
        result, _ = measure(run, COLUMN)
    (options.out / 'results.json').write_text(json.dumps(result, indent=1) + '\n')
    print_table(result['value'])
    print(f'CPU seconds: {result["cpu_seconds"]}')


if __name__ == '__main__':
    main()
