"""Genomes: contigs, genes, intervals, variants and region kinds.

Coordinates are 0-based and half-open, as in BED. Readers of 1-based formats (GFF, VCF) convert
once.
"""

import base64
import dataclasses
import enum
import hashlib
import re
from typing import NamedTuple

import numpy as np


class Region(enum.IntFlag):
    """Elements that contain a base, as a bit set, because elements nest (a CDS in an exon)."""

    EXON = 1
    CDS = 2
    INTRON = 4
    PROMOTER = 8
    ENHANCER = 16
    REPEAT = 32


REGIONS = tuple(Region)
REGION_NAMES = tuple(region.name.lower() for region in REGIONS)


@dataclasses.dataclass(frozen=True, order=True)
class Interval:
    """Bases start .. end - 1 of a contig, on strand '+', '-' or '.' (either).

    Raises:
        ValueError: not 0 <= start <= end, or another strand.
    """

    contig: str
    start: int
    end: int
    strand: str = '.'

    def __post_init__(self):
        if not 0 <= self.start <= self.end:
            raise ValueError(
                f'interval {self.contig}:{self.start}-{self.end} is not 0 <= start <= end'
            )
        if self.strand not in ('+', '-', '.'):
            raise ValueError(f'strand {self.strand!r} is not +, - or .')

    def __len__(self) -> int:
        """Number of bases."""
        return self.end - self.start

    def overlaps(self, other: 'Interval') -> bool:
        """Whether the two share a base, on whichever strand."""
        return self.contig == other.contig and self.start < other.end and other.start < self.end


_VARIANT_LETTERS = frozenset('ACGTN')


@dataclasses.dataclass(frozen=True, order=True)
class Variant:
    """A change of the bases `reference` at `position` of a contig into `alternate`.

    Insertions and deletions are anchored as in VCF: both alleles hold at least one base, so the
    deletion of C from AC is AC -> A.

    Args:
        contig: name of the contig.
        position: 0-based position of the first base of `reference`, on the forward strand.
        reference: bases of the reference genome, upper case, of A, C, G, T and N.
        alternate: the bases in their place, likewise.

    Raises:
        ValueError: a negative position, equal alleles, or an allele that is empty, in lower case or
            symbolic (`<DEL>`, `*`, `.`).
    """

    contig: str
    position: int
    reference: str
    alternate: str

    def __post_init__(self):
        if self.position < 0:
            raise ValueError(f'position {self.position} of a variant on {self.contig} is below 0')
        for name in ('reference', 'alternate'):
            allele = getattr(self, name)
            if not allele or not _VARIANT_LETTERS.issuperset(allele):
                raise ValueError(
                    f'{name} allele {allele!r} at {self.contig}:{self.position} is not a sequence '
                    'of A, C, G, T and N'
                )
        if self.reference == self.alternate:
            raise ValueError(
                f'reference and alternate allele at {self.contig}:{self.position} are both '
                f'{self.reference!r}'
            )

    @classmethod
    def from_vcf(cls, contig: str, position: int, reference: str, alternate: str) -> 'Variant':
        """The variant of one VCF row and one of its ALT alleles; letters of either case.

        Args:
            position: POS, 1-based. This is the only place where it is shifted.

        Raises:
            ValueError: see the class; also position 0, which VCF uses for telomeres.
        """
        if position < 1:
            raise ValueError(f'VCF position {position} on {contig} is below 1')
        return cls(contig, position - 1, reference.upper(), alternate.upper())

    def interval(self) -> Interval:
        """The bases of the reference allele."""
        return Interval(self.contig, self.position, self.position + len(self.reference))

    @property
    def is_snv(self) -> bool:
        """Whether one base is replaced by one other base."""
        return len(self.reference) == len(self.alternate) == 1


# A base with its soft mask in one byte: bits 0 to 2 are the base code, bit 3 the mask.
CODE_BITS = np.uint8(7)
SOFT_SHIFT = 3


class Gene(NamedTuple):
    """A gene: bases start .. end - 1 of a contig; `end` may exceed the length of a circular one."""

    name: str
    contig: int  # index of the contig
    start: int
    end: int


@dataclasses.dataclass(frozen=True)
class Contig:
    """One sequence of a genome, as the genome table describes it."""

    name: str
    length: int  # bases
    circular: bool = False
    softmasked: bool = False  # whether lower case marks repeats; if not, repeats are unknown
    split: str = ''  # 'train', 'test', or '' where blocks are assigned
    digest: str = ''  # GA4GH refget digest of its bases


_ORGANELLE = re.compile(
    r'(chr)?(m|mt|mtdna|mito|mitochondri(on|a)|pt|cp|ptdna|pltd|chloroplast|plastid)|chrc',
    re.IGNORECASE,
)


def is_organelle(contig: str) -> bool:
    """Whether a contig is called as mitochondria and plastids usually are: chrM, MT, Pt, ChrC."""
    return _ORGANELLE.fullmatch(contig) is not None


def refget_digest(upper_case: bytes) -> str:
    """The GA4GH refget digest of upper-case bases: SQ. and 24 bytes of SHA-512 in base64url."""
    return refget_from_sha512(hashlib.sha512(upper_case))


def refget_from_sha512(sha512) -> str:
    """The refget digest of the upper-case bases with which a SHA-512 object was updated."""
    return 'SQ.' + base64.urlsafe_b64encode(sha512.digest()[:24]).decode('ascii')
