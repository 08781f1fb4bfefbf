"""Two classifiers on the same rows."""

import numpy as np

from genojax import metrics
from genojax.tasks.classification import evaluate
from genojax.tasks.labelled import comparison


class ClassPairedSplit(comparison.RowPairedSplit):
    """Scores are those of the evaluation."""

    def row_scores(self, state) -> np.ndarray:
        return evaluate.scores(self.task, state, self.datasets, self.split)

    def columns(self, score_N, other_N) -> dict[str, tuple]:
        several = self.datasets.table.classes > 2
        ranking = {
            'mean one-vs-rest AUROC' if several else 'AUROC': (
                metrics.macro_auroc if several else metrics.auroc
            ),
            'average precision': metrics.macro_auprc if several else metrics.auprc,
        }
        entries = [(title, metric, score_N, other_N) for title, metric in ranking.items()]
        decided = evaluate.decisions(score_N), evaluate.decisions(other_N)
        entries.append(('macro-F1', metrics.macro_f1, *decided))
        entries.append(("Matthews' correlation", metrics.matthews, *decided))
        return {'': (np.arange(len(self.rows)), self.truth, self.truth, entries)}
