"""DNA segments annotated base by base with selective constraint, and with features and codons.

Genes, enhancers and chromosomes are segments. Joining, reverse-complementing and editing keep
sequence, constraint, features and reading frames consistent, so coordinates cannot drift apart.
"""

import dataclasses
import enum

import numpy as np

from genojax import dna
from genojax.simulate import motifs

SITES = (*motifs.MOTIFS, *motifs.SPLICE, motifs.INSULATOR)
FIRST_ROW = motifs.first_rows(SITES)  # of each motif in `MATRIX_R4`, on the forward strand
# Columns of all weight matrices as they read on the forward strand of a segment: those of sites on
# '+', then those of sites on '-'.
MATRIX_R4 = np.concatenate([motifs.stacked(SITES), motifs.stacked(SITES)[:, ::-1]])


class Constraint(enum.IntEnum):
    """How selection acts on a substitution at a base."""

    FREE = 0  # accepted; CpG decays
    ISLAND = 1  # unmethylated and GC-rich: CpG does not decay
    SLOW = 2  # untranslated exon: most are rejected
    SITE = 3  # accepted by the column of the weight matrix
    CODING = 4  # accepted by the codon
    FIXED = 5  # rejected


@dataclasses.dataclass(frozen=True)
class FeatureLabel:
    """What a feature is.

    Args:
        kind: its GFF3 type.
        strand: '+', '-' or '.'.
        gene: index of its gene, -1 for none.
        name: of a repeat family, motif or promoter class.
    """

    kind: str
    strand: str = '+'
    gene: int = -1
    name: str = ''


@dataclasses.dataclass(frozen=True)
class Segment:
    """DNA of L bases with F features and C codons.

    Args:
        codes: base codes, uint8 [L].
        constraint: `Constraint` of each base, uint8 [L].
        rigid: whether insertions and deletions are excluded at the base, bool [L].
        matrix_rows: row of `MATRIX_R4` of a base in a SITE, else -1, int16 [L].
        spans: start and end of each feature, half-open, int64 [F, 2].
        labels: F labels.
        codons: positions of the three bases of every codon but the first and last of each gene, in
            reading order, int64 [C, 3].
        on_minus: whether the codon is read on the reverse strand, bool [C].
    """

    codes: np.ndarray
    constraint: np.ndarray
    rigid: np.ndarray
    matrix_rows: np.ndarray
    spans: np.ndarray
    labels: tuple[FeatureLabel, ...]
    codons: np.ndarray
    on_minus: np.ndarray

    def __len__(self) -> int:
        """Number of bases."""
        return len(self.codes)


def plain(
    codes: np.ndarray, constraint: Constraint = Constraint.FREE, rigid: bool = False
) -> Segment:
    """A segment of base codes [L] with one constraint throughout and no features."""
    return Segment(
        codes=codes,
        constraint=np.full(len(codes), constraint, np.uint8),
        rigid=np.full(len(codes), rigid),
        matrix_rows=np.full(len(codes), -1, np.int16),
        spans=np.zeros((0, 2), np.int64),
        labels=(),
        codons=np.zeros((0, 3), np.int64),
        on_minus=np.zeros(0, bool),
    )


def add_features(segment: Segment, features: list[tuple[int, int, FeatureLabel]]) -> Segment:
    """The segment with more features, each (start, end, label)."""
    spans = np.array([(start, end) for start, end, _ in features], np.int64).reshape(-1, 2)
    return dataclasses.replace(
        segment,
        spans=np.concatenate([segment.spans, spans]),
        labels=segment.labels + tuple(label for _, _, label in features),
    )


def join(parts: list[Segment]) -> Segment:
    """The concatenation of segments."""
    offsets = np.cumsum([0] + [len(part) for part in parts])[:-1]

    def concatenate(name):
        return np.concatenate([getattr(part, name) for part in parts])

    def shift(name):
        return np.concatenate(
            [getattr(part, name) + offset for part, offset in zip(parts, offsets, strict=True)]
        )

    per_item = ('codes', 'constraint', 'rigid', 'matrix_rows', 'on_minus')
    return Segment(
        spans=shift('spans'),
        labels=tuple(label for part in parts for label in part.labels),
        codons=shift('codons'),
        **{name: concatenate(name) for name in per_item},
    )


