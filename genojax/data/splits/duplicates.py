"""Rows that share sequence: kept on one side of every split, and removed where pretraining saw them.

Two rows are related when they share a k-mer on either strand; a leak group is everything related
through any number of rows. A test score on rows whose relatives were trained on is partly memory.
"""

import numpy as np

from genojax import dna, errors
from genojax.data.genomes import assemblies, kmers

K = 30  # bases; chance does not repeat 30 bases in data of any size we read
_AT_ONCE = 32_000_000  # k-mers sorted together
_SHORTEST = 20  # bases; a shorter row occurs in genomes by chance


def groups(sequences: list[np.ndarray], k: int = K) -> np.ndarray:
    """The leak group of every row, int64 [N]: the number of its first row.

    Rows without a k-mer (shorter than k, or unknown bases everywhere) are related to rows that are
    equal to them, on either strand, only.
    """
    joined, row = _joined(sequences, k)
    parts = max(1, -(-len(joined) // _AT_ONCE))
    a, b = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    value = kmers.canonical(joined, k)[0]
    for part in range(parts):
        mine = np.flatnonzero((value != kmers.NONE) & (value % np.uint64(parts) == np.uint64(part)))
        mine = mine[np.argsort(value[mine], kind='stable')]
        same = value[mine][1:] == value[mine][:-1]
        a.append(row[mine[1:][same]])
        b.append(row[mine[:-1][same]])
    first: dict[bytes, int] = {}
    for number, codes in enumerate(sequences):  # equal rows, however short
        key = min(codes.tobytes(), dna.reverse_complement(codes).tobytes())
        a.append(np.array([first.setdefault(key, number)]))
        b.append(np.array([number]))
    return kmers.connected_components(len(sequences), np.concatenate(a), np.concatenate(b))


def shared(these: list[np.ndarray], those: list[np.ndarray], k: int = K) -> np.ndarray:
    """Which of `these` rows share a k-mer, on either strand, with any of `those`, bool [N]."""
    members = kmers.KmerSet(kmers.canonical(_joined(those, k)[0], k)[0])
    joined, row = _joined(these, k)
    found = np.zeros(len(these), bool)
    found[row[members.find(kmers.canonical(joined, k)[0])[0]]] = True
    return found


def _joined(sequences: list[np.ndarray], k: int) -> tuple[np.ndarray, np.ndarray]:
    """All rows with an unknown base after each, so that no k-mer reaches over, and the row of every base."""
    unknown = np.array([dna.UNKNOWN], np.uint8)
    joined = np.concatenate([x for codes in sequences for x in (codes, unknown)] or [unknown])
    lengths = np.array([len(codes) + 1 for codes in sequences] or [1])
    return joined, np.repeat(np.arange(len(lengths)), lengths)


def assign_groups(
    group_N: np.ndarray, label_N: np.ndarray, shares: tuple[float, ...], seed: int
) -> np.ndarray:
    """A side for every row, int64 [N]: whole groups, every class in the same shares as nearly as groups allow.

    Groups of several rows are dealt first, each to a side drawn by the shares, so that no side
    collects them; single rows then make up what every side lacks of every class.
    """
    random = np.random.default_rng(seed)
    share_S = np.array(shares, np.float64) / sum(shares)
    lack_SC = np.outer(share_S, np.bincount(label_N))
    _, inverse, count = np.unique(group_N, return_inverse=True, return_counts=True)
    by_group = np.argsort(inverse, kind='stable')
    end = np.cumsum(count)
    side_N = np.full(len(group_N), -1, np.int64)
    for g in random.permutation(np.flatnonzero(count > 1)).tolist():
        rows = by_group[end[g] - count[g] : end[g]]
        have_C = np.bincount(label_N[rows], minlength=lack_SC.shape[1])
        side = int(random.choice(len(share_S), p=share_S))
        if (lack_SC[side] < have_C - 1).any():
            side = int(np.argmax((lack_SC - have_C).min(axis=1)))
        side_N[rows] = side
        lack_SC[side] -= have_C
    for label in range(lack_SC.shape[1]):
        rows = random.permutation(np.flatnonzero((side_N < 0) & (label_N == label)))
        side_N[rows] = np.repeat(np.arange(len(share_S)), _whole(lack_SC[:, label], len(rows)))
    return side_N


def _whole(lack_S: np.ndarray, rows: int) -> np.ndarray:
    """Whole numbers that sum to `rows` in the proportions of what is lacking, by largest remainder."""
    lack_S = np.maximum(lack_S, 0)
    exact_S = (
        lack_S / lack_S.sum() * rows if lack_S.sum() else np.full(len(lack_S), rows / len(lack_S))
    )
    whole_S = np.floor(exact_S).astype(np.int64)
    whole_S[np.argsort(whole_S - exact_S, kind='stable')[: rows - whole_S.sum()]] += 1
    return whole_S


def folds(
    group_N: np.ndarray, label_N: np.ndarray, count: int, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation that respects leak groups: (rows to fit, rows to score) for each fold.

    Raises:
        InputError: LB10 if a fold lacks a class.
    """
    side_N = assign_groups(group_N, label_N, (1.0,) * count, seed)
    classes = len(np.unique(label_N))
    for fold in range(count):
        for rows in (side_N == fold, side_N != fold):
            if len(np.unique(label_N[rows])) < classes:
                raise errors.InputError(
                    'LB10',
                    f'fold {fold + 1} of {count} lacks a class',
                    fix='fewer folds, or more rows',
                )
    return [(np.flatnonzero(side_N != f), np.flatnonzero(side_N == f)) for f in range(count)]


def occurrences(
    corpus: assemblies.Corpus, sequences: list[np.ndarray]
) -> tuple[list[dict], list[int]]:
    """Where rows occur in genomes as a whole, on either strand, and the rows too short or unknown to look for.

    A place is {row, species, contig, start, strand}; the first one found of each row. An unknown
    base in a row matches any base.
    """
    k = min([K, *(len(codes) for codes in sequences if len(codes) >= _SHORTEST)])
    seed_of, skipped = {}, []
    for row, codes in enumerate(sequences):
        value = kmers.canonical(codes, k)[0] if len(codes) >= _SHORTEST else np.zeros(0, np.uint64)
        known = np.flatnonzero(value != kmers.NONE)
        if known.size:
            seed_of[row] = (int(known[0]), value[known[0]])
        else:
            skipped.append(row)
    rows = np.array(list(seed_of), np.int64)
    values = np.array([value for _, value in seed_of.values()], np.uint64)
    by_value = np.argsort(values, kind='stable')
    rows, values = rows[by_value], values[by_value]
    members = kmers.KmerSet(values)
    places: dict[int, dict] = {}
    for member in corpus:
        for number, contig in enumerate(member.contigs):
            for place, hit in _hits(member, number, members, k):
                low, high = np.searchsorted(values, [hit, hit + np.uint64(1)])
                for row in rows[low:high].tolist():
                    if row in places:
                        continue
                    found = _verify(member, number, place, sequences[row], seed_of[row][0], k)
                    if found:
                        where = {'species': member.name, 'contig': contig.name}
                        places[row] = {'row': row, **where, 'start': found[0], 'strand': found[1]}
    return [places[row] for row in sorted(places)], skipped


def _hits(member, contig: int, members: kmers.KmerSet, k: int):
    """(place, k-mer) of every member k-mer on a contig, around the origin of a circular one."""
    codes = member.codes(contig)
    if member.contigs[contig].circular:
        codes = np.concatenate([codes, codes[: k - 1]])
    piece = 4_000_000
    for first in range(0, max(len(codes) - k + 1, 0), piece):
        value = kmers.canonical(codes[first : first + piece + k - 1], k)[0]
        where, _ = members.find(value)
        for i in where.tolist():
            yield first + i, value[i]


def _verify(member, contig: int, place: int, row: np.ndarray, offset: int, k: int):
    """(start, strand) if the whole row lies where one of its k-mers was found, else None."""
    where = member.contigs[contig]
    for strand, codes, ahead in (
        ('+', row, offset),
        ('-', dna.reverse_complement(row), len(row) - offset - k),
    ):
        start = place - ahead
        if where.circular:
            start %= where.length
        if len(row) > where.length or start < 0:
            continue
        if not where.circular and start + len(row) > where.length:
            continue
        there = member.read(np.array([contig]), np.array([start]), len(row))[0][0]
        if ((codes == there) | (codes == dna.UNKNOWN)).all():
            return start, strand
    return None
