"""Families of genes by reciprocal best k-mer hits, where no table of orthologues exists.

Gene a of one species and gene b of another are a pair if no gene of the other's species shares more
k-mers with either (Tatusov et al. 1997, Science 278:631, with alignments in place of k-mers). A
family is everything that pairs connect. Shared k-mers vanish with divergence, so pairs that are far
apart are missed: this finds training pairs, and is no yardstick.
"""

import itertools

import numpy as np
from scipy import sparse

from genojax.data.genomes import kmers

_MAX_COPIES = 4  # genes of a species that hold a k-mer; one of more genes is a repeat


def families(
    sequences: list[np.ndarray], species_N: np.ndarray, k: int = 11, min_shared: int = 12
) -> tuple[np.ndarray, int]:
    """The family of each gene, the number of its first gene, int64 [N]; and the number of pairs.

    Args:
        sequences: base codes in the direction of each gene.
        species_N: species of each gene.
        k: bases of a k-mer.
        min_shared: distinct k-mers that a pair shares at least.
    """
    held = _incidence(sequences, species_N, k)
    ends = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    members = [np.flatnonzero(species_N == s) for s in range(int(species_N.max()) + 1)]
    for a, b in itertools.combinations(members, 2):
        shared = (held[a] @ held[b].T).tocsr()
        best_a, count_a = _best(shared)
        best_b, _ = _best(shared.T.tocsr())
        rows = np.flatnonzero((count_a >= min_shared) & (best_a >= 0))
        rows = rows[best_b[best_a[rows]] == rows]
        ends.append((a[rows], b[best_a[rows]]))
    first, second = (np.concatenate(side) for side in zip(*ends, strict=True))
    return kmers.connected_components(len(sequences), first, second), len(first)


def _incidence(sequences: list[np.ndarray], species_N: np.ndarray, k: int) -> sparse.csr_matrix:
    """Which gene holds which k-mer, [genes, k-mers], without the repeats of a species."""
    values = [np.unique(kmers.pack(codes, k)) for codes in sequences]
    values = [value[value != kmers.NONE] for value in values]
    row = np.repeat(np.arange(len(values)), [len(value) for value in values])
    _, column = np.unique(np.concatenate(values), return_inverse=True)
    shape = len(values), int(column.max(initial=-1)) + 1
    held = sparse.csr_matrix((np.ones(len(row), np.float32), (row, column)), shape)
    common = np.zeros(shape[1], bool)
    for s in np.unique(species_N):
        common |= np.asarray(held[species_N == s].sum(0)).ravel() > _MAX_COPIES
    return held[:, ~common]


def _best(shared: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """For each row the column of its largest count, and that count; -1 where it has none.

    Of equal counts the first one wins.
    """
    best_N = np.full(shared.shape[0], -1, np.int64)
    count_N = np.zeros(shared.shape[0])
    shared.sort_indices()
    for row in np.flatnonzero(np.diff(shared.indptr)).tolist():
        part = slice(shared.indptr[row], shared.indptr[row + 1])
        at = int(np.argmax(shared.data[part]))
        best_N[row], count_N[row] = shared.indices[part][at], shared.data[part][at]
    return best_N, count_N
