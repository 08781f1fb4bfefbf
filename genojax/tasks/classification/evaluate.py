"""Scores of a classification split: models beside baselines and, where it is known, the ceiling."""

import numpy as np

from genojax import errors, metrics
from genojax.tasks.classification import baselines

# The column of a simulated table that holds the generator's own log likelihood ratio.
TRUTH = 'log_likelihood_ratio'


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """The table of a run (see `compare`): its model leads, beside the baselines.

    Raises:
        UsageError: `limit` is set (every row is scored), or there are more than two classes.
    """
    if limit is not None:
        raise errors.UsageError('a classification is scored on all rows of its split, not on some')
    models = {'model': scores(task, state, datasets, split)}
    fitted = baseline_scores(datasets, split)
    return compare(datasets, models, fitted, 'model', split)


def scores(task, state, datasets, split: str = 'test') -> np.ndarray:
    """The model's score of every row of a split, in order: log odds of class 1 against class 0."""
    if task.config.classes != 2:
        raise errors.UsageError(f'scores compare two classes; this task has {task.config.classes}')
    found = []
    for batch, logits_BC in state.scores(task.jitted_logits, datasets.in_order(split)):
        found.append((logits_BC[:, 1] - logits_BC[:, 0])[batch['weight'] > 0])
    return np.concatenate(found)


def baseline_scores(datasets, split: str = 'test', seed: int = 0) -> dict[str, baselines.Baseline]:
    """Baselines tuned and fitted on the rows that the model may use: train and validation."""
    fit = np.sort(np.concatenate([datasets.rows('train'), datasets.rows('validation')]))
    if split == 'validation':
        fit = datasets.rows('train')
    sequences = datasets.table.sequences
    return baselines.fit_all(
        [sequences[row] for row in fit.tolist()],
        datasets.table.labels[fit],
        [sequences[row] for row in datasets.rows(split).tolist()],
        groups=datasets.row_split.groups[fit],
        seed=seed,
    )


def compare(
    datasets,
    models: dict[str, np.ndarray],
    fitted: dict[str, baselines.Baseline],
    lead: str,
    split: str = 'test',
    seed: int = 0,
) -> dict:
    """AUROC and average precision of every model with intervals, and the lead's paired differences.

    Args:
        models: scores of the split's rows by model.
        fitted: the baselines.
        lead: the model whose differences to all others are reported.
    """
    rows = datasets.rows(split)
    truth = datasets.table.labels[rows]
    # Rows that share sequence are drawn together: they are not independent.
    groups = datasets.row_split.groups[rows]
    table = {name: _figures(truth, score, groups, seed) for name, score in models.items()}
    for name, baseline in fitted.items():
        table[name] = {**_figures(truth, baseline.scores, groups, seed), **baseline.summary()}
    ceiling = None
    if TRUTH in datasets.table.extra:
        ceiling = _figures(truth, datasets.table.extra[TRUTH][rows], groups, seed)
    every = {**models, **{name: baseline.scores for name, baseline in fitted.items()}}
    options = {'seed': seed, 'stratified': False, 'clusters': groups}
    differences = {
        name: list(metrics.paired_difference(metrics.auroc, truth, every[lead], score, **options))
        for name, score in every.items()
        if name != lead
    }
    fit_splits = ('train',) if split == 'validation' else ('train', 'validation')
    return {
        'split': split,
        'lead': lead,
        'models': table,
        'ceiling': ceiling,
        'differences': differences,
        'n_train': sum(len(datasets.rows(name)) for name in fit_splits),
        'n_test': len(truth),
        'test_groups': len(np.unique(groups)),
        'audit': datasets.audit,
    }


def _figures(truth: np.ndarray, score: np.ndarray, groups: np.ndarray, seed: int) -> dict:
    options = {'seed': seed, 'stratified': False, 'clusters': groups}
    fpr, tpr = metrics.roc_curve(truth, score)[:2]
    return {
        'auroc': list(metrics.bootstrap_interval(metrics.auroc, truth, score, **options)),
        'auprc': list(metrics.bootstrap_interval(metrics.auprc, truth, score, **options)),
        'roc': {'fpr': np.round(fpr, 5).tolist(), 'tpr': np.round(tpr, 5).tolist()},
    }


def as_text(result: dict) -> str:
    """The models from the best AUROC down, as a table."""
    rows = sorted(result['models'].items(), key=lambda item: -item[1]['auroc'][0])
    if result['ceiling']:
        rows.insert(0, ('known ceiling', result['ceiling']))
    lines = [f'{"":<20}{"AUROC":>24}{"average precision":>24}']
    lines += [
        f'{name:<20}{metrics.format_interval(row["auroc"]):>24}'
        f'{metrics.format_interval(row["auprc"]):>24}'
        for name, row in rows
    ]
    return '\n'.join(
        [*lines, f'95 % bootstrap intervals over {result["n_test"]:,} {result["split"]} rows']
    )
