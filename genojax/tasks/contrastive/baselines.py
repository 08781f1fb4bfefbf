"""Similarities of genes without training: k-mer spectra and MinHash sketches, tuned by retrieval.

Settings are chosen on families that are not scored, by mean average precision. All read the same
bases as the network.
"""

import dataclasses
import itertools
import time
from collections.abc import Iterator

import numpy as np
from scipy import sparse

from genojax import dna
from genojax.data.genomes import kmers
from genojax.tasks.contrastive import retrieval
from genojax.tasks.labelled import tuning

SPECTRUM_K = (1, 2, 3, 4, 5, 6, 7, 8)
BINNED_K = (2, 3, 4, 5, 6)
BINS = (4, 12)  # equal parts of a row
SKETCH_K = (5, 6, 7, 8, 9, 11, 13, 16, 21)
SKETCH_SIZE = 1_000  # hashes; as Mash by default (Ondov et al. 2016)


@dataclasses.dataclass(frozen=True, eq=False)
class TunedSimilarity:
    """The best similarity of a family of them, its settings and their score where it was chosen."""

    similarity: retrieval.Similarity
    settings: dict
    tuning_map: float
    seconds: float


@tuning.one_thread
def fit_all(
    sequences: list[np.ndarray], fitted: np.ndarray, tuned: retrieval.Retrieval
) -> dict[str, TunedSimilarity]:
    """k-mer spectra, of the whole row and of its parts, and MinHash sketches, tuned.

    Args:
        sequences: base codes of all rows.
        fitted: rows that weights and centres are computed of.
        tuned: the items that choose settings.
    """
    return {
        'kmer_spectrum': _best(spectra(sequences, fitted), tuned),
        'binned_spectrum': _best(binned_spectra(sequences, fitted), tuned),
        'minhash': _best(sketches(sequences), tuned),
    }


def _best(choices: Iterator, tuned: retrieval.Retrieval) -> TunedSimilarity:
    started = time.perf_counter()
    search = tuning.Search('map')
    for settings, similarity in choices:
        search.add(settings, (float(tuned.rank(similarity).precision.mean()),), similarity)
    seconds = time.perf_counter() - started
    return TunedSimilarity(search.extra, search.settings, search.scores[0], seconds)


def spectra(
    sequences: list[np.ndarray], fitted: np.ndarray
) -> Iterator[tuple[dict, retrieval.Similarity]]:
    """Cosines of k-mer spectra: shares, their roots or TF-IDF, as they are or about their mean.

    TF-IDF is the share of a k-mer times log((1 + rows) / (1 + rows that hold it)) + 1, over the
    fitted rows; the mean is theirs too.
    """
    for k in SPECTRUM_K:
        for settings, similarity in _weighted(kmer_counts(sequences, k), fitted):
            yield {'k': k, **settings}, similarity


def binned_spectra(
    sequences: list[np.ndarray], fitted: np.ndarray
) -> Iterator[tuple[dict, retrieval.Similarity]]:
    """The same of the spectra of equal parts of a row, one after the other.

    They say where in a gene a k-mer is, as a network does that reads positions.
    """
    for k, bins in itertools.product(BINNED_K, BINS):
        edges = [np.linspace(0, len(codes), bins + 1).astype(int) for codes in sequences]
        counts = [
            kmer_counts(
                [x[e[i] : e[i + 1] + k - 1] for x, e in zip(sequences, edges, strict=True)], k
            )
            for i in range(bins)
        ]
        for settings, similarity in _weighted(sparse.hstack(counts, format='csr'), fitted):
            yield {'k': k, 'bins': bins, **settings}, similarity


def _weighted(
    counts: sparse.csr_matrix, fitted: np.ndarray
) -> Iterator[tuple[dict, retrieval.Similarity]]:
    total = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
    shares = sparse.diags(1 / total) @ counts
    holds = np.asarray((counts[fitted] > 0).sum(0)).ravel()
    idf = np.log((1 + len(fitted)) / (1 + holds)) + 1
    weighted = {
        'shares': shares.tocsr(),
        'roots': shares.sqrt().tocsr(),
        'tf_idf': (shares @ sparse.diags(idf)).tocsr(),
    }
    for weighting, x in weighted.items():
        for centred in (False, True):
            centre = np.asarray(x[fitted].mean(0)).ravel() if centred else None
            yield {'weighting': weighting, 'centred': centred}, sparse_cosine(x, centre)


