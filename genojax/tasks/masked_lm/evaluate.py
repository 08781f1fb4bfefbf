"""Bits per base of held-out sequence: the language model beside order-0 and order-5 Markov models.

All three are scored on exactly the same bases, those that the model's masks hide. The Markov models are fitted per
species on its training windows; a species that is held out whole has none, and is scored by the ones of all species'
training windows together. Intervals are bootstraps over windows. Score the latest checkpoint, not the best: some of these
windows chose the best one.
"""

import numpy as np

from genojax import dna, metrics
from genojax import experiment as recipes
from genojax.tasks.masked_lm import markov
from genojax.train import runs

ORDERS = {'order0': 0, 'order5': 5}
_MOST_TRAINING_BASES = 100_000_000  # a species; an order-5 model has 3,072 free numbers


def score(run: runs.Run, state: recipes.TrainState, limit: int | None = None) -> dict:
    """Per species and over all: {'model', 'order0', 'order5': [bits, low, high], 'n_windows', 'n_bases'}.

    `bases_left_out` counts the bases of these windows that rows of tokens had no room for; none of the three is scored
    on them.

    Args:
        limit: held-out windows to score, spread evenly over the species; None for all.
    """
    species = run.feed.species
    whole = {name for name in species if not len(run.feed.windows[name][0])}
    fitted: dict[str, dict[str, markov.Markov]] = {}
    rows = {name: {'model': [], **{order: [] for order in ORDERS}, 'bases': []} for name in species}
    left_out = 0
    for batch, (bits_BL, hidden_BL) in run.score(state, limit):
        hidden_BL = np.asarray(hidden_BL) & (batch['weight'] > 0)[:, None]
        bits_B = np.where(hidden_BL, bits_BL, 0).sum(1, dtype=np.float64)
        if 'left_out' in batch:
            left_out += int(batch['left_out'][batch['weight'] > 0].sum())
        for number in np.unique(batch['species']).tolist():
            name = species[number]
            known = '' if name in whole else name  # '' is all species together
            if known not in fitted:
                fitted[known] = _fit(run, [known] if known else list(species))
            mine = (batch['species'] == number) & hidden_BL.any(1)
            rows[name]['model'] += bits_B[mine].tolist()
            rows[name]['bases'] += hidden_BL[mine].sum(1).tolist()
            for order in ORDERS:
                found = markov.bits(fitted[known][order], batch['bases'][mine], hidden_BL[mine])
                rows[name][order] += found[0].tolist()
    scored = {name: row for name, row in rows.items() if row['bases']}
    every = {
        column: [value for row in scored.values() for value in row[column]]
        for column in ('model', *ORDERS, 'bases')
    }
    return {
        'all': _figures(every),
        'species': {name: _figures(row) for name, row in scored.items()},
        'not_scored': [name for name in species if name not in scored],
        'held_out_whole': sorted(whole & set(scored)),
        'bases_left_out': left_out,
    }


def _figures(row: dict[str, list]) -> dict:
    bases = np.array(row['bases'], float)
    intervals = {
        name: list(metrics.ratio_interval(np.array(row[name]), bases))
        for name in ('model', *ORDERS)
    }
    return {**intervals, 'n_windows': len(bases), 'n_bases': int(bases.sum())}


def _fit(run: runs.Run, names: list[str]) -> dict[str, markov.Markov]:
    """The Markov models of the training windows of some species together."""
    length = run.recipe.data.mixture.length
    most = _MOST_TRAINING_BASES // (length * len(names))
    pieces = []
    for name in names:
        train = run.feed.windows[name][0].subsample(max(1, most))
        codes_BL = run.feed.corpus[name].read(train.contig, train.start, length)[0]
        past_BL = np.arange(length) >= train.valid[:, None]
        pieces.append(np.where(past_BL, np.uint8(dna.UNKNOWN), codes_BL))
    codes_BL = np.concatenate(pieces)
    return {label: markov.fit(codes_BL, order=order) for label, order in ORDERS.items()}
