"""Retrieval of orthologues of families that were not trained on, beside similarities of k-mers.

A query is a gene of the split. For every other species with a gene of its family, all genes of that
species, of whichever split, are ranked by their similarity to the query (`retrieval`). Scores are
means over queries and species, also by how far apart the two species are (`divergence`), with
bootstrap intervals over families.
"""

from typing import Any

import numpy as np

from genojax import metrics
from genojax.data.datasets import base
from genojax.tasks.contrastive import baselines, divergence, retrieval
from genojax.tasks.labelled import intervals

SCORES = {'recall_at_1': 'recall@1', 'recall_at_10': 'recall@10', 'map': 'MAP'}
# What tables and reports call the models.
MODEL_NAMES = {
    'model': 'model',
    'model_unprojected': 'model, unprojected',
    'untrained': 'untrained',
    'untrained_unprojected': 'untrained, unprojected',
    'kmer_spectrum': 'k-mer spectrum',
    'binned_spectrum': 'k-mer spectra of equal parts',
    'minhash': 'MinHash sketch',
    'alignment': 'alignment without gaps',
    'length': 'length alone',
    'chance': 'random order',
}
NETWORKS = ('model', 'model_unprojected', 'untrained', 'untrained_unprojected')


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """Scores of the network, the same network untrained, and the baselines, as JSON.

    Args:
        limit: largest number of queries, spread evenly.
    """
    pool = Pool(datasets, split, task.config.evaluated_species, limit)
    networks = network_similarities(task, state, datasets, pool)
    result = compare(datasets, pool, networks, task.config.levels)
    return result | {'limited': pool.limited}


class Pool:
    """The rows that an evaluation reads, numbered anew from 0.

    Attributes:
        rows: their numbers in the dataset; genes of the species that are compared.
        species: numbers of these species, spread evenly where there are more than `max_species`.
        scored, tuned: items of the split, and of the part that chooses settings of baselines
            (validation; train if validation is scored).
        fitted: positions of the training rows.
        limited: which part of the queries is scored; None for all.
    """

    def __init__(self, datasets, split: str, max_species: int, limit: int | None = None):
        genes = datasets.genes
        queried = np.unique(genes.species_N[datasets.rows(split)])
        self.species = queried[_spread(len(queried), max_species)]
        self.rows = np.flatnonzero(np.isin(genes.species_N, self.species))
        self.split, self.left_out = split, len(queried) - len(self.species)
        self.family_N, self.species_N = genes.family_N[self.rows], genes.species_N[self.rows]
        tuning_split = 'validation' if split == 'test' else 'train'
        self.tuning_split = tuning_split
        position = {name: self._positions(datasets.rows(name)) for name in base.SPLITS}
        self.fitted = position['train']
        self.scored = self._retrieval(position[split], limit)
        self.tuned = self._retrieval(position[tuning_split], limit)
        queries = len(position[split])
        scored = queries if limit is None else min(queries, limit)
        self.limited = metrics.limited.entry(scored, queries, 'queries')

    def _positions(self, rows: np.ndarray) -> np.ndarray:
        return np.flatnonzero(np.isin(self.rows, rows))

    def _retrieval(self, queries: np.ndarray, limit: int | None) -> retrieval.Retrieval:
        if limit is not None:
            queries = queries[_spread(len(queries), limit)]
        every = np.arange(len(self.rows))
        return retrieval.Retrieval(self.family_N, self.species_N, queries, every)


