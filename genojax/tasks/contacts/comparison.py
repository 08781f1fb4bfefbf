"""Predicted contacts of two runs on the same windows."""

from typing import Any

import numpy as np

from genojax.tasks import paired
from genojax.tasks.contacts import evaluate

_STATISTICS = {'pearson': "Pearson's r", 'spearman': "Spearman's r"}


class ContactPairedSplit(paired.PairedSplit):
    """Correlations at equal distance are those of the evaluation; windows are resampled."""

    unit = 'windows'
    resampled = 'windows'
    same = 'data.path, data.species, data.pseudo, data.clip and, for --limit, their order'

    def __init__(self, task, datasets, split: str, limit: int | None):
        self.task, self.datasets, self.split, self.limit = task, datasets, split, limit
        self.inputs, self.labels = [], []
        for position in datasets.windows[split][:limit]:
            rows = datasets.load([position])
            known_PP = rows.known_NPP[0]
            target_PP = np.where(known_PP, datasets.target(rows.contacts_NPP)[0], 0)
            name = datasets.sources[position.species].name
            self.inputs.append(f'{name}\0'.encode() + paired.digest(rows.codes_NL))
            self.labels.append(paired.digest(target_PP) + paired.digest(known_PP))
        self.settings = {'bins': f'{datasets.config.bin:,} bp'}

    def scores(self, state) -> paired.Scores:
        """What is predicted of every window, [N, P, P]."""
        predicted = evaluate.predictions(self.task, state, self.datasets, self.split, self.limit)
        return {'predicted': predicted}

    def parts(self, scores, others) -> dict[str, dict[str, Any]]:
        """By range of distances; '' is all."""
        data = self.datasets
        rows = data.load(data.windows[self.split][: self.limit])
        models = {'run': scores['predicted'], 'against': others['predicted']}
        result = evaluate.compare(
            data.target(rows.contacts_NPP), models, rows.known_NPP, data.config.bin, lead='run'
        )
        return {
            '' if group == 'all' else group: {
                'n': len(rows.codes_NL),
                'groups': None,
                'scores': {
                    title: paired.estimates(result[name][group])
                    for name, title in _STATISTICS.items()
                },
                'notes': [],
            }
            for group in result['pearson']
        }
