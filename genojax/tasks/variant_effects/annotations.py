"""Columns that describe a variant without its sequence context: consequence, bases, amino acids."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from genojax import dna
from genojax.variants import alleles
from genojax.variants.consequences import annotator, terms

# Composition, polarity and volume of the side chains (Grantham 1974, Science 185:862, table 1).
_SIDE_CHAINS = {
    'S': (1.42, 9.2, 32), 'R': (0.65, 10.5, 124), 'L': (0, 4.9, 111), 'P': (0.39, 8, 32.5),
    'T': (0.71, 8.6, 61), 'A': (0, 8.1, 31), 'V': (0, 5.9, 84), 'G': (0.74, 9, 3),
    'I': (0, 5.2, 111), 'F': (0, 5.2, 132), 'Y': (0.2, 6.2, 136), 'C': (2.75, 5.5, 55),
    'H': (0.58, 10.4, 96), 'Q': (0.89, 10.5, 85), 'N': (1.33, 11.6, 56), 'K': (0.33, 11.3, 119),
    'D': (1.38, 13, 54), 'E': (0.92, 12.3, 83), 'M': (0, 5.7, 105), 'W': (0.13, 5.4, 170),
}  # fmt: skip
_WEIGHTS = np.array([1.833, 0.1018, 0.000399])  # of the squared differences in Grantham's distance
_CHARGE = {'K': 1.0, 'R': 1.0, 'H': 0.1, 'D': -1.0, 'E': -1.0}
_FAR = 30  # bases from a splice site beyond which distances are not told apart
_NAMES = (
    *(f'class {term}' for term in terms.TERMS),
    'tier',
    *(f'{a}>{b}' for a in dna.ALPHABET for b in dna.ALPHABET if a != b),
    *('transition', 'bases added', 'bases removed'),
    *(f'{what} {which}' for which in ('before', 'after', 'change') for what in ('composition',
      'polarity', 'volume', 'charge')),
    *('Grantham distance', 'to or from proline', 'to or from glycine', 'to or from cysteine'),
    *('codon position', 'splice distance', 'near a splice site'),
)  # fmt: skip


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotationColumns:
    """Columns of numbers, float64 [N, F], with their names."""

    values_NF: np.ndarray
    names: tuple[str, ...]

    def joined(self, other: 'AnnotationColumns') -> 'AnnotationColumns':
        """Both side by side."""
        values_NF = np.concatenate([self.values_NF, other.values_NF], axis=1)
        return AnnotationColumns(values_NF, self.names + other.names)


COUNT = len(_NAMES)  # columns of `describe`
_LARGEST = 5.0  # deviations from the mean


@dataclasses.dataclass(frozen=True, eq=False)
class ColumnScale:
    """Mean and deviation of columns in training rows, [F]; NaN for a column that is absent there.

    `scale_F` is 1 for a column of equal values.
    """

    mean_F: np.ndarray
    scale_F: np.ndarray

    @classmethod
    def of(cls, train_NF: np.ndarray) -> 'ColumnScale':
        """The scale of training rows; NaN is an absent number."""
        known_F = ~np.isnan(train_NF).all(0)
        mean_F, sd_F = np.full((2, train_NF.shape[1]), np.nan)
        mean_F[known_F] = np.nanmean(train_NF[:, known_F], 0)
        sd_F[known_F] = np.nanstd(train_NF[:, known_F], 0)
        return cls(mean_F, np.where(sd_F > 0, sd_F, 1))

    def apply(self, values_NF: np.ndarray) -> np.ndarray:
        """Standardised columns, 0 where a number is absent, float32 [N, F]."""
        scaled_NF = (values_NF - self.mean_F) / self.scale_F
        return np.nan_to_num(np.clip(scaled_NF, -_LARGEST, _LARGEST)).astype(np.float32)

    def to_json(self) -> dict[str, list[float | None]]:
        """The reverse of `from_json`."""
        mean = [None if np.isnan(value) else value for value in self.mean_F.tolist()]
        return {'mean': mean, 'scale': self.scale_F.tolist()}

    @classmethod
    def from_json(cls, value: dict[str, list[float | None]]) -> 'ColumnScale':
        """The scale that a run has kept."""
        return cls(np.array(value['mean'], np.float64), np.array(value['scale'], np.float64))


def describe(
    edits: Sequence[alleles.Edit], effects: Sequence[annotator.TranscriptEffect]
) -> AnnotationColumns:
    """The columns of variants; 0 where one does not apply."""
    rows = [_row(edit, effect) for edit, effect in zip(edits, effects, strict=True)]
    return AnnotationColumns(np.array(rows, np.float64).reshape(len(rows), COUNT), _NAMES)


def _row(edit: alleles.Edit, effect: annotator.TranscriptEffect) -> list[float]:
    one_hot = [float(term in effect.every) for term in terms.TERMS]
    change = f'{edit.reference}>{edit.alternate}'
    changes = [float(change == f'{a}>{b}') for a in dna.ALPHABET for b in dna.ALPHABET if a != b]
    transition = float(change in ('A>G', 'G>A', 'C>T', 'T>C'))
    growth = len(edit.alternate) - len(edit.reference)
    distance = effect.splice_distance
    near = float(0 < abs(distance) <= _FAR)
    return [
        *one_hot,
        float(terms.tier(effect.term)),
        *changes,
        *(transition, float(max(growth, 0)), float(max(-growth, 0))),
        *_protein(effect.amino_acids),
        _codon_position(effect.codons),
        float(np.clip(distance, -_FAR, _FAR)) if distance else float(_FAR),
        near,
    ]


def _protein(change: str) -> list[float]:
    """Side chains before and after, their change, Grantham's distance; zeros where none changes."""
    before, _, after = change.partition('/')
    if len(before) != 1 or before not in _SIDE_CHAINS:
        return [0.0] * 16
    old = np.array([*_SIDE_CHAINS[before], _CHARGE.get(before, 0)])
    if after not in _SIDE_CHAINS:  # synonymous, or a stop
        return [*old, *old, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    new = np.array([*_SIDE_CHAINS[after], _CHARGE.get(after, 0)])
    distance = 50.723 * np.sqrt(((new - old)[:3] ** 2 * _WEIGHTS).sum())
    flags = [float(letter in (before, after)) for letter in 'PGC']
    return [*old, *new, *(new - old), float(distance), *flags]


def _codon_position(codons: str) -> float:
    """Which base of the codon changes, 1 to 3; 0 where not exactly one does."""
    before, _, after = codons.partition('/')
    if len(before) != len(after):
        return 0.0
    places = [i + 1 for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    return float(places[0]) if len(places) == 1 else 0.0
