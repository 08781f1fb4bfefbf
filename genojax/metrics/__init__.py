"""Scores with bootstrap intervals: exact with ties, vectorised over resamples, numpy only."""

from genojax.metrics import limited
from genojax.metrics.bootstrap import (
    Estimate,
    UndefinedScoreError,
    bootstrap_interval,
    format_interval,
    intervals_over,
    paired_difference,
    ratio_difference,
    ratio_interval,
)
from genojax.metrics.decisions import accuracy, confusion, macro_f1, matthews
from genojax.metrics.ranking import auprc, auroc, macro_auprc, macro_auroc, roc_curve
from genojax.metrics.state import MetricState
from genojax.metrics.text_table import text_table
from genojax.metrics.values import determination, pearson, spearman

__all__ = [
    'Estimate',
    'MetricState',
    'UndefinedScoreError',
    'accuracy',
    'auprc',
    'auroc',
    'bootstrap_interval',
    'confusion',
    'determination',
    'format_interval',
    'intervals_over',
    'limited',
    'macro_auprc',
    'macro_auroc',
    'macro_f1',
    'matthews',
    'paired_difference',
    'pearson',
    'ratio_difference',
    'ratio_interval',
    'roc_curve',
    'spearman',
    'text_table',
]
