"""Scores of a classification split: models, baselines and, where it is known, the best possible."""

import numpy as np

from genojax import errors, metrics
from genojax.tasks.classification import baselines

# Column of simulated tables: the log likelihood ratio under the simulator, the best possible score.
TRUTH = 'log_likelihood_ratio'


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """The model of a run beside the baselines (see `compare`).

    Raises:
        UsageError: `limit` is set (every row is scored), or there are more than two classes.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to classification, all rows of the split '
            'are scored. Fix: leave --limit out'
        )
    models = {'model': scores(task, state, datasets, split)}
    fitted = baseline_scores(datasets, split)
    return compare(datasets, models, fitted, 'model', split)


def scores(task, state, datasets, split: str = 'test') -> np.ndarray:
    """Log odds of class 1 against class 0 of every row of a split, in order, float32 [N].

    Raises:
        UsageError: there are more than two classes.
    """
    if task.config.classes != 2:
        raise errors.UsageError(
            f'task {task.name!r} has {task.config.classes} classes: only two can be evaluated'
        )
    score_rows = []
    for batch, logits_BC in state.scores(task.jitted_logits, datasets.in_order(split)):
        score_rows.append((logits_BC[:, 1] - logits_BC[:, 0])[batch['weight'] > 0])
    return np.concatenate(score_rows)


def baseline_scores(
    datasets, split: str = 'test', seed: int = 0
) -> dict[str, baselines.ClassifierBaseline]:
    """Baselines fitted to train rows, and for the test split to validation rows too."""
    fit = datasets.rows('train')
    if split != 'validation':
        fit = np.sort(np.concatenate([fit, datasets.rows('validation')]))
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
    fitted: dict[str, baselines.ClassifierBaseline],
    lead: str,
    split: str = 'test',
    seed: int = 0,
) -> dict:
    """AUROC and average precision with intervals, and paired differences to the leading model.

    Args:
        models: scores of the split's rows by model.
        fitted: the baselines.
        lead: name of the model whose differences to all others are reported.
    """
    rows = datasets.rows(split)
    truth = datasets.table.labels[rows]
    # Rows that share sequence are drawn together: they are not independent.
    groups = datasets.row_split.groups[rows]
    table = {name: _estimates(truth, score, groups, seed) for name, score in models.items()}
    for name, baseline in fitted.items():
        table[name] = {**_estimates(truth, baseline.scores, groups, seed), **baseline.summary()}
    ceiling = None
    if TRUTH in datasets.table.extra:
        ceiling = _estimates(truth, datasets.table.extra[TRUTH][rows], groups, seed)
    all_scores = {**models, **{name: baseline.scores for name, baseline in fitted.items()}}
    options = {'seed': seed, 'stratified': False, 'clusters': groups}
    differences = {
        name: list(
            metrics.paired_difference(metrics.auroc, truth, all_scores[lead], score, **options)
        )
        for name, score in all_scores.items()
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


def _estimates(truth: np.ndarray, score: np.ndarray, groups: np.ndarray, seed: int) -> dict:
    options = {'seed': seed, 'stratified': False, 'clusters': groups}
    fpr, tpr = metrics.roc_curve(truth, score)[:2]
    return {
        'auroc': list(metrics.bootstrap_interval(metrics.auroc, truth, score, **options)),
        'auprc': list(metrics.bootstrap_interval(metrics.auprc, truth, score, **options)),
        'roc': {'fpr': np.round(fpr, 5).tolist(), 'tpr': np.round(tpr, 5).tolist()},
    }


def as_text(result: dict) -> str:
    """The models by falling AUROC, as a table."""
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
