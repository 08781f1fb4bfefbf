"""Attention between splice sites, by layer and head, and attention rollout.

The statistic: how often the attention from a donor to the acceptor of its intron (or back) is above
that of the GT..AG pairs of the same gene that are no introns, the AUROC within the gene, averaged
over introns. The best head is chosen on training genes and scored on test genes, beside a score of
the intron's length alone. GT and AG are in every pair, so a head that finds dinucleotides scores
0.5. SpliceBERT (Chen et al. 2024, Briefings in Bioinformatics 25:bbae163) compares with random
pairs and chooses heads on the same introns, which is easier.

Rollout: Abnar and Zuidema 2020 (arXiv 2005.00928), section 3: heads are averaged, half of each
layer is its residual, and layers are multiplied.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import stats

from genojax import errors, metrics
from genojax.inference.model import Model
from genojax.interpret import splice_sites

Advance = Callable[[int], None]
_AT_ONCE = 16  # windows whose attention weights are in memory
DIRECTIONS = ('donor to acceptor', 'acceptor to donor')


def rollout(maps_NHTT: np.ndarray) -> np.ndarray:
    """How much of each token's last vector comes from each token, float32 [T, T].

    Args:
        maps_NHTT: attention weights [layers, heads, T, T]; every row adds up to 1, as the result's.
    """
    size = maps_NHTT.shape[-1]
    total_TT = np.eye(size)
    for layer_HTT in maps_NHTT:
        mixed_TT = (layer_HTT.mean(0, dtype=np.float64) + np.eye(size)) / 2
        total_TT = mixed_TT @ total_TT
    return total_TT.astype(np.float32)


def token_spans(model: Model, codes_L: np.ndarray) -> np.ndarray:
    """Bases of each token of a sequence, int32 [T, 2]; (-1, -1) for special tokens."""
    return model.reader.row(codes_L).spans_T2


def between_sites(
    maps_XTT: np.ndarray, spans_T2: np.ndarray, first_N: np.ndarray, second_N: np.ndarray
) -> np.ndarray:
    """Attention from dinucleotides to dinucleotides: [..., N, N'].

    The tokens that share a base with the first one attend; their mean attention to all tokens that
    share a base with the second one, summed.

    Args:
        maps_XTT: attention weights [..., T, T].
        first_N, second_N: first base of each dinucleotide.
    """
    from_NT, to_NT = (_overlaps(spans_T2, x) for x in (first_N, second_N))
    from_NT = from_NT / np.maximum(from_NT.sum(1, keepdims=True), 1)
    return from_NT @ maps_XTT @ to_NT.T


def _overlaps(spans_T2: np.ndarray, first_N: np.ndarray) -> np.ndarray:
    start_T, end_T = spans_T2[:, 0], spans_T2[:, 1]
    first_N1 = first_N[:, None]
    return ((start_T < first_N1 + 2) & (first_N1 < end_T) & (start_T >= 0)).astype(np.float32)


@dataclasses.dataclass(frozen=True, eq=False)
class SpliceAttention:
    """The statistic of every head.

    Attributes:
        layers, heads: of the model.
        training, test: AUROC of each head within genes, [layers, heads, 2]; the last axis is
            `DIRECTIONS`.
        chosen: (layer, head, direction) of the best head on training genes.
        chosen_test, rollout_test, length_test: the chosen head, rollout donor to acceptor, and the
            intron's length alone, on test genes, with 95 % intervals over genes.
        introns, decoys: [training, test].
        training_genes: on which the head was chosen.
        test_genes: how many the intervals are over.
        same_donor_test, same_acceptor_test: the chosen head on test genes against those decoys
            alone that have the intron's donor and another AG, or its acceptor and another GT. A
            head that attends to acceptors from everywhere has 0.5 in the second.
        direction: by which heads were chosen, None: by the better one of each head.
    """

    layers: int
    heads: int
    training: np.ndarray
    test: np.ndarray
    chosen: tuple[int, int, int]
    chosen_test: metrics.Estimate
    rollout_test: metrics.Estimate
    length_test: metrics.Estimate
    introns: tuple[int, int]
    decoys: tuple[int, int]
    training_genes: tuple[str, ...]
    test_genes: int
    same_donor_test: metrics.Estimate
    same_acceptor_test: metrics.Estimate
    direction: str | None = None

    def best_heads(self, count: int) -> tuple[tuple[int, int], ...]:
        """(layer, head) of the best heads on training genes, best first."""
        best = self.training[..., _directions(self.direction)].max(-1)
        order = np.argsort(-best, axis=None, kind='stable')[:count]
        return tuple(divmod(number, self.heads) for number in order.tolist())


def splice_attention(
    model: Model,
    windows: Sequence[splice_sites.GeneWindow],
    *,
    seed: int = 0,
    shortest: int = 30,
    direction: str | None = None,
    advance: Advance = lambda count: None,
) -> SpliceAttention:
    """Scores every head of a model by the attention between the sites of introns.

    Args:
        windows: of `splice_sites.windows`; half of their genes, drawn by `seed`, are test genes.
        shortest: bases of the shortest decoy.
        direction: one of `DIRECTIONS`, by which alone heads are chosen; None: by the better one.
        advance: called with the number of windows that are done.

    Raises:
        UsageError: fewer than four genes have an intron and a decoy.
        ValueError: `direction` is not one of `DIRECTIONS`.
    """
    directions = _directions(direction)
    rows = list(_window_rows(model, windows, shortest, advance))
    genes = sorted({row.gene for row in rows})
    if len(genes) < 4:
        raise errors.UsageError(
            f'{len(genes)} genes have an intron and a decoy that the model can read whole; '
            'at least 4 are needed. Fix: more sequence, or a larger --window'
        )
    order = np.random.default_rng(seed).permutation(genes)
    test_genes = set(order[: len(genes) // 2].tolist())
    split = [[r for r in rows if (r.gene in test_genes) == is_test] for is_test in (False, True)]
    training, test = (np.sum([r.above for r in part], 0) / _introns(part) for part in split)
    *head, number = np.unravel_index(
        int(training[..., directions].argmax()), (*training.shape[:2], len(directions))
    )
    chosen = (*head, directions[number])
    lengths = np.concatenate([r.pairs.length_N[r.pairs.label_N] for r in split[0]])
    typical = float(np.median(np.log(lengths)))
    return SpliceAttention(
        *training.shape[:2],
        training=training,
        test=test,
        chosen=tuple(int(number) for number in chosen),
        chosen_test=_interval(split[1], [r.above[chosen] for r in split[1]]),
        rollout_test=_interval(split[1], [r.rollout_above for r in split[1]]),
        length_test=_interval(split[1], [_length_above(r, typical) for r in split[1]]),
        introns=(_introns(split[0]), _introns(split[1])),
        decoys=tuple(sum(int((~r.pairs.label_N).sum()) for r in part) for part in split),
        training_genes=tuple(gene for gene in genes if gene not in test_genes),
        test_genes=len(test_genes),
        same_donor_test=_against(split[1], 0, chosen),
        same_acceptor_test=_against(split[1], 1, chosen),
        direction=direction,
    )


def _directions(name: str | None) -> list[int]:
    return [0, 1] if name is None else [DIRECTIONS.index(name)]


@dataclasses.dataclass(frozen=True, eq=False)
class _WindowRow:
    """One window: its pairs, and the introns' shares of decoys below them, summed over introns.

    `same_above` are those of decoys with the intron's donor, and with its acceptor, over the
    `same_introns` that have such decoys.
    """

    gene: str
    pairs: splice_sites.SplicePairs
    above: np.ndarray
    rollout_above: float
    same_above: tuple[np.ndarray, np.ndarray]
    same_introns: tuple[int, int]


def _window_rows(model: Model, windows, shortest: int, advance) -> Iterator[_WindowRow]:
    for window, pairs, maps_NHTT in _with_maps(model, windows, shortest, advance):
        spans_T2 = token_spans(model, window.codes_L)
        donors, at_donor = np.unique(pairs.donor_N, return_inverse=True)
        acceptors, at_acceptor = np.unique(pairs.acceptor_N, return_inverse=True)
        forward = between_sites(maps_NHTT, spans_T2, donors, acceptors)
        back = between_sites(maps_NHTT, spans_T2, acceptors, donors)
        scores = np.stack(
            [forward[..., at_donor, at_acceptor], back[..., at_acceptor, at_donor]], axis=2
        )
        rolled = between_sites(rollout(maps_NHTT), spans_T2, donors, acceptors)
        yield _WindowRow(
            window.gene,
            pairs,
            share_below(scores, pairs.label_N),
            float(share_below(rolled[at_donor, at_acceptor], pairs.label_N)),
            *_with_one_site(scores, pairs),
        )


def _with_maps(model: Model, windows, shortest: int, advance):
    """Windows with introns and decoys, their pairs, and their attention weights."""
    for first in range(0, len(windows), _AT_ONCE):
        chosen = windows[first : first + _AT_ONCE]
        every = [(window, splice_sites.pairs(window, shortest)) for window in chosen]
        both = [one for one in every if one[1].label_N.any() and not one[1].label_N.all()]
        advance(len(chosen))
        maps = model.attention([window.codes_L for window, _ in both]) if both else []
        for (window, pairs), maps_NHTT in zip(both, maps, strict=True):
            yield window, pairs, maps_NHTT


def _with_one_site(scores_XN: np.ndarray, pairs: splice_sites.SplicePairs):
    """`same_above` and `same_introns` of a window."""
    sums, counts = [], []
    for place_N in (pairs.donor_N, pairs.acceptor_N):
        total, count = np.zeros(scores_XN.shape[:-1]), 0
        for intron in np.flatnonzero(pairs.label_N).tolist():
            decoys_N = (place_N == place_N[intron]) & ~pairs.label_N
            if decoys_N.any():
                chosen_N = decoys_N.copy()
                chosen_N[intron] = True
                total += share_below(scores_XN[..., chosen_N], pairs.label_N[chosen_N])
                count += 1
        sums.append(total)
        counts.append(count)
    return tuple(sums), tuple(counts)


def _against(rows: Sequence[_WindowRow], site: int, chosen: tuple) -> metrics.Estimate:
    """A head against the decoys of `same_above[site]`; NaN if there are none."""
    rows = [row for row in rows if row.same_introns[site]]
    if not rows:
        return metrics.Estimate(np.nan, np.nan, np.nan)
    return metrics.ratio_interval(
        np.array([row.same_above[site][chosen] for row in rows]),
        np.array([row.same_introns[site] for row in rows]),
        clusters=np.unique([row.gene for row in rows], return_inverse=True)[1],
    )


def share_below(scores_XN: np.ndarray, label_N: np.ndarray) -> np.ndarray:
    """For each positive the share of negatives below it (a tie counts one half), summed: [...].

    That is the AUROC times the number of positives.
    """
    positives = int(label_N.sum())
    ranks_XN = stats.rankdata(scores_XN, axis=-1)
    above = ranks_XN[..., label_N].sum(-1) - positives * (positives + 1) / 2
    return np.asarray(above / (len(label_N) - positives))


def _introns(rows: Sequence[_WindowRow]) -> int:
    return sum(int(row.pairs.label_N.sum()) for row in rows)


def _length_above(row: _WindowRow, typical: float) -> float:
    """The same of a score of length alone: nearness to the typical length of training introns."""
    scores_N = -np.abs(np.log(row.pairs.length_N) - typical)
    return float(share_below(scores_N, row.pairs.label_N))


def _interval(rows: Sequence[_WindowRow], above: Sequence[float]) -> metrics.Estimate:
    introns = [int(row.pairs.label_N.sum()) for row in rows]
    genes = np.unique([row.gene for row in rows], return_inverse=True)[1]
    return metrics.ratio_interval(np.array(above), np.array(introns), clusters=genes)
