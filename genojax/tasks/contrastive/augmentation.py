"""How training rows differ from their genes: crops, the other strand, substitutions.

Every decision is a function of the seed and the row's number in the run.
"""

import dataclasses
import functools

import numpy as np

from genojax import dna
from genojax.data import counter_random
from genojax.variants.consequences import translation

# Numbers of streams of random bits; `pairs` has others.
_PLACE, _SHIFT, _STRAND, _RATE, _WHERE, _BASE, _CODON, _SYNONYM = range(41, 49)
_TRANSITIONS = 2 / 3  # of all substitutions; in animals 0.6 to 0.95 of them are transitions
_TRANSITION = np.array([2, 3, 0, 1], np.uint8)  # A-G, C-T


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """What is done to training rows; validation and test rows are read as they are.

    `substitutions` and `synonymous` are largest rates: the rate of a row is uniform below them.
    """

    reverse_complement: bool = False  # read half of the rows, each by itself, from the other strand
    shift: int = 0  # bases by which the crop of a row may start earlier or later
    substitutions: float = 0.0  # share of the bases that are replaced
    # Share of the codons that are replaced by another codon of the same amino acid, for coding
    # sequences that begin with a codon.
    synonymous: float = 0.0
    genetic_code: int = 1  # NCBI's number: 1, 2, 4, 5 or 11
    every_row: bool = False  # substitutions in every row; else in the second one of self pairs

    def __post_init__(self):
        for name in ('substitutions', 'synonymous'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name}={getattr(self, name)} must be in [0, 1]')
        if self.shift < 0:
            raise ValueError(f'{self.shift=} must not be negative')
        if self.genetic_code not in translation.GENETIC_CODES:
            codes = list(translation.GENETIC_CODES)
            raise ValueError(f'{self.genetic_code=} must be one of {codes}')


def crop(codes_L: np.ndarray, length: int, place: float, shift: int = 0) -> np.ndarray:
    """At most `length` bases of a row.

    Args:
        place: where the crop lies in a longer row, 0 at its start, 1 at its end.
        shift: bases that the crop is moved, as far as the row goes.
    """
    room = len(codes_L) - length
    if room <= 0:
        return codes_L
    start = min(max(round(place * room) + shift, 0), room)
    return codes_L[start : start + length]


def training_row(
    codes_L: np.ndarray,
    length: int,
    config: AugmentationConfig,
    seed: int,
    row: int,
    *,
    pair: int,
    mutate: bool,
) -> np.ndarray:
    """The bases that a training row has.

    Args:
        length: largest number of bases.
        row, pair: numbers of the row and of its pair in the run. Rows of one pair are cropped at
            the same relative place, so that the crops of orthologues are of one part of the gene.
        mutate: whether the row's bases are substituted.
    """
    if mutate and config.synonymous:
        rate = config.synonymous * counter_random.uniform(seed, _RATE, row, 1)
        codes_L = synonymous(codes_L, rate, config.genetic_code, seed, row)
    width, counter = 2 * config.shift + 1, np.array([row])
    move = int(counter_random.randint(width, seed, _SHIFT, counter)[0]) - config.shift
    codes_L = crop(codes_L, length, float(counter_random.uniform(seed, _PLACE, pair)), move)
    if mutate and config.substitutions:
        rate = config.substitutions * counter_random.uniform(seed, _RATE, row, 0)
        codes_L = substituted(codes_L, rate, seed, row)
    if config.reverse_complement and counter_random.randint(2, seed, _STRAND, counter)[0]:
        codes_L = dna.reverse_complement(codes_L)
    return codes_L


def substituted(codes_L: np.ndarray, rate: float, seed: int, row: int) -> np.ndarray:
    """Bases with a share `rate` of them replaced by another one, two thirds of them transitions."""
    position = np.arange(len(codes_L))
    chosen = (counter_random.uniform(seed, _WHERE, row, position) < rate) & (codes_L < dna.UNKNOWN)
    transition = counter_random.uniform(seed, _BASE, row, position) < _TRANSITIONS
    known = np.minimum(codes_L, 3)
    # A transversion of a purine is C or T, of a pyrimidine A or G.
    pick = counter_random.randint(2, seed, _BASE, row, position, 1)
    transversion = (2 * pick + 1 - known % 2).astype(np.uint8)
    other = np.where(transition, _TRANSITION[known], transversion)
    return np.where(chosen, other, codes_L).astype(np.uint8)


def synonymous(codes_L: np.ndarray, rate: float, code: int, seed: int, row: int) -> np.ndarray:
    """Bases with a share `rate` of the codons replaced by another codon of their amino acid.

    Codons with an unknown base, stop codons and codons without a synonym stay.
    """
    codons = codes_L[: len(codes_L) // 3 * 3].reshape(-1, 3)
    table, count = _synonyms(code)
    known = (codons < dna.UNKNOWN).all(1)
    index = np.minimum(codons, 3).astype(np.int64) @ np.array([16, 4, 1])
    number = np.arange(len(codons))
    chosen = known & (count[index] > 0) & (counter_random.uniform(seed, _CODON, row, number) < rate)
    pick = counter_random.randint(np.maximum(count[index], 1), seed, _SYNONYM, row, number)
    other = table[index, pick]
    new = np.stack([other // 16, other // 4 % 4, other % 4], axis=1).astype(np.uint8)
    result = codes_L.copy()
    result[: codons.size] = np.where(chosen[:, None], new, codons).reshape(-1)
    return result


@functools.cache
def _synonyms(code: int) -> tuple[np.ndarray, np.ndarray]:
    """Other codons of each codon's amino acid, int64 [64, 5], and their number, int64 [64]."""
    amino = dict(zip(_codons(), translation.GENETIC_CODES[code], strict=True))
    table, count = np.zeros((64, 5), np.int64), np.zeros(64, np.int64)
    for codon, letter in amino.items():
        others = [one for one in amino if amino[one] == letter and one != codon]
        if letter == '*':
            continue
        table[codon, : len(others)] = others
        count[codon] = len(others)
    return table, count


def _codons() -> list[int]:
    """Numbers of the codons, A C G T as digits, in NCBI's order."""
    order = [dna.ALPHABET.index(base) for base in translation.NCBI_ORDER]
    return [16 * a + 4 * b + c for a in order for b in order for c in order]
