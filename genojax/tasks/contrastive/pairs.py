"""Which genes a training batch holds: pairs by type and species, and matched negatives.

Pair number n of a run is a function of the seed and n. Its first row's species comes from the same
table of draws as the species of windows (`data.datasets.mixture`), its gene from a permutation of
the species' genes, a new one for every epoch.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
from scipy import spatial

from genojax.data import counter_random
from genojax.data.datasets import base, mixture, species_weights
from genojax.tasks.contrastive.genes import rows as gene_rows

TYPES = ('orthologue', 'splice', 'self')
_STREAMS = {'shuffle': 31, 'flip': 32, 'shift': 33}
_TYPE, _PARTNER, _MATCHED = 34, 35, 36
_NEAREST = 8  # genes of other families that a matched negative is drawn from


@dataclasses.dataclass(frozen=True)
class PairWeights:
    """Shares of the pair types, in any unit; where a gene lacks one, the others have its share."""

    orthologue: float = 1.0  # with a gene of the same family and another species
    splice: float = 0.5  # with another transcript of the gene
    self: float = 0.0  # with itself: both rows cropped and changed by `augment`

    def __post_init__(self):
        weights = dataclasses.astuple(self)
        if not np.isfinite(weights).all() or min(weights) < 0 or not sum(weights):
            raise ValueError(f'{self} must be finite and not negative, and not all 0')


class PairSampler:
    """Pairs of training genes.

    Args:
        rows: the training rows of `genes`.
        shares: species name -> share of the pairs.
        length: bases that a row is cropped to; matched negatives are alike after the crop.

    Attributes:
        anchors: rows that can be the first one of a pair.
        species: numbers of the species whose genes begin pairs.
        left_out: species with a share of which no gene can begin a pair.
    """

    def __init__(
        self,
        genes: gene_rows.Genes,
        rows: np.ndarray,
        shares: Mapping[str, float],
        weights: PairWeights,
        length: int,
        seed: int,
    ):
        self.genes, self.rows, self.seed = genes, rows, seed
        share_S = np.array([shares.get(name, 0.0) for name in genes.species])
        self._members = {
            int(family): rows[genes.family_N[rows] == family]
            for family in np.unique(genes.family_N[rows])
        }
        self._weight_N = self._row_weights(share_S)
        self._shares_NC = self._type_shares(weights)
        self.anchors = rows[self._shares_NC[rows].sum(1) > 0]
        begins_S = np.bincount(genes.species_N[self.anchors], minlength=len(share_S)) > 0
        self.left_out = [genes.species[s] for s in np.flatnonzero((share_S > 0) & ~begins_S)]
        self.species = np.flatnonzero((share_S > 0) & begins_S)
        self._quota = self._table = np.zeros(0, np.int64)
        if len(self.species):
            used = {genes.species[s]: share_S[s] for s in self.species}
            self._quota = species_weights.quotas(used)
            self._table = species_weights.interleave(self._quota)
        self._earlier = mixture.earlier_draws(self._table, len(self.species))
        self._anchors = [self.anchors[genes.species_N[self.anchors] == s] for s in self.species]
        self._order = base.RowOrder(seed, **_STREAMS)
        self._near = _Neighbours(genes, rows, length)

    def expected_types(self) -> dict[str, float]:
        """Share of each pair type among the pairs."""
        part = self._quota / self._quota.sum()
        means = [self._shares_NC[anchors].mean(0) for anchors in self._anchors]
        total = sum(share * mean for share, mean in zip(part, means, strict=True))
        return dict(zip(TYPES, np.asarray(total).tolist(), strict=True))

    def draw(self, number: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Both rows of each pair, and the number of its type in `TYPES`, int64."""
        tables, slot = np.divmod(np.asarray(number, np.int64), len(self._table))
        member = self._table[slot]
        nth = tables * self._quota[member] + self._earlier[slot]
        size = np.array([len(anchors) for anchors in self._anchors])[member]
        position = self._order.rows(nth, size, self.species[member])
        first = np.array(
            [self._anchors[s][p] for s, p in zip(member.tolist(), position.tolist(), strict=True)],
            np.int64,
        )
        edges_C = np.cumsum(self._shares_NC[first], axis=1)
        kind = (counter_random.uniform(self.seed, _TYPE, number)[:, None] >= edges_C[:, :-1]).sum(1)
        pick = counter_random.uniform(self.seed, _PARTNER, number)
        second = [
            self._partner(row, TYPES[which], u)
            for row, which, u in zip(first.tolist(), kind.tolist(), pick.tolist(), strict=True)
        ]
        return first, np.array(second, np.int64), kind

    def matched(self, number: np.ndarray, anchors: np.ndarray) -> np.ndarray:
        """Rows of other families that are like the anchors in GC and length, int64.

        Args:
            number: of each negative in the run.
        """
        pick = counter_random.randint(_NEAREST, self.seed, _MATCHED, number)
        return np.array(
            [
                self._near.find(anchor, which)
                for anchor, which in zip(anchors.tolist(), pick.tolist(), strict=True)
            ],
            np.int64,
        )

    def _row_weights(self, share_S: np.ndarray) -> np.ndarray:
        """Weight of each row as the second one of a pair: its species', over its paralogues."""
        genes = self.genes
        weight_N = np.zeros(len(genes))
        for members in self._members.values():
            species = genes.species_N[members]
            count = np.bincount(species, minlength=len(share_S))
            weight_N[members] = share_S[species] / count[species]
        return weight_N

    def _type_shares(self, weights: PairWeights) -> np.ndarray:
        """Share of each type in the pairs that a row begins, [N, types]; 0 for rows that cannot."""
        genes, rows = self.genes, self.rows
        shares_NC = np.zeros((len(genes), len(TYPES)))
        transcripts = np.bincount(genes.gene_N[rows], minlength=int(genes.gene_N.max()) + 1)
        for members in self._members.values():
            species, weight = genes.species_N[members], self._weight_N[members]
            others = weight.sum() - np.bincount(species, weight)[species]
            shares_NC[members, 0] = weights.orthologue * (others > 1e-12)
        shares_NC[rows, 1] = weights.splice * (transcripts[genes.gene_N[rows]] > 1)
        shares_NC[rows, 2] = weights.self
        total_N = shares_NC.sum(1, keepdims=True)
        return shares_NC / np.where(total_N > 0, total_N, 1)

    def _partner(self, row: int, kind: str, u: float) -> int:
        genes = self.genes
        if kind == 'self':
            return row
        members = self._members[int(genes.family_N[row])]
        if kind == 'splice':
            others = members[(genes.gene_N[members] == genes.gene_N[row]) & (members != row)]
            return int(others[int(u * len(others))])
        others = members[genes.species_N[members] != genes.species_N[row]]
        edges = np.cumsum(self._weight_N[others])
        at = np.searchsorted(edges, u * edges[-1], side='right')
        return int(others[min(at, len(others) - 1)])


