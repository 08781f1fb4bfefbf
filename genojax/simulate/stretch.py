"""A stretch of DNA that knows, base by base, what selection does to it, and what lies where.

Genes, enhancers, chromosomes of the ancestor and of every species are all stretches; joining, turning round, cutting and
inserting keep sequence, constraint, features and reading frames in step, so coordinates cannot drift apart.
"""

import dataclasses
import enum

import numpy as np

from genojax import dna
from genojax.simulate import motifs

SITES = motifs.MOTIFS + motifs.SPLICE
FIRST_ROW = motifs.first_rows(SITES)
# Columns as they read on the forward strand of a stretch: first those of sites on '+', then those of sites on '-'.
COLUMNS_R4 = np.concatenate([motifs.stacked(SITES), motifs.stacked(SITES)[:, ::-1]])


class Guard(enum.IntEnum):
    """What happens to a substitution at a base."""

    FREE = 0  # accepted; CpG decays
    ISLAND = 1  # unmethylated and GC-rich: CpG does not decay
    SLOW = 2  # untranslated exon: most are rejected
    SITE = 3  # accepted by the column of the weight matrix
    CODING = 4  # accepted by the codon
    FIXED = 5  # never


@dataclasses.dataclass(frozen=True)
class Label:
    """What a feature is. gene: index of the gene it belongs to, -1 for none. name: of a family, a motif or a class."""

    kind: str
    strand: str = '+'
    gene: int = -1
    name: str = ''


@dataclasses.dataclass(frozen=True)
class Stretch:
    """codes, guard: uint8 [L]. rigid: no indel may touch the base, bool [L]. rows: row of COLUMNS_R4 of a SITE, else -1.

    spans: half-open, int64 [F, 2], with labels: F of them. codons: positions of the bases of every codon but the first and the
    last of each gene, in reading order, int64 [C, 3]; minus: read on the other strand, bool [C].
    """

    codes: np.ndarray
    guard: np.ndarray
    rigid: np.ndarray
    rows: np.ndarray
    spans: np.ndarray
    labels: tuple[Label, ...]
    codons: np.ndarray
    minus: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)


def plain(codes: np.ndarray, guard: Guard = Guard.FREE, rigid: bool = False) -> Stretch:
    """DNA without features."""
    return Stretch(
        codes,
        np.full(len(codes), guard, np.uint8),
        np.full(len(codes), rigid),
        np.full(len(codes), -1, np.int16),
        np.zeros((0, 2), np.int64),
        (),
        np.zeros((0, 3), np.int64),
        np.zeros(0, bool),
    )


def label(stretch: Stretch, features: list[tuple[int, int, Label]]) -> Stretch:
    """The stretch with more features: (start, end, label)."""
    spans = np.array([(start, end) for start, end, _ in features], np.int64).reshape(-1, 2)
    return dataclasses.replace(
        stretch,
        spans=np.concatenate([stretch.spans, spans]),
        labels=stretch.labels + tuple(label for _, _, label in features),
    )


def join(parts: list[Stretch]) -> Stretch:
    offsets = np.cumsum([0] + [len(part) for part in parts])[:-1]

    def glue(name):
        return np.concatenate([getattr(part, name) for part in parts])

    def shift(name):
        return np.concatenate(
            [getattr(part, name) + offset for part, offset in zip(parts, offsets, strict=True)]
        )

    labels = tuple(label for part in parts for label in part.labels)
    bases = (glue(name) for name in ('codes', 'guard', 'rigid', 'rows'))
    return Stretch(*bases, shift('spans'), labels, shift('codons'), glue('minus'))


def flip(stretch: Stretch) -> Stretch:
    """The same DNA read from the other strand."""
    half = len(COLUMNS_R4) // 2
    rows = stretch.rows[::-1]
    turned = {'+': '-', '-': '+', '.': '.'}
    return Stretch(
        dna.reverse_complement(stretch.codes),
        stretch.guard[::-1],
        stretch.rigid[::-1],
        np.where(rows >= 0, (rows + half) % (2 * half), -1).astype(np.int16),
        len(stretch) - stretch.spans[:, ::-1],
        tuple(dataclasses.replace(label, strand=turned[label.strand]) for label in stretch.labels),
        len(stretch) - 1 - stretch.codons,
        ~stretch.minus,
    )


def edit(
    stretch: Stretch,
    *,
    deleted: np.ndarray | None = None,
    at: np.ndarray,
    inserted: np.ndarray,
    lengths: np.ndarray,
    inserted_labels: list[Label] | None = None,
) -> Stretch:
    """Delete bases and insert DNA, moving everything else along.

    A feature keeps the bases it has: an insertion at its edge stays outside, one inside makes it longer, and one of which
    no base is left is dropped.

    Args:
        deleted: bool [L]; no base of a codon may be set.
        at: insertions go before these bases of the old stretch, int [I], increasing, 0 < at < L.
        inserted, lengths: their bases, one after the other, and how many each has.
        inserted_labels: if given, each insertion becomes a feature.
    """
    kept = np.ones(len(stretch), bool) if deleted is None else ~deleted
    added = np.zeros(len(stretch), np.int64)
    added[at] = lengths
    before = np.cumsum(kept) - kept + np.cumsum(added)  # new position of each old base
    size = int(kept.sum() + added.sum())
    old_to = before[kept]
    starts = before[at] - lengths
    new_to = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths) + np.arange(len(inserted))

    def rebuild(values, new):
        result = np.empty(size, values.dtype)
        result[old_to] = values[kept]
        result[new_to] = new
        return result

    first, last = stretch.spans[:, 0], stretch.spans[:, 1] - 1
    spans = np.stack([before[first], before[last] + kept[last]], axis=1)
    count = np.cumsum(kept)
    alive = count[last] - count[first] + kept[first] > 0
    result = Stretch(
        rebuild(stretch.codes, inserted),
        rebuild(stretch.guard, Guard.FREE),
        rebuild(stretch.rigid, False),
        rebuild(stretch.rows, -1),
        spans[alive],
        tuple(label for label, is_alive in zip(stretch.labels, alive, strict=True) if is_alive),
        before[stretch.codons],
        stretch.minus,
    )
    if inserted_labels is None:
        return result
    ends = starts + lengths
    return label(result, list(zip(starts.tolist(), ends.tolist(), inserted_labels, strict=True)))


def open_sites(stretch: Stretch) -> np.ndarray:
    """Bases before which DNA may be inserted, int [..], increasing."""
    return np.flatnonzero(~stretch.rigid[1:] & ~stretch.rigid[:-1]) + 1
