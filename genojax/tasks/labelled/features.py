"""Features of sequences for baselines: GC, counts of k-mers, and the base at each position.

Rows are base codes, [N, L] (4 = unknown or padding) or a list of [L_i].
"""

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from genojax import dna


def of_one_length(*parts) -> bool:
    """Whether all rows of all parts have the same length."""
    return len({len(row) for part in parts for row in part}) == 1


def one_hot(rows) -> sparse.csr_matrix:
    """Which base is at each position, [N, 4 L], for rows of one length."""
    hot_NF = dna.one_hot(padded(rows)).reshape(len(rows), -1)
    return sparse.csr_matrix(hot_NF, dtype=np.float64)


def kmer(rows, shortest: int, longest: int) -> sparse.csr_matrix:
    """Square roots of k-mer counts, k = shortest .. longest: unit length, equal shares per k."""
    codes_NL = padded(rows)
    parts = []
    for k in range(shortest, longest + 1):
        index = dna.kmer_indices(codes_NL, k)
        row, _ = np.nonzero(index >= 0)
        ones = np.ones(row.size)
        counts = sparse.csr_matrix((ones, (row, index[index >= 0])), (len(codes_NL), 4**k))
        counts.sum_duplicates()
        # The distance of two rows is then the Hellinger distance of their k-mer spectra.
        squared = np.asarray(counts.sum(1)).ravel()
        scale = sparse.diags(1 / np.sqrt(np.maximum(squared, 1) * (longest - shortest + 1)))
        parts.append(scale @ counts.sqrt())
    return sparse.hstack(parts, format='csr')


def spectrum_distances(a, b, longest: int) -> Iterator[tuple[int, np.ndarray]]:
    """For k = 1 .. longest: k, and squared distances of the rows' spectra of 1 to k bases.

    Distances are float64, one row per row of `a` and one column per row of `b`.
    """
    product, norm_a, norm_b = 0.0, 0.0, 0.0
    for k in range(1, longest + 1):
        part_a, part_b = kmer(a, k, k), kmer(b, k, k)
        # Up to 256 columns are mostly filled, and a dense product is ten times faster.
        if k <= 4:
            product = product + part_a.toarray() @ part_b.toarray().T
        else:
            product = product + (part_a @ part_b.T).toarray()
        norm_a, norm_b = (
            norm + np.asarray(part.multiply(part).sum(1)).ravel()
            for norm, part in ((norm_a, part_a), (norm_b, part_b))
        )
        yield k, np.maximum(norm_a[:, None] + norm_b - 2 * product, 0) / k


def gc(rows) -> np.ndarray:
    """Share of G and C among the known bases of every row, [N]."""
    codes_NL = padded(rows)
    known = (codes_NL < dna.UNKNOWN).sum(1)
    if not known.all():
        raise ValueError(f'sequence {int(np.argmin(known)) + 1} has no known base')
    return ((codes_NL == 1) | (codes_NL == 2)).sum(1) / known


def padded(rows) -> np.ndarray:
    """Base codes [N, L], shorter rows padded with unknown bases, which are in no k-mer."""
    if isinstance(rows, np.ndarray) and rows.ndim == 2:
        return rows.astype(np.uint8)
    codes_NL = np.full((len(rows), max(map(len, rows))), dna.UNKNOWN, np.uint8)
    for target, row in zip(codes_NL, rows, strict=True):
        target[: len(row)] = row
    return codes_NL
