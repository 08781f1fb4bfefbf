"""Markov models of DNA as baselines of a language model, in bits per base.

`fit` counts the bases that follow every context of up to `order` bases in training windows, and
smooths each order with the one below it:

    p_j(base | context) = (count(context, base) + a_j * p_{j-1}(base | shorter context))
                          / (count(context) + a_j)

with p_{-1} = 1/4 (interpolation with a Dirichlet prior; MacKay & Peto 1995). Every strength a_j is
the one with the fewest bits per base on training windows left out of the fit, in contiguous folds
because neighbouring windows may overlap. With few data a_j grows, and order 5 falls back to order 4
instead of overfitting.

Order 0 is the base composition. Order k reads up to k bases to the left on the stored strand: those
up to the nearest one that is hidden from the language model, which no baseline reads either. The
two-sided model has the same counts and reads the bases on both sides of a hidden one, as a masked
language model does:

    p(base | left, right) ~ p(base | left) p(base | right) / p(base)

that is, left and right are taken as independent given the base. All are scored on the same bases,
those of `mask_BL`.
"""

import dataclasses
import itertools

import numpy as np

from genojax import dna, metrics

BASELINES = ('order0', 'order5', 'two_sided')
_FOLDS = 5
_BLOCK_BASES = 4_000_000  # bases indexed at a time
STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 1e5)


@dataclasses.dataclass(frozen=True)
class MarkovModel:
    """A fitted model.

    Attributes:
        order: longest context in bases.
        probabilities: for each order j [4**j, 4]; a row's number is its context in base 4, first
            base most significant.
        strengths: a_j, in bases.
        bases: training bases counted; those in two windows count twice.
    """

    order: int
    probabilities: tuple[np.ndarray, ...]
    strengths: tuple[float, ...]
    bases: int


def fit(
    codes_BL: np.ndarray,
    valid_B: np.ndarray | None = None,
    *,
    order: int = 5,
    strengths: tuple[float, ...] = STRENGTHS,
) -> MarkovModel:
    """A model of one species from its training windows.

    Args:
        codes_BL: base codes; unknown bases and padding are 4 and belong to no context.
        valid_B: number of real bases per window; None if every base is real.

    Raises:
        ValueError: no known base to count, or a base code above 4.
    """
    if order < 0 or not strengths or min(strengths) <= 0:
        raise ValueError(f'{order=} must be >= 0 and {strengths=} positive')
    counts = _counts(_padded(codes_BL, valid_B), order)
    if not counts[0].sum():
        raise ValueError('the training windows hold no known base')
    probabilities, chosen = [], []
    below_C4 = np.full((1, 4), 0.25)
    below_GC4 = np.full((_FOLDS, 1, 4), 0.25)  # the order below, fitted without fold G
    for counts_GC4 in counts:
        strength, left_out_GC4 = _best_strength(counts_GC4, below_GC4, strengths)
        chosen.append(strength)
        probabilities.append(_smooth(counts_GC4.sum(0), below_C4, strength))
        # A context one base longer ends in this one: its index modulo 4**j.
        below_C4 = np.tile(probabilities[-1], (4, 1))
        below_GC4 = np.tile(left_out_GC4, (1, 4, 1))
    bases = int(counts[0].sum())
    return MarkovModel(order, tuple(probabilities), tuple(chosen), bases)


def _best_strength(counts_GC4, below_GC4, strengths) -> tuple[float, np.ndarray]:
    """The strength with the fewest bits in the folds left out, and its probabilities [G, C, 4]."""
    rest_GC4 = counts_GC4.sum(0) - counts_GC4
    best = None
    for strength in strengths:
        left_out_GC4 = _smooth(rest_GC4, below_GC4, strength)
        loss = -(counts_GC4 * np.log2(left_out_GC4)).sum()
        if best is None or loss < best[0]:
            best = loss, strength, left_out_GC4
    return best[1:]


