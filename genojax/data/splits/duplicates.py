"""Rows that share sequence: grouped, so that a group is in one part, and searched for in genomes.

Two rows are related when they share a k-mer on either strand; a leak group is everything related
through any number of rows. A test score on rows whose relatives were trained on is partly memory.
"""

from collections.abc import Iterator

import numpy as np

from genojax import dna, errors
from genojax.data.genomes import assemblies, kmers

K = 30  # bases; random sequences of any size read here do not share 30 bases
_MAX_SORTED = 32_000_000  # k-mers sorted together
_MIN_SEARCHED = 20  # bases; a shorter row occurs in genomes by chance
_PIECE = 4_000_000  # bases of a contig searched at a time


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
    return kmers.connected_components(len(sequences), np.concatenate(a), np.concatenate(b))


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


def occurrences(
    corpus: assemblies.Corpus, sequences: list[np.ndarray]
) -> tuple[list[dict], list[int]]:
    """Where whole rows occur in genomes, on either strand.

    An unknown base in a row matches any base. Each row is searched for by its first k-mer.

    Returns:
        The first occurrence of each row that has one, as {row, species, contig, start, strand}; the
        rows that are too short, or have too many unknown bases, to be searched for.
    """
    k = min([K, *(len(codes) for codes in sequences if len(codes) >= _MIN_SEARCHED)])
    seed_of, skipped = {}, []  # row -> (offset, k-mer)
    for row, codes in enumerate(sequences):
        searched = len(codes) >= _MIN_SEARCHED
        value = kmers.canonical(codes, k)[0] if searched else np.zeros(0, np.uint64)
        offsets = np.flatnonzero(value != kmers.NONE)
        if offsets.size:
            seed_of[row] = (int(offsets[0]), value[offsets[0]])
        else:
            skipped.append(row)
    rows = np.array(list(seed_of), np.int64)
    values = np.array([value for _, value in seed_of.values()], np.uint64)
    by_value = np.argsort(values, kind='stable')
    rows, values = rows[by_value], values[by_value]
    occurrence_of: dict[int, dict] = {}
    for member, contig, position, value in _hits(corpus, kmers.KmerSet(values), k):
        low, high = np.searchsorted(values, [value, value + np.uint64(1)])
        for row in rows[low:high].tolist():
            if row in occurrence_of:
                continue
            match = _whole_match(
                member, contig, position, sequences[row], offset=seed_of[row][0], k=k
            )
            if match:
                names = {'species': member.name, 'contig': member.contigs[contig].name}
                occurrence_of[row] = {'row': row, **names, 'start': match[0], 'strand': match[1]}
    return [occurrence_of[row] for row in sorted(occurrence_of)], skipped


def _hits(
    corpus: assemblies.Corpus, members: kmers.KmerSet, k: int
) -> Iterator[tuple[assemblies.Genome, int, int, np.uint64]]:
    """(genome, contig, position, k-mer) of every member, across circular origins too."""
    for member in corpus:
        for contig in range(len(member.contigs)):
            codes = member.codes(contig)
            if member.contigs[contig].circular:
                codes = np.concatenate([codes, codes[: k - 1]])
            for first in range(0, max(len(codes) - k + 1, 0), _PIECE):
                value = kmers.canonical(codes[first : first + _PIECE + k - 1], k)[0]
                for i in members.find(value)[0].tolist():
                    yield member, contig, first + i, value[i]


def _whole_match(
    member: assemblies.Genome, contig: int, position: int, row: np.ndarray, offset: int, k: int
) -> tuple[int, str] | None:
    """(start, strand) if a whole row matches where its k-mer at `offset` does, else None."""
    described = member.contigs[contig]
    for strand, codes, ahead in (
        ('+', row, offset),
        ('-', dna.reverse_complement(row), len(row) - offset - k),
    ):
        start = position - ahead
        if described.circular:
            start %= described.length
        if len(row) > described.length or start < 0:
            continue
        if not described.circular and start + len(row) > described.length:
            continue
        bases = member.read(np.array([contig]), np.array([start]), len(row))[0][0]
        if ((codes == bases) | (codes == dna.UNKNOWN)).all():
            return start, strand
    return None
