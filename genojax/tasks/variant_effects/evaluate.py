"""Scores of labelled variants beside baselines, in one table: every method, every label, every set.

Where the encoder saw no label, each group of variants (an exon, a chromosome) is left out in turn:
all methods are fitted to the others and score it. Else the test groups alone are scored. Intervals
are bootstraps over sites: the three variants of a position have one window.
"""

from typing import Any

import numpy as np

from genojax import errors, metrics, progress
from genojax.tasks.labelled import intervals
from genojax.tasks.variant_effects import labelled_variants, methods
from genojax.variants.consequences import terms

HEAD, CEILING = 'trained head', 'known ceiling'
LEADS = (methods.FOREST_PROBE, methods.PROBE_ANNOTATION, methods.PROBE)
_FITTED = (methods.FOREST, methods.PROBE, methods.PROBE_BY_CLASS, methods.PROBE_ANNOTATION)
_FEWEST = 10  # rows of each label that a set needs


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """Every method's AUROC and average precision by label and set of variants.

    Raises:
        UsageError: `limit` is set: every row is scored.
    """
    if limit is not None:
        raise errors.UsageError(
            f'task {task.name!r}: a limit does not apply to variants, all of them are scored. '
            'Fix: leave --limit out'
        )
    head_N, vector_ND = vectors(task, state, datasets)
    columns = model_columns(task, datasets, vector_ND)
    every = task.config.groups == 'every' or task.config.groups == 'auto' and task.is_frozen
    return compare(datasets, columns, head_N, every=every, split=split)


def vectors(task, state, datasets) -> tuple[np.ndarray, np.ndarray]:
    """The head's log odds [N] and the vectors [N, 2 D] of all rows, means over strands."""
    rows = np.arange(len(datasets.known))
    totals = []
    for reverse in (False, True):
        parts: list[tuple] = []
        batches = datasets.in_order(rows, state.shard(task), reverse)
        for batch, (head_B, vector_BD) in state.scores(task.jitted_scores, batches):
            filled = np.asarray(batch['filled']) > 0
            parts.append((head_B[filled], vector_BD[filled]))
        totals.append([np.concatenate(column) for column in zip(*parts, strict=True)])
    head_N, vector_ND = (np.mean(pair, axis=0) for pair in zip(*totals, strict=True))
    return head_N.astype(np.float64), vector_ND.astype(np.float64)


def model_columns(task, datasets, vector_ND: np.ndarray) -> methods.VariantColumnsOfModels:
    """What the methods read."""
    known = datasets.known
    return methods.VariantColumnsOfModels(
        vector_ND=vector_ND,
        annotation_NF=None if known.columns is None else known.columns.values_NF,
        scores=known.scores,
        model_scores=known.model_scores,
        tier_N=known.tier_N,
        term_N=known.term_N,
        group_N=datasets.group_N,
        per_class=task.config.per_class,
    )


def compare(
    datasets,
    columns: methods.VariantColumnsOfModels,
    head_N: np.ndarray,
    *,
    every: bool,
    split: str,
) -> dict[str, Any]:
    """The table of all methods: JSON.

    Args:
        head_N: log odds by the trained head.
        every: leave out every group in turn; else score `split`, with fits to the other splits.
    """
    known = datasets.known
    split_rows = datasets.rows(split)
    fitted_rows = np.flatnonzero(datasets.split_N == 'train')
    if split == 'test':
        fitted_rows = np.flatnonzero(datasets.split_N != 'test')
    folds = [(fitted_rows, split_rows)]
    if every:
        folds = [
            (np.flatnonzero(datasets.group_N != group), np.flatnonzero(datasets.group_N == group))
            for group in range(len(datasets.groups))
        ]
    labels, settings = {}, {}
    for name, label_N in contrasts(datasets).items():
        scores, settings[name] = _scored(columns, label_N, folds)
        scored = np.sort(np.concatenate([rows for _, rows in folds]))
        sets = _sets(known, label_N, scored)
        result = {key: _estimates(known, label_N, scores, rows) for key, rows in sets.items()}
        scores[HEAD] = head_N
        on_split = _sets(known, label_N, split_rows)
        labels[name] = {
            'sets': result if every else {},
            split: {
                key: _estimates(known, label_N, scores, rows) for key, rows in on_split.items()
            },
        }
    return {
        'split': split,
        'left_out_in_turn': datasets.groups.tolist() if every else [],
        'split_groups': sorted(set(known.table.groups[split_rows].tolist())),
        'rows': len(known),
        'group_column': datasets.config.group_column or 'contig',
        'labels': labels,
        'settings': settings,
        'left_out': known.left_out,
    }


def contrasts(datasets) -> dict[str, np.ndarray]:
    """Name -> 1, 0 or -1 (not used) of every row: without the intermediate rows, and with them as
    negatives."""
    config, label_N = datasets.config, datasets.known.label_N
    positive, negative = '+'.join(config.positive), '+'.join(config.negative)
    positives = (label_N == labelled_variants.POSITIVE).astype(np.int64)
    between = label_N == labelled_variants.INTERMEDIATE
    result = {f'{positive} v {negative}': np.where(between, -1, positives)}
    if between.any():
        more = '+'.join(config.intermediate)
        result[f'{positive} v {negative}+{more}'] = positives
    return result


