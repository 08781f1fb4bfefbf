"""Places on a genome. Coordinates are 0-based and half-open, as in BED; readers of 1-based formats shift once."""

import dataclasses
import enum


class Region(enum.IntFlag):
    """What a base is part of: bits, because elements nest (a CDS lies in an exon, a repeat in an intron)."""

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
    """Bases start .. end-1 of a contig, on a strand ('+', '-' or '.' for either)."""

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
        return self.end - self.start

    def overlaps(self, other: 'Interval') -> bool:
        return self.contig == other.contig and self.start < other.end and other.start < self.end
