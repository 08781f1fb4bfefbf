"""Networks and tuned baselines on measured values of 30,483 splice sites, in the data's own split.

python experiments/005_regression/values.py --data=$GENOJAX_DATA --workdir=runs/regression

Trains `configs/regression.py` with settings for 9 bases from several seeds, evaluates each network
and the mean of their predictions beside the baselines, prints the table and writes results.json.
Baselines are fitted to the training and validation rows; a network to the training rows, and the
validation rows select its checkpoint. The same workdir resumes.
"""

import argparse
import contextlib
import json
import pathlib
import time

import numpy as np

from genojax import experiment, metrics
from genojax.cli import flags
from genojax.tasks.labelled import intervals
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


def trained(run: runs.Run) -> tuple[dict, np.ndarray]:
    """Trains a run: what it was and cost, and its predictions of the test rows, [N, C]."""
    begins = run.checkpoints.latest() is None
    started = time.process_time()
    loop.train(run)
    # Of a resumed training a part is unknown.
    seconds = round(time.process_time() - started) if begins else None
    state = run.restore_best()
    facts = {
        'seed': run.experiment.seed,
        'step': int(state.step),
        'parameters': experiment.count_parameters(state),
        'cpu_seconds': {'training': seconds},
    }
    return facts, evaluate.predictions(run.tasks[TASK], run.trained(state), run.datasets[TASK])


def compared(run: runs.Run, predicted_NC: np.ndarray, column: str) -> dict:
    """Predictions of the test rows beside tuned baselines: the figures of a column."""
    started = time.process_time()
    result = evaluate.compare(run.datasets[TASK], predicted_NC)
    value = result['values'][column]
    del value['scatter']
    seconds = round(time.process_time() - started)
    return {
        **{key: result[key] for key in ('n_train', 'n_test')},
        'value': value,
        'cpu_seconds': {'evaluation': seconds},
    }


def measure(run: runs.Run, column: str) -> tuple[dict, np.ndarray]:
    """Trains a run and evaluates it: the figures of a column, and predictions of the test rows."""
    facts, predicted_NC = trained(run)
    result = compared(run, predicted_NC, column)
    seconds = facts['cpu_seconds'] | result['cpu_seconds']
    index = run.datasets[TASK].table.names.index(column)
    return {**facts, **result, 'cpu_seconds': seconds}, predicted_NC[:, index]


def one_network(run: runs.Run, predicted_NC: np.ndarray, mean_NC: np.ndarray, column: str) -> dict:
    """Scores of one network, and what the mean of all adds to it in Pearson's correlation."""
    datasets = run.datasets[TASK]
    index, rows = datasets.table.names.index(column), datasets.rows('test')
    value_N = datasets.table.labels[rows, index]
    estimator = intervals.Intervals(value_N, datasets.row_split.groups[rows], None)
    own_N, mean_N = predicted_NC[:, index], mean_NC[:, index]
    scores = {
        score: estimator.of(title, metric, own_N)
        for score, (title, metric) in evaluate.SCORES.items()
    }
    return scores | {'difference': estimator.difference('Pearson', metrics.pearson, mean_N, own_N)}


def print_table(value: dict, networks: list[dict]) -> None:
    print('| model | Pearson | Spearman | R2 | mean of the networks minus it, Pearson |')
    print('|---|---|---|---|---|')
    for name, row in evaluate.ranked(value['models']):
        title = 'mean of the networks' if name == 'model' else name
        _print_row(title, row, value['differences'].get(name))
    for network in networks:
        _print_row(f'network, seed {network["seed"]}', network, network['difference'])


def _print_row(title: str, row: dict, difference) -> None:
    cells = [metrics.format_interval(row[score]) for score in evaluate.SCORES]
    cells.append(metrics.format_interval(difference) if difference else '')
    print(f'| {title} | {" | ".join(cells)} |')


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--data', type=pathlib.Path, required=True)
    parser.add_argument('--workdir', type=pathlib.Path, required=True)
    parser.add_argument('--seeds', type=int, default=3)
    parser.add_argument('--out', type=pathlib.Path, default=HERE)
    options = parser.parse_args(arguments)
    path = {f'tasks.{TASK}.data.path': str(options.data / 'splice_mpsa')}
    networks, predictions = [], []
    with contextlib.ExitStack() as stack:
        for seed in range(options.seeds):
            settings = SETTINGS | path | {'seed': str(seed)}
            run = open_run(settings, options.workdir / str(seed))
            stack.callback(run.close)
            facts, predicted_NC = trained(run)
            networks.append(facts)
            predictions.append(predicted_NC)
        mean_NC = np.mean(predictions, 0)
        for facts, predicted_NC in zip(networks, predictions, strict=True):
            facts |= one_network(run, predicted_NC, mean_NC, COLUMN)
        result = compared(run, mean_NC, COLUMN) | {'networks': networks}
    (options.out / 'results.json').write_text(json.dumps(result, indent=1) + '\n')
    print_table(result['value'], networks)
    training = [facts['cpu_seconds']['training'] for facts in networks]
    print(
        f'CPU seconds: {training} of training, {result["cpu_seconds"]["evaluation"]} of baselines'
    )


if __name__ == '__main__':
    main()