def _scored(columns, label_N, folds) -> tuple[dict[str, np.ndarray], dict]:
    """Scores [N] by method, NaN for rows that no fold scores, and the settings of every fold."""
    scores: dict[str, np.ndarray] = {}
    settings: dict[str, list] = {}
    for fit_rows, rows in progress.track(folds, 'fitting baselines'):
        fit_rows, rows = fit_rows[label_N[fit_rows] >= 0], rows[label_N[rows] >= 0]
        if not len(rows):
            continue
        for name, fit in methods.score_fold(columns, label_N, fit_rows, rows).items():
            score_N = scores.setdefault(name, np.full(len(label_N), np.nan))
            score_N[rows] = fit.log_odds_N
            if fit.settings:
                settings.setdefault(name, []).append(fit.settings)
    return scores, settings


def _sets(known, label_N: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Name -> row numbers: all, missense, noncoding; those with enough rows of both labels."""
    rows = rows[label_N[rows] >= 0]
    sets = {'all': rows}
    if known.term_N is not None:
        term_N = known.term_N[rows]
        noncoding = np.array([terms.is_noncoding(terms.Term(name)) for name in term_N], bool)
        sets |= {'missense': rows[term_N == terms.Term.MISSENSE], 'noncoding': rows[noncoding]}
    enough = {}
    for name, chosen in sets.items():
        counts = np.bincount(label_N[chosen], minlength=2)
        if counts.min() >= _FEWEST:
            enough[name] = chosen
    return enough


def _estimates(known, label_N: np.ndarray, scores: dict, rows: np.ndarray) -> dict:
    """Every method on some rows, and paired differences of the leading one to the others."""
    truth = label_N[rows]
    estimator = intervals.Intervals(truth, known.site_N[rows], truth)
    models = {}
    for name, score_N in scores.items():
        score = score_N[rows]
        models[name] = {
            'auroc': estimator.of('AUROC', metrics.auroc, score),
            'auprc': estimator.of('average precision', metrics.auprc, score),
        }
        if name in (*_FITTED, methods.FOREST_PROBE, HEAD):
            decision = (score > 0).astype(np.int64)
            models[name]['accuracy'] = estimator.of('accuracy', metrics.accuracy, decision)
    ceiling = None
    if known.truth_N is not None:
        best = known.truth_N[rows]
        ceiling = {
            'auroc': estimator.of('AUROC', metrics.auroc, best),
            'auprc': estimator.of('average precision', metrics.auprc, best),
            'accuracy': estimator.of('accuracy', metrics.accuracy, (best > 0.5).astype(np.int64)),
        }
    lead = next(name for name in LEADS if name in models)
    differences = {
        name: {
            'auroc': estimator.difference('AUROC', metrics.auroc, scores[lead][rows], other[rows]),
            'auprc': estimator.difference('AP', metrics.auprc, scores[lead][rows], other[rows]),
        }
        for name, other in scores.items()
        if name != lead
    }
    return {
        'rows': len(rows),
        'sites': len(np.unique(known.site_N[rows])),
        'positives': int(truth.sum()),
        'majority': float(max(truth.mean(), 1 - truth.mean())),
        'models': models,
        'ceiling': ceiling,
        'lead': lead,
        'differences': differences,
        'notes': estimator.notes,
    }


def as_text(result: dict) -> str:
    """The tables for the terminal."""
    lines = []
    column, groups = result['group_column'], result['left_out_in_turn']
    for label, tables in result['labels'].items():
        if tables['sets']:
            lines.append(f'{label}, each of {len(groups)} groups of {column!r} left out in turn:')
            for name, table in tables['sets'].items():
                lines += ['', *_table(name, table)]
            lines.append('')
        split = result['split']
        named = ', '.join(result['split_groups'][:8])
        fitted = ''
        if tables['sets']:
            fitted = '; the head was fitted to the training groups, all else to all other groups'
        lines.append(f'{label}, {split} groups ({named}){fitted}:')
        for name, table in tables[split].items():
            lines += ['', *_table(name, table)]
        lines.append('')
    reasons = [f'{count:,} rows: {why}' for why, count in result['left_out'].items()]
    if reasons:
        lines.append(f'LEFT OUT: {"; ".join(reasons)}')
    lines.append('The intervals do not cover the choice of groups.')
    return '\n'.join(lines)


def _table(name: str, table: dict) -> list[str]:
    head = f'{name}: {table["rows"]:,} variants, {table["positives"]:,} positive, majority '
    head += f'{table["majority"]:.3f}; {metrics.intervals_over(table.get("sites"), "sites")}'
    width = max(24, *(len(model) + 2 for model in table['models']))
    titles = ('AUROC', 'average precision', 'accuracy', 'lead minus this, AUROC')
    lines = [head, f'{"":<{width}}' + ''.join(f'{title:>28}' for title in titles)]
    ranked = sorted(table['models'].items(), key=lambda item: -(item[1]['auroc'] or [0])[0])
    if table['ceiling']:
        ranked.insert(0, (CEILING, table['ceiling']))
    for model, row in ranked:
        cells = [metrics.format_interval(row[key]) for key in ('auroc', 'auprc')]
        cells.append(metrics.format_interval(row['accuracy']) if 'accuracy' in row else '')
        if model in table['differences']:
            cells.append(metrics.format_interval(table['differences'][model]['auroc']))
        else:
            cells.append('lead' if model == table['lead'] else '')
        lines.append(f'{model:<{width}}' + ''.join(f'{cell:>28}' for cell in cells))
    return lines + intervals.notes_text(table['notes'])
