"""Scores of a regression split: the model beside baselines, per column of values."""

import numpy as np

from genojax import errors, metrics
from genojax.tasks.labelled import intervals
from genojax.tasks.regression import baselines

_SCORES = {
    'pearson': ('Pearson', metrics.pearson),
    'spearman': ('Spearman', metrics.spearman),
    'r2': ('R2', metrics.determination),
}


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """Pearson, Spearman and R2 of every column with intervals, and paired differences.

    Raises:
        UsageError: `limit` is set: every row is scored.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to regression, all rows of the split are '
            'scored. Fix: leave --limit out'
        )
    predicted_NC = predictions(task, state, datasets, split)
    return compare(datasets, predicted_NC, split)


def predictions(task, state, datasets, split: str = 'test') -> np.ndarray:
    """Predicted values of every row of a split in the units of the table, float64 [N, C]."""
    parts = [
        value_BC[batch['weight'] > 0]
        for batch, value_BC in state.scores(task.jitted_values, datasets.in_order(split))
    ]
    return np.concatenate(parts) * datasets.sd_C + datasets.mean_C


def compare(datasets, predicted_NC: np.ndarray, split: str = 'test', seed: int = 0) -> dict:
    """The result of an evaluation: {values: {name: {models, differences, notes, scatter}}, ...}."""
    rows, fit = datasets.rows(split), datasets.fitted_rows(split)
    table = datasets.table
    values = {}
    for column, name in enumerate(table.names):
        fitted = baselines.fit_all(
            datasets.sequences(fit),
            table.labels[fit, column],
            datasets.sequences(rows),
            datasets.row_split.groups[fit],
            seed,
        )
        known = np.flatnonzero(~np.isnan(table.labels[rows, column]))
        truth = table.labels[rows[known], column]
        estimator = intervals.Intervals(truth, datasets.row_split.groups[rows[known]], None, seed)
        scores = {'model': predicted_NC[known, column]}
        scores |= {key: one.scores[known] for key, one in fitted.items()}
        models = {
            key: {s: estimator.of(title, metric, x) for s, (title, metric) in _SCORES.items()}
            for key, x in scores.items()
        }
        for key, one in fitted.items():
            models[key] |= one.summary()
        differences = {
            key: estimator.difference('Pearson', metrics.pearson, scores['model'], x)
            for key, x in scores.items()
            if key != 'model'
        }
        values[name] = {
            'models': models,
            'differences': {key: value for key, value in differences.items() if value is not None},
            'notes': estimator.notes,
            'n_test': len(known),
            'absent': len(rows) - len(known),
        }
    return {
        'split': split,
        'lead': 'model',
        'values': values,
        'n_train': len(fit),
        'n_test': len(rows),
        'left_out': datasets.left_out,
        'audit': datasets.audit,
    }


def as_text(result: dict) -> str:
    """A table per column of values, models by falling Pearson correlation."""
    lines = []
    for name, value in result['values'].items():
        absent = f', {value["absent"]:,} absent' if value['absent'] else ''
        lines.append(f'{name}: {value["n_test"]:,} {result["split"]} rows{absent}')
        lines.append(f'{"":<20}' + ''.join(f'{title:>24}' for title, _ in _SCORES.values()))
        ranked = sorted(value['models'].items(), key=lambda item: -(item[1]['pearson'] or [-2])[0])
        for model, row in ranked:
            cells = [metrics.format_interval(row[key]) for key in _SCORES]
            lines.append(f'{model:<20}' + ''.join(f'{cell:>24}' for cell in cells))
        lines += intervals.notes_text(value['notes'])
    return '\n'.join([*lines, '95 % bootstrap intervals over rows'])
