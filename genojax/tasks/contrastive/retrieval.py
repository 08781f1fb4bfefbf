"""Ranks of orthologues among the genes of another species, and their scores.

An item is a query gene and another species that has genes of its family: all genes of that species
are ranked by similarity to the query. Recall at k is 1 if a gene of the family is among the first k
and else 0; average precision is the mean, over the genes of the family, of the share of the family
among the genes down to each (with one orthologue, 1 / its rank). Ties are broken by a fixed random
order, the same for all models.
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from genojax.data import counter_random

KS = (1, 10)
_TIES = 51  # number of a stream of random bits
# similarity(query rows, candidate rows) -> [Q, N], larger for nearer ones
Similarity = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Items:
    """Queries against species; all arrays have one entry per item.

    Attributes:
        query: row of the query gene.
        species: the species whose genes are ranked.
        candidates: how many there are.
        relevant: how many of them are of the query's family.
    """

    query: np.ndarray
    species: np.ndarray
    candidates: np.ndarray
    relevant: np.ndarray

    def __len__(self) -> int:
        return len(self.query)


@dataclasses.dataclass(frozen=True, eq=False)
class Ranks:
    """Scores of every item: recall at each of `KS` [items, 2] and average precision [items]."""

    recall: np.ndarray
    precision: np.ndarray


class Retrieval:
    """The items of some query rows among some candidate rows.

    Args:
        family_N, species_N: of all rows.
        queries, candidates: row numbers.
        seed: of the order in which ties are broken.
    """

    def __init__(self, family_N, species_N, queries, candidates, seed: int = 0):
        self.family_N, self.species_N = family_N, species_N
        order = np.argsort(counter_random.random_bits(seed, _TIES, candidates), kind='stable')
        candidates = np.asarray(candidates)[order]
        self._queries = {int(s): queries[species_N[queries] == s] for s in _all(species_N, queries)}
        self._candidates = {
            int(s): candidates[species_N[candidates] == s] for s in _all(species_N, candidates)
        }
        parts = [
            (rows[held], np.full(held.sum(), s), np.full(held.sum(), len(others)), counts[held])
            for rows, blocks in self._blocks()
            for s, others, counts, held in blocks
        ]
        empty = (np.zeros(0, np.int64),) * 4
        self.items = Items(*(np.concatenate(side) for side in zip(empty, *parts, strict=True)))

    def _blocks(self):
        """Per query species its rows, and per other species: number, candidates, how many of them
        are of each row's family, and which rows have any."""
        for own, rows in self._queries.items():
            blocks = []
            for s, others in self._candidates.items():
                counts = (self.family_N[rows][:, None] == self.family_N[others][None]).sum(1)
                if s != own and counts.any():
                    blocks.append((s, others, counts, counts > 0))
            yield rows, blocks

    def rank(self, similarity: Similarity) -> Ranks:
        """The scores of all items under a similarity of rows."""
        recall, precision = [np.zeros((0, len(KS)))], [np.zeros(0)]
        for rows, blocks in self._blocks():
            every = np.concatenate([others for _, others, _, _ in blocks] or [rows[:0]])
            s_QN, first = similarity(rows, every), 0
            for _, others, _, held in blocks:
                s_QM = s_QN[held, first : first + len(others)]
                first += len(others)
                order_QM = np.argsort(-s_QM, axis=1, kind='stable')
                match_QM = self.family_N[others][order_QM] == self.family_N[rows[held]][:, None]
                recall.append(np.stack([match_QM[:, :k].any(1) for k in KS], axis=1).astype(float))
                share_QM = np.cumsum(match_QM, axis=1) / np.arange(1, len(others) + 1)[None]
                precision.append((share_QM * match_QM).sum(1) / match_QM.sum(1))
        return Ranks(np.concatenate(recall), np.concatenate(precision))

    def by_chance(self) -> Ranks:
        """What a random order scores on average."""
        n, m = self.items.candidates.astype(float), self.items.relevant.astype(float)
        recall = []
        for k in KS:
            missed = np.ones(len(n))
            for i in range(k):  # the first k are all of other families
                missed *= np.clip(n - m - i, 0, None) / np.maximum(n - i, 1)
            recall.append(1 - missed)
        harmonic = np.array([np.sum(1 / np.arange(1, size + 1)) for size in n])
        pairs = (m - 1) / np.maximum(n - 1, 1)
        return Ranks(np.stack(recall, axis=1), (pairs * (n - harmonic) + harmonic) / n)


def _all(number_N: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.unique(number_N[rows])


def cosine(vectors_ND: np.ndarray, centre_D: np.ndarray | None = None) -> Similarity:
    """The cosine of vectors of all rows, about a centre if there is one."""
    x_ND = vectors_ND if centre_D is None else vectors_ND - centre_D[None]
    norm_N1 = np.linalg.norm(x_ND, axis=1, keepdims=True)
    x_ND = x_ND / np.maximum(norm_N1, 1e-30)
    return lambda queries, candidates: x_ND[queries] @ x_ND[candidates].T
