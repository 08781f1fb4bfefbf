"""How far apart species are: alignments without gaps of the genes that they share.

Two genes are laid side by side at every offset (by fast Fourier transform) and the offset with the
most surprising number of equal bases is taken: most standard deviations above what their
compositions give by chance, among those where at least half of the shorter gene is beside the
other. Insertions and deletions shift part of a gene, so a distance is rather
too large; genes that are not alike at all have about 0.7. No k-mers are involved, so that levels of
divergence do not depend on what the baselines measure.
"""

import dataclasses

import numpy as np

from genojax.tasks.contrastive.genes import rows as gene_rows

MAX_FAMILIES = 8  # compared per pair of species
_MAX_BASES = 2_048  # of a gene; the middle of longer ones
_MAX_CELLS = 8_000_000  # offsets compared at a time


class Offsets:
    """Sequences ready to be compared at every offset.

    Args:
        sequences: base codes, each its own length.
    """

    def __init__(self, sequences: list[np.ndarray]):
        sequences = [_middle(codes) for codes in sequences]
        self.lengths = np.array([len(codes) for codes in sequences], np.int64)
        longest = int(self.lengths.max(initial=1))
        self._size = 1 << int(np.ceil(np.log2(2 * longest)))
        self._share_N4 = np.zeros((len(sequences), 4))
        shape = len(sequences), 4, self._size // 2 + 1
        self._transform_N4K = np.zeros(shape, np.complex64)
        for row, codes in enumerate(sequences):
            hot_4L = np.zeros((4, self._size), np.float32)
            known = codes < 4
            hot_4L[codes[known], np.flatnonzero(known)] = 1
            self._transform_N4K[row] = np.fft.rfft(hot_4L, axis=1)
            self._share_N4[row] = hot_4L.sum(1) / max(int(known.sum()), 1)
        self._offset = np.arange(self._size)
        self._offset[self._size // 2 :] -= self._size

    def compare(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Surprise and identity of the best offset of each pair of sequences, float64 [pairs].

        The surprise is in standard deviations above chance, the identity the share of equal bases.
        """
        surprise, identity = np.zeros(len(a)), np.zeros(len(a))
        step = max(1, _MAX_CELLS // self._size)
        for first in range(0, len(a), step):
            some = slice(first, first + step)
            surprise[some], identity[some] = self._compare(a[some], b[some])
        return surprise, identity

    def _compare(self, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        product_PK = (self._transform_N4K[a].conj() * self._transform_N4K[b]).sum(1)
        equal_PL = np.rint(np.fft.irfft(product_PK, self._size, axis=1))
        # Base i of a lies beside base i + offset of b.
        low_PL = np.maximum(0, -self._offset)[None]
        a_P1, b_P1 = self.lengths[a][:, None], self.lengths[b][:, None]
        high_PL = np.minimum(a_P1, b_P1 - self._offset[None])
        overlap_PL = high_PL - low_PL
        chance_P1 = (self._share_N4[a] * self._share_N4[b]).sum(1)[:, None]
        need_P1 = np.minimum(a_P1, b_P1) // 2
        inside_PL = overlap_PL >= np.maximum(need_P1, 1)
        overlap_PL = np.maximum(overlap_PL, 1)
        spread_PL = np.sqrt(np.maximum(overlap_PL * chance_P1 * (1 - chance_P1), 1e-9))
        surprise_PL = np.where(inside_PL, (equal_PL - overlap_PL * chance_P1) / spread_PL, -np.inf)
        best_P1 = surprise_PL.argmax(1)[:, None]
        identity_PL = equal_PL / overlap_PL
        return tuple(np.take_along_axis(x, best_P1, 1)[:, 0] for x in (surprise_PL, identity_PL))

    def similarity(self, queries: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        """The surprise of every pair, as a `retrieval.Similarity`."""
        a, b = np.repeat(queries, len(candidates)), np.tile(candidates, len(queries))
        return self.compare(a, b)[0].reshape(len(queries), len(candidates))


def _middle(codes: np.ndarray) -> np.ndarray:
    start = max(0, (len(codes) - _MAX_BASES) // 2)
    return codes[start : start + _MAX_BASES]


def species_distances(genes: gene_rows.Genes, species: np.ndarray) -> np.ndarray:
    """Distance of every pair of species, float64 [S, S]: the median over families they share.

    At most `MAX_FAMILIES` families are compared, those of most species; of a family that has
    several genes in a species, the longest. NaN where two species share none of them.

    Args:
        species: numbers of the species; the result is in their order.
    """
    row_FS = _longest_rows(genes, species)
    rows = np.unique(row_FS[row_FS >= 0])
    offsets = Offsets([genes.sequences[row] for row in rows.tolist()])
    a, b = np.triu_indices(len(species), 1)
    distance_FP = np.full((len(row_FS), len(a)), np.nan)
    for family, row_S in enumerate(row_FS):
        both = np.flatnonzero((row_S[a] >= 0) & (row_S[b] >= 0))
        left, right = (np.searchsorted(rows, row_S[side[both]]) for side in (a, b))
        distance_FP[family, both] = 1 - offsets.compare(left, right)[1]
    result = np.full((len(species), len(species)), np.nan)
    known = ~np.isnan(distance_FP).all(0)
    result[a[known], b[known]] = np.nanmedian(distance_FP[:, known], axis=0)
    result[b[known], a[known]] = result[a[known], b[known]]
    return result


def _longest_rows(genes: gene_rows.Genes, species: np.ndarray) -> np.ndarray:
    """The longest row of the families of most species in each species, -1 for none, [F, S]."""
    lengths = genes.lengths
    row_FS = np.full((len(genes.families), len(genes.species)), -1)
    for row in np.argsort(lengths, kind='stable').tolist():
        row_FS[genes.family_N[row], genes.species_N[row]] = row
    row_FS = row_FS[:, species]
    count_F = (row_FS >= 0).sum(1)
    return row_FS[np.argsort(-count_F, kind='stable')[:MAX_FAMILIES]]


@dataclasses.dataclass(frozen=True, eq=False)
class Levels:
    """Groups of species pairs by distance.

    Attributes:
        edges: lowest distance of every level, and the highest of all.
        level_SS: level of each pair of species, -1 where the distance is unknown or it is one
            species.
    """

    edges: np.ndarray
    level_SS: np.ndarray

    def __len__(self) -> int:
        return len(self.edges) - 1


def levels(distance_SS: np.ndarray, count: int) -> Levels:
    """At most `count` levels with about equally many pairs of species each."""
    known = distance_SS[np.triu_indices(len(distance_SS), 1)]
    known = known[~np.isnan(known)]
    if not len(known):
        return Levels(np.zeros(1), np.full(distance_SS.shape, -1))
    edges = np.unique(np.quantile(known, np.linspace(0, 1, count + 1)))
    if len(edges) == 1:
        edges = np.array([edges[0], edges[0]])
    level_SS = np.searchsorted(edges[1:-1], distance_SS, side='right')
    level_SS[np.isnan(distance_SS)] = -1
    return Levels(edges, level_SS)
