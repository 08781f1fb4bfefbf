"""Scores of a classification split: models, baselines and, where it is known, the best possible.

Two classes are scored by the AUROC and average precision of class 1; more classes by the mean over
classes, each against all others. Decisions (the most likely class) are scored by macro-F1 and
Matthews' correlation.
"""

import numpy as np

from genojax import errors, metrics
from genojax.tasks.classification import baselines
from genojax.tasks.labelled import dataset, intervals

# Column of simulated tables: the log likelihood ratio under the simulator, the best possible score.
TRUTH = 'log_likelihood_ratio'
# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'fine_tuned': 'fine-tuned',
    'from_scratch': 'from scratch',
    'majority': 'majority class',
    'gc_only': 'GC content only',
    'kmer_logistic': 'k-mer logistic regression',
    'kmer_svm': 'k-mer SVM',
    'one_hot_logistic': 'one-hot logistic (position)',
}


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """The model of a run beside the baselines (see `compare`).

    Raises:
        UsageError: `limit` is set: every row is scored.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to classification, all rows of the split '
            'are scored. Fix: leave --limit out'
        )
    models = {'model': scores(task, state, datasets, split)}
    return compare(datasets, models, baseline_scores(datasets, split), 'model', split)


def scores(task, state, datasets, split: str = 'test') -> np.ndarray:
    """Scores of every row of a split, in order, float32.

    Two classes: log odds of class 1 against class 0, [N]. More: probabilities, [N, C].
    """
    score_rows = []
    batches = datasets.in_order(split, state.shard(task))
    for batch, logits_BC in state.scores(task.jitted_logits, batches):
        if task.config.classes == 2:
            rows = logits_BC[:, 1] - logits_BC[:, 0]
        else:
            p_BC = np.exp(logits_BC - logits_BC.max(1, keepdims=True))
            rows = p_BC / p_BC.sum(1, keepdims=True)
        score_rows.append(rows[batch['weight'] > 0])
    return np.concatenate(score_rows)


def decisions(score_N: np.ndarray) -> np.ndarray:
    """The class that scores of `scores` decide for, int64 [N]."""
    return (score_N > 0 if score_N.ndim == 1 else score_N.argmax(1)).astype(np.int64)


def baseline_scores(
    datasets, split: str = 'test', seed: int = 0
) -> dict[str, baselines.ClassifierBaseline]:
    """Baselines fitted to train rows, and for the test split to validation rows too.

    None where a class has too few leak groups for cross-validation.
    """
    fit = datasets.fitted_rows(split)
    try:
        return baselines.fit_all(
            datasets.sequences(fit),
            datasets.table.labels[fit],
            datasets.sequences(datasets.rows(split)),
            groups=datasets.row_split.groups[fit],
            seed=seed,
        )
    except ValueError as error:
        if 'leak groups cannot fill' not in str(error):
            raise
        return {}


def compare(
    datasets,
    models: dict[str, np.ndarray],
    fitted: dict[str, baselines.ClassifierBaseline],
    lead: str,
    split: str = 'test',
    seed: int = 0,
) -> dict:
    """Scores with intervals, and paired differences in AUROC to the leading model.

    If rows of a published split share sequence with rows that the models were fitted to,
    `without_shared` has the scores of the others, or says in `no_score` why it has none.

    Args:
        models: scores of the split's rows by model, as of `scores`.
        fitted: the baselines.
        lead: name of the model whose differences to all others are reported.
    """
    every = np.arange(len(datasets.rows(split)))
    tables = {name: (score, decisions(score)) for name, score in models.items()}
    tables |= {name: (row.scores, row.decisions) for name, row in fitted.items()}
    result = _compare_rows(datasets, tables, lead, split, every, seed)
    for name, baseline in fitted.items():
        result['models'][name] |= baseline.summary()
    fit_splits = ('train',) if split == 'validation' else ('train', 'validation')
    result |= {
        'split': split,
        'lead': lead,
        'classes': list(datasets.table.names),
        'n_train': sum(len(datasets.rows(name)) for name in fit_splits),
        'left_out': datasets.left_out,
        'audit': datasets.audit,
    }
    if not fitted:
        result['no_baselines'] = 'a class has too few groups of rows for cross-validation'
    shared = datasets.row_split.shared[datasets.rows(split)]
    if shared.any():
        rest = np.flatnonzero(~shared)
        rows = datasets.rows(split)[rest]
        left = {
            'shared': int(shared.sum()),
            **intervals.rows_left(datasets.row_split.groups[rows]),
        }
        if len(np.unique(datasets.table.labels[rows])) < datasets.table.classes:
            left.setdefault('no_score', f'a class has no row: {intervals.left_text(left)}')
        if 'no_score' not in left:
            left |= _compare_rows(datasets, tables, lead, split, rest, seed)
        result['without_shared'] = left
    return result


def _compare_rows(datasets, tables, lead: str, split: str, chosen: np.ndarray, seed: int) -> dict:
    """Estimates of some rows of a split: models, ceiling, differences, notes and row counts.

    Args:
        tables: (scores, decisions) of all rows of the split by model.
        chosen: positions in the split.
    """
    rows = datasets.rows(split)[chosen]
    truth = datasets.table.labels[rows]
    # Rows that share sequence are drawn together: they are not independent.
    groups = datasets.row_split.groups[rows]
    estimator = intervals.Intervals(truth, groups, truth, seed)
    area, average = metrics.auroc, metrics.auprc
    if datasets.table.classes > 2:
        area, average = metrics.macro_auroc, metrics.macro_auprc
    table = {
        name: {
            'auroc': estimator.of('AUROC', area, score[chosen]),
            'auprc': estimator.of('average precision', average, score[chosen]),
            **_decided(estimator, truth, decision[chosen], datasets.table.classes),
            **_by_class(estimator, truth, score[chosen], datasets.table.names),
        }
        for name, (score, decision) in tables.items()
    }
    ceiling = None
    if TRUTH in datasets.table.extra and datasets.table.classes == 2:
        best = datasets.table.extra[TRUTH][rows]
        ceiling = {
            'auroc': estimator.of('AUROC', area, best),
            'auprc': estimator.of('average precision', average, best),
            **_by_class(estimator, truth, best, datasets.table.names),
        }
    differences = {
        name: estimator.difference('AUROC', area, tables[lead][0][chosen], score[chosen])
        for name, (score, _) in tables.items()
        if name != lead
    }
    return {
        'models': table,
        'ceiling': ceiling,
        'differences': {name: value for name, value in differences.items() if value is not None},
        'notes': estimator.notes,
        'n_test': len(truth),
        'test_groups': len(np.unique(groups)),
    }


def _decided(estimator, truth: np.ndarray, decision: np.ndarray, classes: int) -> dict:
    return {
        'macro_f1': estimator.of('macro-F1', metrics.macro_f1, decision),
        'mcc': estimator.of("Matthews' correlation", metrics.matthews, decision),
        'confusion': metrics.confusion(truth, decision, classes).tolist(),
    }


def _by_class(estimator, truth: np.ndarray, score: np.ndarray, names: tuple[str, ...]) -> dict:
    """ROC curve of two classes; of more, the scores of each class against all others."""
    if score.ndim == 1:
        fpr, tpr = metrics.roc_curve(truth, score)[:2]
        return {'roc': {'fpr': np.round(fpr, 5).tolist(), 'tpr': np.round(tpr, 5).tolist()}}
    one_against_rest = {}
    for number, name in enumerate(names):
        column, is_class = score[:, number], truth == number
        one = intervals.Intervals(is_class, estimator.groups, is_class, estimator.seed)
        one_against_rest[name] = {
            'rows': int(is_class.sum()),
            'auroc': one.of('AUROC', metrics.auroc, column),
            'auprc': one.of('average precision', metrics.auprc, column),
        }
    return {'by_class': one_against_rest}


def as_text(result: dict) -> str:
    """The models by falling AUROC, as a table; then what is unusual about it."""
    lines = _table(result)
    if result.get('left_out', {}).get('rows'):
        lost = result['left_out']
        lines.append(
            f'CUT: {lost["rows"]:,} rows had too many tokens; {100 * lost["share"]:.1f} % of all '
            'bases were never read'
        )
    if conflicts := dataset.conflict_words(result.get('audit')):
        lines.append(conflicts)
    if 'no_baselines' in result:
        lines.append(f'No baselines: {result["no_baselines"]}.')
    rest = result.get('without_shared')
    if rest:
        lines += ['', f'{rest["shared"]:,} rows share sequence with rows that were fitted.']
        if 'models' in rest:
            lines += [f'Without them, {intervals.left_text(rest)}:', *_table({**result, **rest})]
        else:
            lines.append(intervals.no_score_text(rest))
    return '\n'.join(lines)


def _table(result: dict) -> list[str]:
    rows = sorted(result['models'].items(), key=lambda item: -item[1]['auroc'][0])
    if result['ceiling']:
        rows.insert(0, ('known ceiling', result['ceiling']))
    several = len(result['classes']) > 2
    mean = 'mean one-vs-rest AUROC' if several else 'AUROC'
    columns = {mean: 'auroc', 'average precision': 'auprc'}
    columns |= {'macro-F1': 'macro_f1', "Matthews' correlation": 'mcc'}
    table = [['', *columns]]
    for name, row in rows:
        cells = [
            metrics.format_interval(row[key]) if key in row else '' for key in columns.values()
        ]
        table.append([MODEL_NAMES.get(name, name), *cells])
    lines = metrics.text_table(table)
    if several:
        lines += ['', *_class_lines(result)]
    elif result['classes'] != ['0', '1']:
        negative, positive = result['classes']
        lines.append(f'AUROC and average precision are those of {positive!r} against {negative!r}')
    lines.append(intervals.over(result, result.get('audit'), result['split']))
    return lines + intervals.notes_text(result['notes'])


def _class_lines(result: dict) -> list[str]:
    """AUROC and average precision of each class of the leading model against all others."""
    by_class = result['models'][result['lead']]['by_class']
    rows = [['class', 'rows', 'AUROC', 'average precision']]
    for name, row in by_class.items():
        cells = [metrics.format_interval(row[key]) for key in ('auroc', 'auprc')]
        rows.append([name, f'{row["rows"]:,}', *cells])
    return metrics.text_table(rows)