def sparse_cosine(x: sparse.csr_matrix, centre: np.ndarray | None) -> retrieval.Similarity:
    """`retrieval.cosine` of sparse rows: (x - c)(y - c) = xy - xc - yc + cc."""
    square_N = np.asarray(x.multiply(x).sum(1)).ravel()
    dot_N, own = np.zeros(x.shape[0]), 0.0
    if centre is not None:
        dot_N, own = x @ centre, float(centre @ centre)
    norm_N = np.sqrt(np.maximum(square_N - 2 * dot_N + own, 1e-30))

    def similarity(queries, candidates):
        product_QN = (x[queries] @ x[candidates].T).toarray()
        product_QN = product_QN - dot_N[queries][:, None] - dot_N[candidates][None] + own
        return product_QN / norm_N[queries][:, None] / norm_N[candidates][None]

    return similarity


def kmer_counts(sequences: list[np.ndarray], k: int) -> sparse.csr_matrix:
    """Counts of the k-mers of every row in its own direction, [N, 4^k]."""
    index = [dna.kmer_indices(codes, k) for codes in sequences]
    index = [one[one >= 0] for one in index]
    row = np.repeat(np.arange(len(index)), [len(one) for one in index])
    ones = np.ones(len(row))
    counts = sparse.csr_matrix((ones, (row, np.concatenate(index))), (len(index), 4**k))
    counts.sum_duplicates()
    return counts


def sketches(sequences: list[np.ndarray]) -> Iterator[tuple[dict, retrieval.Similarity]]:
    """Jaccard indices of MinHash sketches, for every k of `SKETCH_K`."""
    for k in SKETCH_K:
        hashes = [sketch(codes, k) for codes in sequences]
        yield {'k': k, 'sketch': SKETCH_SIZE}, jaccard(hashes)


def sketch(codes: np.ndarray, k: int, size: int = SKETCH_SIZE) -> np.ndarray:
    """The `size` smallest hashes of a row's canonical k-mers, sorted, uint64.

    Mash's bottom sketch (Ondov et al. 2016, Genome Biology 17:132) with another hash.
    """
    value = kmers.canonical(codes, k)[0]
    return np.unique(_mixed(value[value != kmers.NONE]))[:size]


def _mixed(value: np.ndarray) -> np.ndarray:
    """A bijection of 64 bits under which the order of k-mers is random (SplitMix64's)."""
    with np.errstate(over='ignore'):
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def jaccard(hashes: list[np.ndarray], size: int = SKETCH_SIZE) -> retrieval.Similarity:
    """Jaccard index of sketches: the share of the `size` smallest hashes of both that both have.

    Sketches that hold all k-mers of short rows are counted by a matrix product.
    """
    counts = np.array([len(one) for one in hashes])
    _, column = np.unique(np.concatenate(hashes), return_inverse=True)
    row = np.repeat(np.arange(len(hashes)), counts)
    ones = np.ones(len(row), np.float32)
    held = sparse.csr_matrix((ones, (row, column)), (len(hashes), int(column.max(initial=0)) + 1))
    if 2 * counts.max(initial=0) > size:
        return merged_jaccard(hashes, size)

    def similarity(queries, candidates):
        shared_QN = (held[queries] @ held[candidates].T).toarray()
        union_QN = counts[queries][:, None] + counts[candidates][None] - shared_QN
        return shared_QN / np.maximum(union_QN, 1)

    return similarity


def merged_jaccard(hashes: list[np.ndarray], size: int = SKETCH_SIZE) -> retrieval.Similarity:
    """The same for sketches of any length, one query at a time."""

    def similarity(queries, candidates):
        return np.array(
            [_one_jaccard(hashes[q], [hashes[c] for c in candidates], size) for q in queries]
        )

    return similarity


def _one_jaccard(own: np.ndarray, others: list[np.ndarray], size: int) -> np.ndarray:
    """Jaccard index of one sketch and each of the others."""
    joined = np.concatenate(others)
    count = np.array([len(one) for one in others])
    first = np.cumsum(count) - count
    place = np.searchsorted(own, joined)
    same = (
        own[np.minimum(place, len(own) - 1)] == joined if len(own) else np.zeros(len(joined), bool)
    )
    number = np.arange(len(joined)) - np.repeat(first, count)
    before = np.cumsum(same) - same
    before = before - np.repeat(before[np.minimum(first, max(len(joined) - 1, 0))], count)
    # Its rank among the hashes of both: smaller ones of either, those of both counted once.
    rank = place + number - before
    shared = np.add.reduceat(np.append(same & (rank < size), False), first)
    every = np.add.reduceat(np.append(same, False), first)
    shared[count == 0] = every[count == 0] = 0
    union = np.minimum(size, len(own) + count - every)
    return shared / np.maximum(union, 1)
