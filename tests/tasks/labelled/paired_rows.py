"""What comparisons of two runs on labelled rows are tested with."""

import types

import numpy as np

N = 120


def datasets_of(labels, names, groups=None, shared=None):
    """What a comparison reads of datasets; every row is a test row."""
    rng = np.random.default_rng(0)
    sequences = [rng.integers(0, 4, 30).astype(np.uint8) for _ in range(N)]
    table = types.SimpleNamespace(labels=labels, names=names, classes=len(names))
    row_split = types.SimpleNamespace(
        groups=np.arange(N) // 2 if groups is None else groups,
        shared=np.zeros(N, bool) if shared is None else shared,
        report={'units': 'groups of related rows'},
    )
    return types.SimpleNamespace(
        table=table,
        row_split=row_split,
        rows=lambda split: np.arange(N),
        sequences=lambda rows: [sequences[row] for row in rows],
    )


def split_of(kind, datasets):
    return kind(types.SimpleNamespace(name='labels'), datasets, 'test', None)


def scores_of(split, scores):
    split.row_scores = lambda state: scores
    return split.scores(None)


def two_classes():
    """Labels, good scores and worse ones."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 2, N)
    return labels, labels + rng.normal(size=N), labels + 2 * rng.normal(size=N)
