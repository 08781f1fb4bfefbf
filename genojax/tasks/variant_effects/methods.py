"""Every way to score the variants of a fold: the class, columns alone, baselines, the probe."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from genojax import metrics
from genojax.tasks.variant_effects import baselines
from genojax.tasks.variant_effects.baselines import Fit, TrainingVariants

CLASS = 'class alone'
FOREST = 'forest on annotation'
PROBE = 'probe'
PROBE_BY_CLASS = 'probe by class'
PROBE_ANNOTATION = 'probe and annotation'
FOREST_PROBE = 'forest on annotation and model'


@dataclasses.dataclass(frozen=True, eq=False)
class VariantColumnsOfModels:
    """What methods may read of the variants, one row each.

    Attributes:
        vector_ND: [reference, alternate - reference] of the encoder.
        annotation_NF: columns of annotation; None without.
        scores: columns that are scored alone, by name.
        model_scores: names of those of `scores` that are a model's own, which `FOREST_PROBE` reads.
        tier_N, term_N: expected severity, and name, of the consequence; None without annotation.
        group_N: number of each row's group.
        per_class: positive and negative rows from which a class has a fit of its own.
    """

    vector_ND: np.ndarray
    annotation_NF: np.ndarray | None
    scores: Mapping[str, np.ndarray]
    model_scores: tuple[str, ...]
    tier_N: np.ndarray | None
    term_N: np.ndarray | None
    group_N: np.ndarray
    per_class: int = 30


def score_fold(
    columns: VariantColumnsOfModels, label_N: np.ndarray, fit_rows: np.ndarray, rows: np.ndarray
) -> dict[str, Fit]:
    """Scores of `rows` by every method, fitted to `fit_rows` where it is fitted at all.

    Args:
        label_N: 0 or 1 of every row.
    """
    training = TrainingVariants(label_N[fit_rows], columns.group_N[fit_rows])
    fits = _unfitted(columns, label_N, fit_rows, rows)
    x_ND = columns.vector_ND
    probe = baselines.logistic(x_ND[fit_rows], training, x_ND[rows])
    fits[PROBE] = probe
    if columns.term_N is not None:
        classes = columns.term_N[fit_rows], columns.term_N[rows]
        fits[PROBE_BY_CLASS] = baselines.by_class(
            baselines.logistic,
            x_ND[fit_rows],
            training,
            x_ND[rows],
            pooled=probe,
            classes=classes,
            fewest=columns.per_class,
        )
    if columns.annotation_NF is None:
        return fits
    x_NF = columns.annotation_NF
    fits[FOREST] = baselines.forest(x_NF[fit_rows], training, x_NF[rows])
    both_NF = np.concatenate([x_ND, x_NF], axis=1)
    fits[PROBE_ANNOTATION] = baselines.logistic(both_NF[fit_rows], training, both_NF[rows])
    fits[FOREST_PROBE] = _stacked(columns, training, (fit_rows, rows), probe)
    return fits


def _unfitted(columns, label_N, fit_rows, rows) -> dict[str, Fit]:
    """The consequence class alone, each column alone, and each column within the class."""
    fits = {}
    if columns.tier_N is not None:
        fits[CLASS] = Fit(columns.tier_N[rows].astype(np.float64), {})
    for name, value_N in columns.scores.items():
        known = fit_rows[np.isfinite(value_N[fit_rows])]
        sign = 1.0
        if len(np.unique(label_N[known])) == 2:
            sign = 1.0 if metrics.auroc(label_N[known], value_N[known]) >= 0.5 else -1.0
        middle = float(np.nanmedian(value_N[fit_rows])) if len(known) else 0.0
        score_N = sign * np.where(np.isfinite(value_N), value_N, middle)
        settings = {'sign': '+' if sign > 0 else '-'}
        fits[f'{name} alone'] = Fit(score_N[rows], settings)
        if columns.tier_N is not None:
            # Within 0 .. 1 over all rows, so that no column overrules the class.
            size = np.ptp(score_N) or 1.0
            within_N = 0.999 * (score_N - score_N.min()) / size
            fits[f'class, then {name}'] = Fit(columns.tier_N[rows] + within_N[rows], settings)
    return fits


def _stacked(columns, training: TrainingVariants, parts, probe: Fit) -> Fit:
    """A forest that reads annotation, and the model's scores and probe as more columns.

    The probe's column of the training rows is that of fits to other folds, or the forest would
    trust a score that has seen its label.
    """
    fit_rows, rows = parts
    x_NF = columns.annotation_NF
    own_N = baselines.crossed(baselines.logistic, columns.vector_ND[fit_rows], training)
    extra = [columns.scores[name] for name in columns.model_scores]
    train = [x_NF[fit_rows], own_N[:, None], *(v[fit_rows, None] for v in extra)]
    test = [x_NF[rows], probe.log_odds_N[:, None], *(v[rows, None] for v in extra)]
    return baselines.forest(np.concatenate(train, 1), training, np.concatenate(test, 1))
