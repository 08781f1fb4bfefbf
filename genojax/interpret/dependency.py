"""Nucleotide dependency maps of a masked language model: which base depends on which.

da Silva et al. 2025 (Nature Genetics, "Nucleotide dependency analysis of genomic language models"):
e(i, j) is the largest |change| of the log2 odds of any base at j, hidden, over the substitutions of
base i. Base i is visible. `coupling` is the categorical Jacobian of Zhang et al. 2024 (PNAS,
"Protein language models learn evolutionary statistics of interacting sequence motifs") from the
same changes: centred over the bases at i and at j, Frobenius norm, symmetric, and with the average
product correction of Dunn et al. 2008 (Bioinformatics 24:333), without which rows of important
bases dominate.

Cost: every substitution of L bases and every hidden unit, 3 L (L - 1) masked rows; `groups=n` hides
every n-th base together, about 3 L n rows, and is another conditional where hidden bases depend on
each other. Overlapping k-mers: hiding j masks the k tokens that cover it. Tokens side by side: the
token of j is masked, and a base's odds are those given the other bases of its token.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from genojax import dna, errors
from genojax.inference import batching, likelihood
from genojax.inference.model import Model
from genojax.interpret import base_probabilities

Advance = Callable[[int], None]
MAX_BASES = 2048  # the changes take 64 L^2 bytes


@dataclasses.dataclass(frozen=True, eq=False)
class DependencyMap:
    """Dependencies of one sequence.

    Attributes:
        codes_L: base codes, uint8.
        effect_LL: float32, e(i, j): substitution at i, prediction at j, in bits; NaN on the
            diagonal and for bases that are N or cannot be scored.
        coupling_LL: float32, symmetric, centred and corrected; NaN in the same places.
    """

    codes_L: np.ndarray
    effect_LL: np.ndarray
    coupling_LL: np.ndarray


def dependency_map(
    model: Model,
    codes_L: np.ndarray,
    groups: int | None = None,
    advance: Advance = lambda count: None,
) -> DependencyMap:
    """The dependencies between all bases of one sequence.

    Args:
        codes_L: base codes that the model can read whole.
        groups: n hides every n-th base (or token) together; None hides one at a time.
        advance: called with the number of masked rows that are done.

    Raises:
        UsageError: more than `MAX_BASES` bases, or see `base_probabilities.BaseReader`.
    """
    if len(codes_L) > MAX_BASES:
        raise errors.UsageError(
            f'{len(codes_L):,} bases: a dependency map has at most {MAX_BASES:,}. '
            f'Fix: --window={MAX_BASES} cuts them, or name shorter intervals (--bed)'
        )
    reader = base_probabilities.BaseReader(model)
    return from_odds(_log_odds(reader, model, codes_L, groups, advance), codes_L)


def from_odds(odds_LALC: np.ndarray, codes_L: np.ndarray) -> DependencyMap:
    """The map of any conditional probabilities.

    Args:
        odds_LALC: float32 [L, 4, L, 4]: log2 odds of base c at j with base a at i, by i, a, j, c;
            NaN where they are not known. What it has where i is j is not read.
        codes_L: base codes of the sequence itself.
    """
    changes_LALC = _changes(odds_LALC, codes_L)
    with np.errstate(invalid='ignore'):
        effect_LL = np.abs(changes_LALC).max((1, 3))
    return DependencyMap(codes_L, effect_LL, coupling(changes_LALC))


def count(model: Model, codes_L: np.ndarray, groups: int | None = None) -> int:
    """Masked rows that `dependency_map` computes."""
    return sum(1 for _ in _jobs(model.reader.row(codes_L), model.tokenizer, codes_L, groups))


# A job is (base, code, part): the base is substituted and the part of the units is hidden.
# Base -1: the sequence itself.
_Job = tuple[int, int, np.ndarray]


def _jobs(row: batching.TokenRow, tokenizer, codes_L, groups: int | None) -> Iterator[_Job]:
    """All masked rows of a map.

    A substituted base must be visible: its unit is left out of the part that it belongs to, and
    the rows of the smaller part, the sequence's own included, are additional. In tokens side by
    side the other bases of its token are visible only to the look-up of the token, so its own token
    is hidden by itself.
    """
    numbers = likelihood.units(row, tokenizer)
    parts = likelihood.parts_of(numbers, groups)
    for part in parts:
        yield -1, -1, part
    for base in np.flatnonzero(codes_L != dna.UNKNOWN).tolist():
        own = _unit_of(row, base, tokenizer)
        others = [code for code in range(4) if code != codes_L[base]]
        for part in parts:
            if own not in part:
                yield from ((base, code, part) for code in others)
                continue
            rest = part[part != own]
            if len(rest):
                yield from ((base, code, rest) for code in range(4))
            if not tokenizer.overlapping:
                yield from ((base, code, np.array([own])) for code in range(4))


def _unit_of(row: batching.TokenRow, base: int, tokenizer) -> int:
    if tokenizer.overlapping:
        return base
    return int(np.flatnonzero((row.spans_T2[:, 0] <= base) & (base < row.spans_T2[:, 1]))[0])


def _log_odds(reader, model: Model, codes_L, groups, advance: Advance) -> np.ndarray:
    """log2 odds of base c at j with base a at i, float32 [L, 4, L, 4]; NaN where not computed."""
    tokenizer, size = model.tokenizer, len(codes_L)
    odds_LALC = np.full((size, 4, size, 4), np.nan, np.float32)
    own = np.minimum(codes_L, 3)
    jobs: list[_Job] = []

    def rows():
        row = model.reader.row(codes_L)
        for base, code, part in _jobs(row, tokenizer, codes_L, groups):
            mutant = row
            if base >= 0:
                mutant_L = codes_L.copy()
                mutant_L[base] = code
                mutant = model.reader.row(mutant_L)
            jobs.append((base, code, part))
            yield likelihood.masked_row(mutant, len(jobs) - 1, tokenizer, part)

    reference_LC = np.full((size, 4), np.nan, np.float32)
    for masked, log2p_L4 in reader.read(rows()):
        base, code, _ = jobs[masked.sequence]
        hidden = masked.target_L
        odds = log2p_L4[hidden] - _log2_of_others(log2p_L4[hidden])
        if base < 0:
            reference_LC[hidden] = odds
        else:
            odds_LALC[base, code, hidden] = odds
        advance(1)
    # The sequence's own odds, where a smaller part did not have rows of its own.
    own_LLC = odds_LALC[np.arange(size), own]
    own_LLC = np.where(np.isnan(own_LLC), reference_LC[None], own_LLC)
    odds_LALC[np.arange(size), own] = own_LLC
    return odds_LALC


def _log2_of_others(log2p_N4: np.ndarray) -> np.ndarray:
    """log2 (1 - p) of each base as the sum of the other three, so that nothing cancels."""
    p_N4 = np.exp2(log2p_N4)
    others_N4 = np.stack([np.delete(p_N4, code, axis=1).sum(1) for code in range(4)], axis=1)
    return np.log2(np.maximum(others_N4, np.finfo(np.float32).tiny))


def _changes(odds_LALC: np.ndarray, codes_L: np.ndarray) -> np.ndarray:
    """Changes against the sequence's own base at i, [L, 4, L, 4]; NaN where i is j or unknown."""
    at = np.arange(len(codes_L))
    own_LLC = odds_LALC[at, np.minimum(codes_L, 3)]
    changes_LALC = odds_LALC - own_LLC[:, None]
    changes_LALC[at, :, at] = np.nan
    changes_LALC[codes_L == dna.UNKNOWN] = np.nan
    return changes_LALC