def _spread(count: int, limit: int) -> np.ndarray:
    """At most `limit` of `count` numbers, spread evenly."""
    if count <= limit:
        return np.arange(count)
    return (np.arange(limit) * count + count // 2) // limit


def network_similarities(task, state, datasets, pool: Pool) -> dict[str, retrieval.Similarity]:
    """`similarities` of the network, and of the same untrained."""
    untrained = similarities(task, task.untrained(state), datasets, pool, 'untrained')
    return similarities(task, state, datasets, pool) | untrained


def similarities(
    task, state, datasets, pool: Pool, name: str = 'model'
) -> dict[str, retrieval.Similarity]:
    """Cosines of a network's vectors about the mean of the training rows.

    NAME compares projections, NAME_unprojected the model's own vectors.
    """
    result = {}
    projected, own = vectors(task, state, datasets, pool.rows)
    for key, x_ND in ((name, projected), (f'{name}_unprojected', own)):
        centre_D = x_ND[pool.fitted].mean(0) if len(pool.fitted) else None
        result[key] = retrieval.cosine(x_ND, centre_D)
    return result


def vectors(task, state, datasets, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Projections and the model's vectors of rows, float32 [N, E] and [N, D]."""
    parts = [
        [x[batch['weight'] > 0] for x in both]
        for batch, both in state.scores(
            task.jitted_vectors, datasets.in_order(rows, state.shard(task))
        )
    ]
    projected, own = (np.concatenate(side) for side in zip(*parts, strict=True))
    return projected, own


def compare(
    datasets, pool: Pool, networks: dict[str, retrieval.Similarity], num_levels: int, seed: int = 0
) -> dict:
    """Scores of all models with intervals over families, and paired differences to the
    vectors of the network that did better where baselines are tuned (`lead`).

    {models {name {overall {score: [value, low, high]}, levels [the same]}}, differences {other
    {overall, levels}} in recall at 1, levels [{low, high, pairs, items, families}], ...}.
    """
    ranks, fitted = rank_all(datasets, pool, networks)
    levels, level_I = item_levels(datasets, pool, num_levels)
    family_I = pool.family_N[pool.scored.items.query]
    estimates = FamilyEstimates(family_I, level_I, len(levels), seed)
    models = {name: estimates.of(scores(rank)) for name, rank in ranks.items()}
    for name, one in fitted.items():
        models[name] |= {
            'settings': one.settings,
            'tuning_map': one.tuning_map,
            'seconds': round(one.seconds, 3),
        }
    lead = choose_lead(pool, networks)
    differences = {
        name: estimates.mean(ranks[lead].recall[:, 0] - rank.recall[:, 0])
        for name, rank in ranks.items()
        if name != lead
    }
    return {
        'split': pool.split,
        'lead': lead,
        'models': models,
        'differences': differences,
        'levels': _described(levels, level_I, family_I),
        'without_level': int((level_I < 0).sum()),
        **_counts(datasets, pool),
    }


def choose_lead(pool: Pool, networks: dict[str, retrieval.Similarity]) -> str:
    """'model' or 'model_unprojected': the one with more MAP where baselines are tuned."""
    mean_map = {name: pool.tuned.rank(networks[name]).precision.mean() for name in NETWORKS[:2]}
    return max(mean_map, key=lambda name: mean_map[name])


def rank_all(
    datasets, pool: Pool, networks: dict[str, retrieval.Similarity]
) -> tuple[dict[str, retrieval.Ranks], dict[str, baselines.TunedSimilarity]]:
    """Scores of every item by model: networks, baselines, an alignment, length alone, chance."""
    sequences = datasets.read_rows(pool.rows)
    fitted = baselines.fit_all(sequences, pool.fitted, pool.tuned)
    similarities = dict(networks) | {name: one.similarity for name, one in fitted.items()}
    similarities['alignment'] = divergence.Offsets(sequences).similarity
    length_N = np.log(np.array([len(codes) for codes in sequences], float))
    similarities['length'] = lambda q, c: -np.abs(length_N[q][:, None] - length_N[c][None])
    ranks = {name: pool.scored.rank(similarity) for name, similarity in similarities.items()}
    return ranks | {'chance': pool.scored.by_chance()}, fitted


def item_levels(datasets, pool: Pool, num_levels: int) -> tuple[divergence.Levels, np.ndarray]:
    """Levels of the pairs of species, and the level of every item, -1 where it is unknown."""
    levels = divergence.levels(
        divergence.species_distances(datasets.genes, pool.species), num_levels
    )
    items = pool.scored.items
    query, other = (
        np.searchsorted(pool.species, s) for s in (pool.species_N[items.query], items.species)
    )
    return levels, levels.level_SS[query, other]


def scores(rank: retrieval.Ranks) -> dict[str, np.ndarray]:
    return {
        'recall_at_1': rank.recall[:, 0],
        'recall_at_10': rank.recall[:, 1],
        'map': rank.precision,
    }


class FamilyEstimates:
    """Means over items with bootstrap intervals over families, over all and by level."""

    def __init__(self, family_I: np.ndarray, level_I: np.ndarray, num_levels: int, seed: int):
        self.family_I, self.seed = family_I, seed
        self.parts = [np.flatnonzero(level_I == level) for level in range(num_levels)]

    def mean(self, value_I: np.ndarray) -> dict:
        """{overall: [value, low, high], levels: [the same or None]}."""
        every = np.arange(len(value_I))
        return {
            'overall': self._interval(value_I, every),
            'levels': [self._interval(value_I, part) for part in self.parts],
        }

    def of(self, scores: dict[str, np.ndarray]) -> dict:
        """{overall: {score: ...}, levels: [{score: ...}]}."""
        means = {name: self.mean(value_I) for name, value_I in scores.items()}
        return {
            'overall': {name: one['overall'] for name, one in means.items()},
            'levels': [
                {name: one['levels'][level] for name, one in means.items()}
                for level in range(len(self.parts))
            ],
        }

    def _interval(self, value_I: np.ndarray, part: np.ndarray) -> list | None:
        if not len(part):
            return None
        if len(np.unique(self.family_I[part])) < 2:
            return [float(value_I[part].mean()), None, None]
        return list(
            metrics.ratio_interval(
                value_I[part], np.ones(len(part)), seed=self.seed, clusters=self.family_I[part]
            )
        )


def _described(levels: divergence.Levels, level_I, family_I) -> list[dict]:
    pairs = np.triu(np.ones_like(levels.level_SS), 1) > 0
    return [
        {
            'low': float(levels.edges[level]),
            'high': float(levels.edges[level + 1]),
            'species_pairs': int(((levels.level_SS == level) & pairs).sum()),
            'items': int((level_I == level).sum()),
            'families': len(np.unique(family_I[level_I == level])),
        }
        for level in range(len(levels))
    ]


def _counts(datasets, pool: Pool) -> dict[str, Any]:
    """What was compared, and what an interval cannot say."""
    items = pool.scored.items
    families = len(np.unique(pool.family_N[items.query]))
    bases = datasets.genes.lengths[pool.rows]
    notes = {}
    if families < intervals.FEW_GROUPS:
        notes['few groups'] = [f'only {families} families to resample']
    return {
        'families': families,
        'queries': len(np.unique(items.query)),
        'items': len(items),
        'species': len(pool.species),
        'species_left_out': pool.left_out,
        'candidates': float(items.candidates.mean()) if len(items) else 0.0,
        'tuned_on': {'split': pool.tuning_split, 'items': len(pool.tuned.items)},
        'length': datasets.config.length,
        'rows': len(pool.rows),
        'cropped': int((bases > datasets.config.length).sum()),
        'notes': notes,
        'audit': datasets.description['split'],
    }


def ranked(models: dict[str, dict]) -> list[tuple[str, dict]]:
    """Models by falling recall at 1 over all items."""
    return sorted(models.items(), key=lambda item: -item[1]['overall']['recall_at_1'][0])


def _name(model: str) -> str:
    return MODEL_NAMES.get(model, model)


def as_text(result: dict) -> str:
    """The models by falling recall, overall and by divergence; differences; what was cropped."""
    overall = [['', *SCORES.values()]]
    heads = [f'{one["low"]:.3f} to {one["high"]:.3f}' for one in result['levels']]
    levels = [['', *heads]]
    for name, row in ranked(result['models']):
        overall.append(
            [_name(name), *(metrics.format_interval(row['overall'][key]) for key in SCORES)]
        )
        cells = [metrics.format_interval(one['recall_at_1']) for one in row['levels']]
        levels.append([_name(name), *cells])
    paired = [['', 'overall', *heads]]
    for name, one in result['differences'].items():
        cells = [metrics.format_interval(value) for value in (one['overall'], *one['levels'])]
        paired.append([_name(name), *cells])
    lines = [*metrics.text_table(overall), '', 'recall@1 by the distance of the two species']
    lines += [*metrics.text_table(levels), '']
    lead = _name(result['lead'])
    lines += [f'{lead} minus each other, recall@1, paired', *metrics.text_table(paired)]
    return '\n'.join([*lines, '', *counts_text(result)])


def counts_text(result: dict) -> list[str]:
    """Sentences on what was compared."""
    lines = [
        f'{result["queries"]:,} {result["split"]} genes of {result["families"]:,} families against '
        f'{result["species"]:,} species, {result["candidates"]:.1f} genes each on average: '
        f'{result["items"]:,} rankings. {metrics.intervals_over(result["families"], "families")}.'
    ]
    if result['species_left_out']:
        lines.append(
            f'{result["species_left_out"]:,} more species were left out (evaluated_species).'
        )
    if result['cropped']:
        lines.append(
            f'{result["cropped"]:,} of {result["rows"]:,} genes have more than '
            f'{result["length"]:,} bases: their middle is read, by every model.'
        )
    if result['without_level']:
        lines.append(
            f'{result["without_level"]:,} rankings are of species whose distance is unknown.'
        )
    return lines + intervals.notes_text(result['notes'])
