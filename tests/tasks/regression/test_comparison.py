"""Two regressions on the same rows, column by column."""

import numpy as np
import pytest

from genojax import metrics
from genojax.tasks.regression import comparison as values
from tests.tasks.labelled import paired_rows


def test_values_are_compared_by_column_where_they_are_known():
    rng = np.random.default_rng(3)
    labels = rng.normal(size=(paired_rows.N, 2))
    labels[:40, 1] = np.nan
    one_NC, other_NC = (
        np.nan_to_num(labels) + s * rng.normal(size=(paired_rows.N, 2)) for s in (0.5, 2)
    )
    split = paired_rows.split_of(
        values.ValuePairedSplit, paired_rows.datasets_of(labels, ('early', 'late'))
    )
    parts = split.parts(
        paired_rows.scores_of(split, one_NC), paired_rows.scores_of(split, other_NC)
    )
    assert {name: part['n'] for name, part in parts.items()} == {'early': paired_rows.N, 'late': 80}
    row = parts['late']['scores']['Pearson']
    assert row['run'][0] == pytest.approx(metrics.pearson(labels[40:, 1], one_NC[40:, 1]))
    assert row['difference'][1] > 0 and list(parts['late']['scores']) == [
        'Pearson',
        'Spearman',
        'R2',
    ]