def coupling(changes_LALC: np.ndarray) -> np.ndarray:
    """Centred, symmetric and corrected strength of each pair, float32 [L, L]; NaN where unknown."""
    centred = changes_LALC - changes_LALC.mean(1, keepdims=True)
    centred = centred - centred.mean(3, keepdims=True)
    strength_LL = np.sqrt((centred.astype(np.float64) ** 2).sum((1, 3)))
    strength_LL = (strength_LL + strength_LL.T) / 2
    return average_product_correction(strength_LL).astype(np.float32)


def average_product_correction(strength_LL: np.ndarray) -> np.ndarray:
    """s(i, j) - mean s(i, .) mean s(., j) / mean s; means leave NaN out (Dunn et al. 2008)."""
    known = np.isfinite(strength_LL)
    total_L, count_L = np.where(known, strength_LL, 0).sum(1), known.sum(1)
    mean_L = total_L / np.maximum(count_L, 1)
    mean = total_L.sum() / max(count_L.sum(), 1)
    if mean == 0:
        return strength_LL
    return strength_LL - mean_L[:, None] * mean_L[None] / mean


def strongest_pairs(
    values_LL: np.ndarray, count: int, min_distance: int = 1
) -> list[tuple[int, int, float]]:
    """The strongest pairs (i, j, value) with i < j, strongest first.

    Args:
        values_LL: the larger of (i, j) and (j, i) counts.
        min_distance: least j - i.
    """
    value_LL = np.fmax(values_LL, values_LL.T)
    first, second = np.triu_indices(len(value_LL), max(min_distance, 1))
    value = value_LL[first, second]
    order = np.argsort(-np.nan_to_num(value, nan=-np.inf), kind='stable')[:count]
    order = order[np.isfinite(value[order])]
    columns = first[order].tolist(), second[order].tolist(), value[order].tolist()
    return list(zip(*columns, strict=True))
