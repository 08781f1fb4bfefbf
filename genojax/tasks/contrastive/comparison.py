"""Retrieval of orthologues by two runs, of the same genes among the same genes."""

import itertools
from typing import Any

import numpy as np

from genojax.tasks import paired
from genojax.tasks.contrastive import evaluate
from genojax.tasks.labelled import intervals


class QueryPairedSplit(paired.PairedSplit):
    """Scores are those of the evaluation, by the vectors that each run does better with.

    A row is a query gene and a species whose genes are ranked; families are resampled.
    """

    unit = 'queries of a species'
    resampled = 'families'
    same = (
        'the genes, their split (data.split_seed, data.test, data.validation, '
        'data.related_families), evaluated_species and --limit'
    )

    def __init__(self, task, datasets, split: str, limit: int | None):
        self.task, self.datasets = task, datasets
        self.pool = evaluate.Pool(datasets, split, task.config.evaluated_species, limit)
        genes, items = datasets.genes, self.pool.scored.items
        named = [
            b'\0'.join([
                genes.species[genes.species_N[row]].encode(),
                genes.families[genes.family_N[row]].encode(),
                paired.digest(genes.sequences[row]),
            ])
            for row in self.pool.rows.tolist()
        ]  # fmt: skip
        self.inputs = [
            named[query] + b'\0' + genes.species[species].encode()
            for query, species in zip(items.query.tolist(), items.species.tolist(), strict=True)
        ]
        self.labels = [str(count).encode() for count in items.relevant.tolist()]
        ranked = np.frombuffer(b''.join(sorted(named)), np.uint8)
        self.settings = {'the genes that are ranked': paired.digest(ranked).hex()[:12]}

    def scores(self, state) -> paired.Scores:
        similarities = evaluate.similarities(self.task, state, self.datasets, self.pool)
        lead = evaluate.choose_lead(self.pool, similarities)
        scores = evaluate.scores(self.pool.scored.rank(similarities[lead]))
        return scores | {'projected': np.full(len(self.inputs), lead == 'model')}

    def parts(self, scores, others) -> dict[str, dict[str, Any]]:
        """All, '', and by how far apart the species are."""
        levels, level_I = evaluate.item_levels(self.datasets, self.pool, self.task.config.levels)
        family_I = self.pool.family_N[self.pool.scored.items.query]
        estimates = evaluate.FamilyEstimates(family_I, level_I, len(levels), seed=0)
        rows = {
            title: {
                'run': estimates.mean(scores[key]),
                'against': estimates.mean(others[key]),
                'difference': estimates.mean(scores[key] - others[key]),
            }
            for key, title in evaluate.SCORES.items()
        }
        every = _part(rows, lambda one: one['overall'], family_I)
        result = {'': every | {'notes': [*self._notes(scores, others), *every['notes']]}}
        for level, (low, high) in enumerate(itertools.pairwise(levels.edges)):
            chosen_I = level_I == level
            if chosen_I.any():
                result[f'species {low:.3f} to {high:.3f} apart'] = _part(
                    rows, lambda one, level=level: one['levels'][level], family_I[chosen_I]
                )
        return result

    def _notes(self, scores, others) -> list[str]:
        which = [
            'projections' if side['projected'].all() else "the model's own vectors"
            for side in (scores, others)
        ]
        if len(set(which)) == 1:
            return [f'Both are compared by {which[0]}.']
        return [f'The first is compared by {which[0]}, the second by {which[1]}.']


def _part(rows: dict, chosen, family_I: np.ndarray) -> dict[str, Any]:
    """Scores of all items or of a level, as `PairedSplit.parts` has them."""
    families = len(np.unique(family_I))
    notes = []
    if families < intervals.FEW_GROUPS:
        notes = [f'only {families} families to resample']
    scores = {
        title: {side: chosen(one) for side, one in sides.items()} for title, sides in rows.items()
    }
    return {'n': len(family_I), 'groups': families, 'scores': scores, 'notes': notes}
