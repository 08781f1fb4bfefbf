"""Rows that share sequence: grouped, so that a group is in one part.

Two rows are related when they share a k-mer on either strand, or are near copies (`near_copies`); a
leak group is everything related through any number of rows. A test score on rows whose relatives
were trained on is partly memory.
"""

import hashlib

import numpy as np

from genojax import dna, errors
from genojax.data.genomes import kmers
from genojax.data.splits import near_copies

K = 30  # bases; random sequences of any size read here do not share 30 bases
_MAX_SORTED = 32_000_000  # k-mers sorted together
# A process that opens one table again, as for several seeds, compares its rows once. A table with
# three parts makes three different comparisons.
_MAX_REMEMBERED = 6
_remembered: dict[bytes, np.ndarray] = {}  # results of `related`, by a hash of its arguments


def groups(sequences: list[np.ndarray], k: int = K) -> np.ndarray:
    """The leak group of every row, int64 [N]: the number of its first row.

    Rows without a k-mer (shorter than k, or with unknown bases throughout) are related only to rows
    that are equal to them, on either strand.
    """
    joined, row = _join(sequences, k)
    parts = max(1, -(-len(joined) // _MAX_SORTED))
    a, b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    value = kmers.canonical(joined, k)[0]
    for part in range(parts):
        at = np.flatnonzero((value != kmers.NONE) & (value % np.uint64(parts) == np.uint64(part)))
        at = at[np.argsort(value[at], kind='stable')]
        same = value[at][1:] == value[at][:-1]
        a.append(row[at[1:][same]])
        b.append(row[at[:-1][same]])
    first: dict[bytes, int] = {}
    for number, codes in enumerate(sequences):  # equal rows, however short
        key = min(codes.tobytes(), dna.reverse_complement(codes).tobytes())
        a.append(np.array([first.setdefault(key, number)]))
        b.append(np.array([number]))
    edges = np.concatenate(a), np.concatenate(b)
    group_N = kmers.connected_components(len(sequences), *edges)
    near = near_copies.pairs(near_copies.Sequences(sequences), group_N)
    edges = [np.concatenate(ends) for ends in zip(edges, near, strict=True)]
    return kmers.connected_components(len(sequences), *edges)


def related(these: list[np.ndarray], those: list[np.ndarray], k: int = K) -> np.ndarray:
    """Which of `these` rows are related to any of `those`, bool [N].

    They share a k-mer on either strand or are near copies. A process remembers its last results.
    """
    key = _digest(these, those, k)
    if key not in _remembered:
        while len(_remembered) >= _MAX_REMEMBERED:
            _remembered.pop(next(iter(_remembered)))
        _remembered[key] = _compare(these, those, k)
    return _remembered[key].copy()


def _digest(these: list[np.ndarray], those: list[np.ndarray], k: int) -> bytes:
    sha256 = hashlib.sha256(f'{k} {len(these)} {len(those)}'.encode())
    for codes in (*these, *those):
        sha256.update(len(codes).to_bytes(8, 'little') + codes.tobytes())
    return sha256.digest()


def _compare(these: list[np.ndarray], those: list[np.ndarray], k: int) -> np.ndarray:
    is_related = shared(these, those, k)
    side_N = np.repeat([0, 1], [len(these), len(those)])
    a, b = near_copies.pairs(near_copies.Sequences([*these, *those]), side_N)
    rows = np.concatenate([a, b])
    is_related[rows[rows < len(these)]] = True
    return is_related


def shared(these: list[np.ndarray], those: list[np.ndarray], k: int = K) -> np.ndarray:
    """Which of `these` rows share a k-mer, on either strand, with any of `those`, bool [N]."""
    members = kmers.KmerSet(kmers.canonical(_join(those, k)[0], k)[0])
    joined, row = _join(these, k)
    shares = np.zeros(len(these), bool)
    shares[row[members.find(kmers.canonical(joined, k)[0])[0]]] = True
    return shares


def _join(sequences: list[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows, an unknown base after each, and the row of every base."""
    unknown = np.array([dna.UNKNOWN], np.uint8)
    joined = np.concatenate([x for codes in sequences for x in (codes, unknown)] or [unknown])
    lengths = np.array([len(codes) + 1 for codes in sequences] or [1])
    return joined, np.repeat(np.arange(len(lengths)), lengths)


def assign_groups(
    group_N: np.ndarray, label_N: np.ndarray, shares: tuple[float, ...], seed: int
) -> np.ndarray:
    """A part for every row, int64 [N]: whole groups, and each class in the shares of the parts.

    Groups of several rows are assigned first, each to a part drawn by the shares, so that no part
    collects them; single rows then make up what every part is missing of every class.

    Args:
        group_N: the group of each row.
        label_N: the class of each row.
        shares: of the parts; they need not sum to 1.
    """
    random = np.random.default_rng(seed)
    share_S = np.array(shares, np.float64) / sum(shares)
    missing_SC = np.outer(share_S, np.bincount(label_N))
    _, inverse, count = np.unique(group_N, return_inverse=True, return_counts=True)
    by_group = np.argsort(inverse, kind='stable')
    end = np.cumsum(count)
    part_N = np.full(len(group_N), -1, np.int64)
    for g in random.permutation(np.flatnonzero(count > 1)).tolist():
        rows = by_group[end[g] - count[g] : end[g]]
        rows_C = np.bincount(label_N[rows], minlength=missing_SC.shape[1])
        part = int(random.choice(len(share_S), p=share_S))
        if (missing_SC[part] < rows_C - 1).any():
            part = int(np.argmax((missing_SC - rows_C).min(axis=1)))
        part_N[rows] = part
        missing_SC[part] -= rows_C
    for label in range(missing_SC.shape[1]):
        rows = random.permutation(np.flatnonzero((part_N < 0) & (label_N == label)))
        part_N[rows] = np.repeat(np.arange(len(share_S)), _round(missing_SC[:, label], len(rows)))
    return part_N


def _round(missing_S: np.ndarray, rows: int) -> np.ndarray:
    """Whole numbers that sum to `rows` in the proportions of `missing_S`, by largest remainder."""
    missing_S = np.maximum(missing_S, 0)
    total = missing_S.sum()
    exact_S = missing_S / total * rows if total else np.full(len(missing_S), rows / len(missing_S))
    whole_S = np.floor(exact_S).astype(np.int64)
    whole_S[np.argsort(whole_S - exact_S, kind='stable')[: rows - whole_S.sum()]] += 1
    return whole_S


def folds(
    group_N: np.ndarray, label_N: np.ndarray, count: int, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation with whole leak groups: (rows to fit, rows to score) of each fold.

    Raises:
        InputError: LB10, a fold lacks a class.
    """
    part_N = assign_groups(group_N, label_N, (1.0,) * count, seed)
    classes = len(np.unique(label_N))
    for fold in range(count):
        for rows in (part_N == fold, part_N != fold):
            if len(np.unique(label_N[rows])) < classes:
                raise errors.InputError(
                    'LB10',
                    f'fold {fold + 1} of {count} lacks a class',
                    fix='fewer folds, or more rows',
                )
    return [(np.flatnonzero(part_N != f), np.flatnonzero(part_N == f)) for f in range(count)]
