"""Bits per base of a split: the model beside Markov models of order 0 and 5.

All three are scored on the same bases, those that the model's masks hide. The Markov models are
fitted per species to its training windows. A species that is not trained on, because it has no
training windows or is in `leave_out`, is scored by Markov models of all species that are. Intervals
are bootstraps over windows.
"""

import numpy as np

from genojax import dna, metrics
from genojax.tasks.masked_lm import baselines

ORDERS = {'order0': 0, 'order5': 5}
# Per species; an order-5 model has 3,072 free parameters.
_MAX_TRAINING_BASES = 100_000_000


def evaluate(task, state, datasets, split: str = 'test', limit: int | None = None) -> dict:
    """Scores per species and over all windows of a split.

    Args:
        task: a `MaskedLm` bound to its data.
        state: a `base.TrainedState`.
        limit: largest number of windows to score, spread evenly over the species; None for all.

    Returns:
        `all`, and `species` by name: {'model', 'order0', 'order5': [bits, low, high],
        'differences': {order: [model minus order, low, high]}, 'n_windows', 'n_bases'}.
        `not_scored` names species without windows, `test_only` those that are scored but not
        trained on. `bases_left_out` counts the bases that had no room in their row of tokens, on
        which none of the three is scored.
    """
    species = datasets.species
    trained = datasets.mixture.shares.keys()
    test_only = set(species) - trained
    fitted: dict[str, dict[str, baselines.MarkovModel]] = {}
    rows = {name: {'model': [], **{order: [] for order in ORDERS}, 'bases': []} for name in species}
    left_out = 0
    batches = (datasets.test if split == 'test' else datasets.validation)(limit=limit)
    for batch, (bits_BL, hidden_BL) in state.scores(task.jitted_score, batches):
        hidden_BL = np.asarray(hidden_BL) & (batch['weight'] > 0)[:, None]
        if 'left_out' in batch:
            left_out += int(batch['left_out'][batch['weight'] > 0].sum())
        for number in np.unique(batch['species']).tolist():
            name = species[number]
            source = '' if name in test_only else name  # '': all trained species together
            if source not in fitted:
                names, parts = ([source], 1) if source else (list(trained), len(species))
                fitted[source] = _fit(datasets, names, _MAX_TRAINING_BASES // parts)
            row_B = (batch['species'] == number) & hidden_BL.any(1)
            scores = _scores(
                bits_BL[row_B], batch['bases'][row_B], hidden_BL[row_B], fitted[source]
            )
            for column, values in scores.items():
                rows[name][column] += values
    scored = {name: row for name, row in rows.items() if row['bases']}
    every = {
        column: [value for row in scored.values() for value in row[column]]
        for column in ('model', *ORDERS, 'bases')
    }
    return {
        'all': _estimates(every),
        'species': {name: _estimates(row) for name, row in scored.items()},
        'not_scored': [name for name in species if name not in scored],
        'test_only': sorted(test_only & set(scored)),
        'bases_left_out': left_out,
    }


def _scores(bits_BL, bases_BL, hidden_BL, fitted: dict[str, baselines.MarkovModel]) -> dict:
    """Bits of each window by model, and the number of bases scored."""
    return {
        'model': np.where(hidden_BL, bits_BL, 0).sum(1, dtype=np.float64).tolist(),
        'bases': hidden_BL.sum(1).tolist(),
        **{
            order: baselines.bits(fitted[order], bases_BL, hidden_BL)[0].tolist()
            for order in ORDERS
        },
    }


def _estimates(row: dict[str, list]) -> dict:
    bases = np.array(row['bases'], float)
    bits = {name: np.array(row[name]) for name in ('model', *ORDERS)}
    intervals = {name: list(metrics.ratio_interval(bits_N, bases)) for name, bits_N in bits.items()}
    # Both models are scored on the same bases, so the ratio of the difference is paired.
    differences = {
        name: list(metrics.ratio_interval(bits['model'] - bits[name], bases)) for name in ORDERS
    }
    return {
        **intervals,
        'differences': differences,
        'n_windows': len(bases),
        'n_bases': int(bases.sum()),
    }


def _fit(datasets, names: list[str], max_bases: int) -> dict[str, baselines.MarkovModel]:
    """The Markov models of the training windows of some species together.

    Args:
        max_bases: per species.
    """
    length = datasets.config.mixture.length
    max_windows = max(1, max_bases // length)
    codes = []
    for name in names:
        train = datasets.train_windows[name].subsample(max_windows)
        codes_BL = datasets.corpus[name].read(train.contig, train.start, length)[0]
        past_BL = np.arange(length) >= train.valid[:, None]
        codes.append(np.where(past_BL, np.uint8(dna.UNKNOWN), codes_BL))
    codes_BL = np.concatenate(codes)
    return {label: baselines.fit(codes_BL, order=order) for label, order in ORDERS.items()}


def as_text(result: dict) -> str:
    """The scores as a table."""
    columns = {'model': 'model', 'order0': 'order 0', 'order5': 'order 5'}
    head = f'{"bits per base":<20}' + ''.join(f'{title:>24}' for title in columns.values())
    rows = [
        f'{name:<20}'
        + ''.join(f'{metrics.format_interval(row[column]):>24}' for column in columns)
        + f'{row["n_bases"]:>10,}'
        for name, row in [*result['species'].items(), ('all', result['all'])]
    ]
    lines = [f'{head}{"bases":>10}', *rows, '95 % bootstrap intervals over windows']
    if result['bases_left_out']:
        lines.append(
            f'{result["bases_left_out"]:,} bases had no room in rows of tokens (tokenizer.tokens)'
        )
    return '\n'.join(lines)