def bits(
    model: MarkovModel,
    codes_BL: np.ndarray,
    mask_BL: np.ndarray,
    visible_BL: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Per window: the sum of -log2 p over the bases in `mask_BL`, and the number of these bases.

    A base with fewer than `order` known bases to its left in the window is scored with those there
    are.

    Args:
        visible_BL: bases that may be read as context; None for all known ones.

    Raises:
        ValueError: the shapes differ, or `mask_BL` selects an unknown base or padding.
    """
    codes_BL, mask_BL = _checked(codes_BL, mask_BL)
    read_BL = _visible(codes_BL, visible_BL)
    return _sums(_log2_probabilities(model, read_BL), codes_BL, mask_BL)


def two_sided_bits(
    forward: MarkovModel,
    backward: MarkovModel,
    codes_BL: np.ndarray,
    mask_BL: np.ndarray,
    visible_BL: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """As `bits`, of the model that reads both sides of a base.

    Args:
        backward: fitted to the windows read from their ends.
    """
    codes_BL, mask_BL = _checked(codes_BL, mask_BL)
    read_BL = _visible(codes_BL, visible_BL)
    left_BL4 = _log2_probabilities(forward, read_BL)
    right_BL4 = _log2_probabilities(backward, read_BL[:, ::-1])[:, ::-1]
    joint_BL4 = left_BL4 + right_BL4 - np.log2(forward.probabilities[0][0])
    joint_BL4 -= np.log2(np.exp2(joint_BL4).sum(-1, keepdims=True))
    return _sums(joint_BL4, codes_BL, mask_BL)


def _checked(codes_BL: np.ndarray, mask_BL: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    codes_BL, mask_BL = np.asarray(codes_BL, np.uint8), np.asarray(mask_BL)
    if mask_BL.dtype != bool or mask_BL.shape != codes_BL.shape or codes_BL.ndim != 2:
        raise ValueError(f'mask {mask_BL.dtype}{mask_BL.shape} does not fit {codes_BL.shape=}')
    unknown = int((mask_BL & (codes_BL >= dna.UNKNOWN)).sum())
    if unknown:
        raise ValueError(f'{unknown} of the {int(mask_BL.sum())} bases to score are unknown')
    return codes_BL, mask_BL


def _visible(codes_BL: np.ndarray, visible_BL: np.ndarray | None) -> np.ndarray:
    if visible_BL is None:
        return codes_BL
    return np.where(visible_BL, codes_BL, np.uint8(dna.UNKNOWN))


def _log2_probabilities(model: MarkovModel, codes_BL: np.ndarray) -> np.ndarray:
    """log2 p of each base at every position given the known bases to its left, [B, L, 4]."""
    result_BL4 = np.tile(np.log2(model.probabilities[0][0]), (*codes_BL.shape, 1))
    for context in range(1, min(model.order, codes_BL.shape[1] - 1) + 1):
        index_BL = dna.kmer_indices(codes_BL, context)[:, :-1]
        known_BL = index_BL >= 0
        # Longer contexts overwrite shorter ones wherever all their bases are known.
        result_BL4[:, context:][known_BL] = np.log2(model.probabilities[context])[
            index_BL[known_BL]
        ]
    return result_BL4


def _sums(log2_p_BL4, codes_BL, mask_BL) -> tuple[np.ndarray, np.ndarray]:
    index_BL1 = np.minimum(codes_BL, 3).astype(np.int64)[..., None]
    cost_BL = -np.take_along_axis(log2_p_BL4, index_BL1, axis=-1)[..., 0]
    return (cost_BL * mask_BL).sum(1), mask_BL.sum(1)


@dataclasses.dataclass(frozen=True)
class Baselines:
    """The fitted models of one species, scored together."""

    order0: MarkovModel
    order5: MarkovModel
    backward: MarkovModel  # order 5, of the windows read from their ends

    def bits(self, codes_BL: np.ndarray, hidden_BL: np.ndarray) -> dict[str, np.ndarray]:
        """Bits of the hidden bases of each window, by the names of `BASELINES`; none is read."""
        rows = codes_BL, hidden_BL, ~hidden_BL
        return {
            'order0': bits(self.order0, *rows)[0],
            'order5': bits(self.order5, *rows)[0],
            'two_sided': two_sided_bits(self.order5, self.backward, *rows)[0],
        }


def fit_all(codes_BL: np.ndarray) -> Baselines:
    """All baselines of some training windows."""
    return Baselines(
        fit(codes_BL, order=0), fit(codes_BL, order=5), fit(codes_BL[:, ::-1], order=5)
    )


def interval(bits_B: np.ndarray, bases_B: np.ndarray, n: int = 1000, seed: int = 0, **options):
    """Bits per base with its bootstrap interval over windows, from the results of `bits`."""
    return metrics.ratio_interval(bits_B, bases_B, n, seed, **options)


def _smooth(counts: np.ndarray, below: np.ndarray, strength: float) -> np.ndarray:
    return (counts + strength * below) / (counts.sum(-1, keepdims=True) + strength)


def _padded(codes_BL: np.ndarray, valid_B: np.ndarray | None) -> np.ndarray:
    codes_BL = np.asarray(codes_BL, np.uint8)
    if codes_BL.ndim != 2:
        raise ValueError(f'windows must be [B, L], not {codes_BL.shape}')
    if codes_BL.size and codes_BL.max() > dna.UNKNOWN:
        raise ValueError(f'{int(codes_BL.max())} is not a base code')
    if valid_B is None:
        return codes_BL
    real_BL = np.arange(codes_BL.shape[1]) < np.asarray(valid_B)[:, None]
    return np.where(real_BL, codes_BL, np.uint8(dna.UNKNOWN))


def _counts(codes_BL: np.ndarray, order: int) -> list[np.ndarray]:
    """For each order j the counts [G, 4**j, 4] of base after context, by contiguous fold."""
    windows, length = codes_BL.shape
    counts = [np.zeros((_FOLDS, 4 ** (j + 1)), np.int64) for j in range(order + 1)]
    rows = max(1, _BLOCK_BASES // max(length, 1))
    for fold, (first, last) in enumerate(_contiguous(windows)):
        for start in range(first, last, rows):
            block = codes_BL[start : min(start + rows, last)]
            for j, total in enumerate(counts):
                index = dna.kmer_indices(block, j + 1)
                total[fold] += np.bincount(index[index >= 0], minlength=4 ** (j + 1))
    return [total.reshape(_FOLDS, -1, 4) for total in counts]


def _contiguous(windows: int) -> list[tuple[int, int]]:
    edges = np.linspace(0, windows, _FOLDS + 1).astype(int)
    return list(itertools.pairwise(edges.tolist()))