def reverse_complement(segment: Segment) -> Segment:
    """The same DNA and features read from the other strand."""
    half = len(MATRIX_R4) // 2
    rows = segment.matrix_rows[::-1]
    opposite = {'+': '-', '-': '+', '.': '.'}
    return Segment(
        codes=dna.reverse_complement(segment.codes),
        constraint=segment.constraint[::-1],
        rigid=segment.rigid[::-1],
        matrix_rows=np.where(rows >= 0, (rows + half) % (2 * half), -1).astype(np.int16),
        spans=len(segment) - segment.spans[:, ::-1],
        labels=tuple(
            dataclasses.replace(label, strand=opposite[label.strand]) for label in segment.labels
        ),
        codons=len(segment) - 1 - segment.codons,
        on_minus=~segment.on_minus,
    )


def edit(
    segment: Segment,
    *,
    deleted: np.ndarray | None = None,
    at: np.ndarray,
    inserted: np.ndarray,
    lengths: np.ndarray,
    inserted_labels: list[FeatureLabel] | None = None,
) -> Segment:
    """The segment after deletions and I insertions, with all coordinates updated.

    A feature keeps its bases: an insertion at its edge is outside, one inside lengthens it, and a
    feature without bases is dropped.

    Args:
        segment: of L bases.
        deleted: bool [L]; no base of a codon may be deleted.
        at: each insertion precedes this base of `segment`, int [I], increasing, 0 < at < L.
        inserted: base codes of all insertions, concatenated.
        lengths: number of bases of each insertion, int [I].
        inserted_labels: if passed, each insertion becomes a feature.
    """
    remain = np.ones(len(segment), bool) if deleted is None else ~deleted
    added = np.zeros(len(segment), np.int64)
    added[at] = lengths
    position = np.cumsum(remain) - remain + np.cumsum(added)  # new position of each old base
    size = int(remain.sum() + added.sum())
    starts = position[at] - lengths
    insertions = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    insertions += np.arange(len(inserted))

    def rebuild(values, new):
        result = np.empty(size, values.dtype)
        result[position[remain]] = values[remain]
        result[insertions] = new
        return result

    spans, labels = _remaining_features(segment, remain, position)
    result = Segment(
        codes=rebuild(segment.codes, inserted),
        constraint=rebuild(segment.constraint, Constraint.FREE),
        rigid=rebuild(segment.rigid, False),
        matrix_rows=rebuild(segment.matrix_rows, -1),
        spans=spans,
        labels=labels,
        codons=position[segment.codons],
        on_minus=segment.on_minus,
    )
    if inserted_labels is None:
        return result
    ends = starts + lengths
    features = list(zip(starts.tolist(), ends.tolist(), inserted_labels, strict=True))
    return add_features(result, features)


def _remaining_features(
    segment: Segment, remain: np.ndarray, position: np.ndarray
) -> tuple[np.ndarray, tuple[FeatureLabel, ...]]:
    """Spans and labels of the features with at least one base that remains.

    Args:
        segment: before the edit.
        remain: whether each base remains, bool [L].
        position: new position of each base, int [L].
    """
    first, last = segment.spans[:, 0], segment.spans[:, 1] - 1
    spans = np.stack([position[first], position[last] + remain[last]], axis=1)
    count = np.cumsum(remain)
    selected = count[last] - count[first] + remain[first] > 0
    labels = (label for label, select in zip(segment.labels, selected, strict=True) if select)
    return spans[selected], tuple(labels)


def insertion_sites(segment: Segment) -> np.ndarray:
    """Bases before which DNA may be inserted, int [..], increasing."""
    return np.flatnonzero(~segment.rigid[1:] & ~segment.rigid[:-1]) + 1
