"""Scores of a regression split: the model beside baselines, per column of values."""

from typing import Any

import numpy as np

from genojax import errors, metrics
from genojax.tasks.labelled import dataset, intervals
from genojax.tasks.regression import baselines

_POINTS = 2_000  # of a scatter plot
SCORES = {
    'pearson': ('Pearson', metrics.pearson),
    'spearman': ('Spearman', metrics.spearman),
    'r2': ('R2', metrics.determination),
}
# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'kmer_ridge': 'ridge regression on k-mers',
    'one_hot_ridge': 'ridge regression on bases',
    'pairwise_ridge': 'ridge regression on pairs of bases',
    'boosted_trees': 'boosted trees',
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
    batches = datasets.in_order(split, state.shard(task))
    parts = [
        value_BC[batch['weight'] > 0]
        for batch, value_BC in state.scores(task.jitted_values, batches)
    ]
    return np.concatenate(parts) * datasets.sd_C + datasets.mean_C


def compare(datasets, predicted_NC: np.ndarray, split: str = 'test', seed: int = 0) -> dict:
    """Scores with intervals, and paired differences in Pearson's correlation, as JSON.

    `values` has one entry per column: {models, differences, notes, scatter, n_test, absent}, and
    `without_shared` where rows share sequence with rows that were fitted: scores or `no_score`.

    Args:
        predicted_NC: of the split's rows, in the units of the table.
    """
    return {
        'split': split,
        'lead': 'model',
        'values': {
            name: _column(datasets, predicted_NC[:, column], column, split, seed)
            for column, name in enumerate(datasets.table.names)
        },
        'n_train': len(datasets.fitted_rows(split)),
        'n_test': len(datasets.rows(split)),
        'left_out': datasets.left_out,
        'audit': datasets.audit,
    }


def _column(datasets, predicted_N: np.ndarray, column: int, split: str, seed: int) -> dict:
    rows, fit = datasets.rows(split), datasets.fitted_rows(split)
    value_N, groups = datasets.table.labels[:, column], datasets.row_split.groups
    result: dict[str, Any] = {'not_fitted': {}}
    fitted = {}
    try:
        fitted, result['not_fitted'] = baselines.fit_all(
            datasets.sequences(fit), value_N[fit], datasets.sequences(rows), groups[fit], seed
        )
    except ValueError as error:
        if 'leak groups cannot fill' not in str(error):
            raise
        result['no_baselines'] = 'the training rows are too few groups for cross-validation'
    predicted = {'model': predicted_N} | {name: one.scores for name, one in fitted.items()}
    known = np.flatnonzero(~np.isnan(value_N[rows]))
    result |= _compare_rows(value_N[rows], groups[rows], predicted, known, seed)
    for name, one in fitted.items():
        result['models'][name] |= one.summary()
    result |= {'absent': len(rows) - len(known), 'scatter': _scatter(value_N[rows], predicted_N)}
    shared = datasets.row_split.shared[rows]
    if shared.any():
        rest = known[~shared[known]]
        left = {'shared': int(shared[known].sum()), **intervals.rows_left(groups[rows][rest])}
        if 'no_score' not in left:
            left |= _compare_rows(value_N[rows], groups[rows], predicted, rest, seed)
        result['without_shared'] = left
    return result


def _compare_rows(value_N, groups, predicted: dict, chosen: np.ndarray, seed: int) -> dict:
    """Estimates for some rows: models, differences, notes and row counts.

    Args:
        predicted: values of all rows by model.
        chosen: rows with a value.
    """
    estimator = intervals.Intervals(value_N[chosen], groups[chosen], None, seed)
    models = {
        name: {
            score: estimator.of(title, metric, x_N[chosen])
            for score, (title, metric) in SCORES.items()
        }
        for name, x_N in predicted.items()
    }
    differences = {
        name: estimator.difference(
            'Pearson', metrics.pearson, predicted['model'][chosen], x_N[chosen]
        )
        for name, x_N in predicted.items()
        if name != 'model'
    }
    return {
        'models': models,
        'differences': {name: value for name, value in differences.items() if value is not None},
        'notes': estimator.notes,
        'n_test': len(chosen),
        'test_groups': len(np.unique(groups[chosen])),
    }


def _scatter(value_N: np.ndarray, predicted_N: np.ndarray) -> dict:
    """Measured and predicted values for a picture: of many rows, some spread evenly."""
    known = np.flatnonzero(~np.isnan(value_N))
    some = known[np.linspace(0, len(known) - 1, min(len(known), _POINTS)).astype(int)]
    return {
        key: [float(f'{x:.6g}') for x in x_N[some].tolist()]
        for key, x_N in (('measured', value_N), ('predicted', predicted_N))
    }


def as_text(result: dict) -> str:
    """Per column of values: models by falling Pearson correlation, paired differences, notes."""
    lines, audit = [], result.get('audit')
    for name, value in result['values'].items():
        absent = f', {value["absent"]:,} absent' if value['absent'] else ''
        lines.append(f'{name}: {value["n_test"]:,} {result["split"]} rows{absent}')
        lines += [*_table(value), intervals.over(value, audit, result['split'])]
        if 'no_baselines' in value:
            lines.append(f'No baselines: {value["no_baselines"]}.')
        lines += [
            f'No {MODEL_NAMES.get(key, key)}: {why}.' for key, why in value['not_fitted'].items()
        ]
        rest = value.get('without_shared')
        if rest:
            lines.append(f'{rest["shared"]:,} rows share sequence with rows that were fitted.')
            if 'models' in rest:
                lines += [f'Without them, {intervals.left_text(rest)}:', *_table(rest)]
            else:
                lines.append(intervals.no_score_text(rest))
        lines.append('')
    return '\n'.join([*lines, dataset.conflict_words(audit)]).rstrip('\n')


def _table(value: dict) -> list[str]:
    titles = [title for title, _ in SCORES.values()]
    if value['differences']:
        titles.append('model minus it, Pearson')
    rows = [['', *titles]]
    for name, row in ranked(value['models']):
        cells = [metrics.format_interval(row[key]) for key in SCORES]
        if name in value['differences']:
            cells.append(metrics.format_interval(value['differences'][name]))
        rows.append([MODEL_NAMES.get(name, name), *cells])
    return metrics.text_table(rows) + intervals.notes_text(value['notes'])


def ranked(models: dict) -> list[tuple[str, dict]]:
    """Models by falling Pearson correlation; those without one last."""
    return sorted(models.items(), key=lambda item: -(item[1]['pearson'] or [-2])[0])