class _Neighbours:
    """Training rows by GC and bases after the crop, both in standard deviations."""

    def __init__(self, genes: gene_rows.Genes, rows: np.ndarray, length: int):
        self.genes, self.rows = genes, rows
        self._points = np.stack(
            [gc_shares(genes), np.log(np.minimum(genes.lengths, length))], axis=1
        )
        deviation = self._points[rows].std(0)
        self._points = self._points / np.where(deviation > 0, deviation, 1)
        self._tree = spatial.cKDTree(self._points[rows])
        # The nearest rows are mostly of the own family: as many as a family has are passed over.
        largest = int(np.bincount(genes.family_N[rows]).max())
        self._count = min(len(rows), largest + _NEAREST)

    def find(self, row: int, which: int) -> int:
        """The `which`-th nearest row of another family, or the last one that there is."""
        _, near = self._tree.query(self._points[row], k=np.arange(1, self._count + 1))
        near = self.rows[near]
        near = near[self.genes.family_N[near] != self.genes.family_N[row]]
        return int(near[min(which, len(near) - 1)])


def gc_shares(genes: gene_rows.Genes) -> np.ndarray:
    """Share of G and C among the known bases of each row, [N]; 0.5 where none is known."""
    shares = []
    for codes in genes.sequences:
        known = int((codes < 4).sum())
        shares.append(float(((codes == 1) | (codes == 2)).sum() / known) if known else 0.5)
    return np.array(shares)
