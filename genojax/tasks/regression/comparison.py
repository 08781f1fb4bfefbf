"""Two regressions on the same rows, column by column of values."""

import numpy as np

from genojax.tasks.labelled import comparison
from genojax.tasks.regression import evaluate


class ValuePairedSplit(comparison.RowPairedSplit):
    """Scores are those of the evaluation; rows without a value are left out of its column."""

    def row_scores(self, state) -> np.ndarray:
        return evaluate.predictions(self.task, state, self.datasets, self.split)

    def columns(self, score_NC, other_NC) -> dict[str, tuple]:
        result = {}
        for column, name in enumerate(self.datasets.table.names):
            value_N = self.truth[:, column]
            entries = [
                (title, metric, score_NC[:, column], other_NC[:, column])
                for title, metric in evaluate.SCORES.values()
            ]
            result[name] = (np.flatnonzero(~np.isnan(value_N)), value_N, None, entries)
        return result
