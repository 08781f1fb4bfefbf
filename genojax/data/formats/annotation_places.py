"""The places of an annotation's transcripts: rows of one id that cannot be of one transcript.

A transcript is one place on one strand, but tables of alignments (UCSC's refGene, for example)
repeat a transcript's id for every place that it aligns to. Where the rows of transcripts or genes
say the places, these decide. A file that has the parts alone (exons as UCSC writes them, CDS) is
divided by three rules:

1. Parts on two strands are two places.
2. In a file whose transcripts are written one after the other (nine of ten of those without a row
   stand together), parts that stand elsewhere in the file, and not there because of their position,
   are another place.
3. Parts that repeat the lengths of at least two exons, each time further away than the exons
   themselves reach, are copies.
"""

import itertools
from collections.abc import Sequence

from genojax import genome
from genojax.data.formats import annotation_rows

Feature = annotation_rows.Feature
Extent = tuple[int, int, str]  # start, end, strand
EXONS = frozenset({'exon', 'noncoding_exon', 'pseudogenic_exon'})
_OTHER_PARTS = frozenset({'CDS', 'start_codon', 'stop_codon', 'five_prime_UTR', 'three_prime_UTR',
                          'UTR', 'five_prime_utr', 'three_prime_utr', '5UTR', '3UTR'})  # fmt: skip
_GROUPED = 0.9  # of the transcripts stand together in a file that is written by transcript


def separate(rows: list[Feature]) -> set[str]:
    """Give the rows of one id at several places of a contig ids of their own, and their parts too.

    Args:
        rows: of one contig, in file order; changed in place.

    Returns:
        The ids that were used for several places.
    """
    places = _places_of_rows(rows)
    for name, listed in _places_of_parts(rows, places).items():
        places[name] = listed
    places = {name: listed for name, listed in places.items() if len(listed) > 1}
    if not places:
        return set()
    for number, row in enumerate(rows):
        own = row.id
        if own in places:
            own = _place_id(own, row.interval, places[own])
        parts_of = tuple(
            _place_id(parent, row.interval, places[parent]) if parent in places else parent
            for parent in row.parents
        )
        if own != row.id or parts_of != row.parents:
            rows[number] = row._replace(id=own, parents=parts_of)
    return set(places)


def _places_of_rows(rows: list[Feature]) -> dict[str, list[Extent]]:
    """The places of every transcript or gene that has rows of its own, by id."""
    parents = {parent for row in rows for parent in row.parents}
    by_id: dict[str, list[Feature]] = {}
    for row in rows:
        if row.id and (row.id in parents or row.kind in annotation_rows.TRANSCRIPT_ROWS):
            by_id.setdefault(row.id, []).append(row)
    return {
        name: _joined([row.interval for row in same])
        if len(same) > 1
        else [(same[0].interval.start, same[0].interval.end, same[0].interval.strand)]
        for name, same in by_id.items()
    }


def _joined(intervals: Sequence[genome.Interval]) -> list[Extent]:
    """The places of intervals, those that overlap on one strand joined."""
    joined: list[Extent] = []
    for at in sorted(intervals, key=lambda at: (at.strand, at.start)):
        if joined and joined[-1][2] == at.strand and at.start < joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], at.end), at.strand
        else:
            joined.append((at.start, at.end, at.strand))
    return joined


def _place_id(name: str, interval: genome.Interval, places: list[Extent]) -> str:
    """The id of the place of `name` that is nearest to an interval on its strand.

    The first place keeps the name; so does what is on a strand of no place.
    """
    same = [place for place in places if interval.strand in (place[2], '.')]
    if not same:
        return name
    nearest = min(same, key=lambda place: _distance(interval, place))
    return name if nearest == places[0] else f'{name}@{nearest[0] + 1}{nearest[2]}'


def _distance(at: genome.Interval, place: Extent) -> int:
    """Bases between an interval and a place; negative, and less in smaller ones, of an overlap."""
    between = max(place[0] - at.end, at.start - place[1])
    return between if between > 0 else place[1] - place[0] - (1 << 60)


def _places_of_parts(
    rows: list[Feature], places: dict[str, list[Extent]]
) -> dict[str, list[Extent]]:
    """The places of transcripts whose parts are not where a row of the transcript is.

    Args:
        places: those that rows of transcripts and genes say.

    Returns:
        By id, with the places of its rows first.
    """
    loose: dict[str, list[int]] = {}
    for number, row in enumerate(rows):
        if not row.parents or row.kind not in EXONS and row.kind not in _OTHER_PARTS:
            continue
        at = row.interval
        for parent in row.parents:
            if parent.startswith(annotation_rows.NO_TRANSCRIPT):
                continue
            known = places.get(parent)
            if known is None or not any(_belongs(at, place) for place in known):
                loose.setdefault(parent, []).append(number)
    loose = {name: numbers for name, numbers in loose.items() if name in places or len(numbers) > 1}
    if not loose:
        return {}
    order = _FileOrder(rows, loose)
    result = {}
    for name, numbers in loose.items():
        divided = _divide(rows, numbers, order)
        if name in places or len(divided) > 1:
            result[name] = places.get(name, []) + divided
    return result


def _belongs(at: genome.Interval, place: Extent) -> bool:
    """Whether a part is inside a place, or no further away from it than the place is long."""
    start, end, _ = place
    return at.start < 2 * end - start and at.end > 2 * start - end


def _divide(rows: list[Feature], numbers: list[int], order: '_FileOrder') -> list[Extent]:
    """The places of the parts of one id, sorted by strand and start."""
    by_strand: dict[str, list[int]] = {}
    for number in numbers:
        by_strand.setdefault(rows[number].interval.strand, []).append(number)
    if len(by_strand) > 1:
        by_strand.pop('.', None)  # each belongs to the place that is nearest
    result: list[Extent] = []
    for strand, same in sorted(by_strand.items()):
        runs = [[rows[number].interval for number in run] for run in order.runs(same)]
        for run in runs if _are_apart(runs) else [list(itertools.chain(*runs))]:
            result += [(start, end, strand) for start, end in _copies(_blocks(run))]
    return result


def _blocks(intervals: Sequence[genome.Interval]) -> list[tuple[int, int]]:
    """The union of intervals, those that touch or overlap joined."""
    blocks: list[tuple[int, int]] = []
    for at in sorted(intervals, key=lambda at: at.start):
        if blocks and at.start <= blocks[-1][1]:
            blocks[-1] = blocks[-1][0], max(blocks[-1][1], at.end)
        else:
            blocks.append((at.start, at.end))
    return blocks


def _are_apart(runs: list[list[genome.Interval]]) -> bool:
    """Whether no run reaches into another."""
    extents = sorted((min(at.start for at in run), max(at.end for at in run)) for run in runs)
    return all(first[1] <= second[0] for first, second in itertools.pairwise(extents))


def _copies(blocks: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Start and end of each copy; of all blocks if they are no copies of a part of them."""
    lengths = [end - start for start, end in blocks]
    for size in range(2, len(blocks) // 2 + 1):
        if len(blocks) % size or lengths != lengths[:size] * (len(blocks) // size):
            continue
        copies = [
            (blocks[first][0], blocks[first + size - 1][1]) for first in range(0, len(blocks), size)
        ]
        longest = max(end - start for start, end in copies)
        if all(b[0] - a[1] > longest for a, b in itertools.pairwise(copies)):
            return copies
    return [(blocks[0][0], blocks[-1][1])]


class _FileOrder:
    """Which rows of one id stand together in the file.

    Args:
        loose: rows by id, of transcripts without a row.
    """

    def __init__(self, rows: list[Feature], loose: dict[str, list[int]]):
        self.rows = rows
        self.place = [0] * len(rows)  # of each row among the exons, or among the other parts
        # Rows so far that start before the row above them, and after it.
        self.back = [0] * len(rows)
        self.forth = [0] * len(rows)
        for kinds in (EXONS, _OTHER_PARTS):
            self._count(kinds)
        several = [own for numbers in loose.values() if len(own := self._own(numbers)) > 1]
        together = sum(len(self._pieces(own)) == 1 for own in several)
        self.is_grouped = together >= _GROUPED * len(several)

    def _count(self, kinds: frozenset[str]) -> None:
        back = forth = place = 0
        last = None
        for number, row in enumerate(self.rows):
            if row.kind not in kinds:
                continue
            start = row.interval.start
            if last is not None:
                back += start < last
                forth += start > last
            last = start
            place += 1
            self.place[number], self.back[number], self.forth[number] = place, back, forth

    def _own(self, numbers: list[int]) -> list[int]:
        """The exons; the other parts of a transcript without exons."""
        exons = [number for number in numbers if self.rows[number].kind in EXONS]
        return exons or numbers

    def _pieces(self, numbers: list[int]) -> list[list[int]]:
        pieces = [[numbers[0]]]
        for above, number in itertools.pairwise(numbers):
            if self.place[number] == self.place[above] + 1:
                pieces[-1].append(number)
            else:
                pieces.append([number])
        return pieces

    def runs(self, numbers: list[int]) -> list[list[int]]:
        """Rows that stand together, or apart because the file is in the order of positions there.

        All rows are one run in a file that is not written by transcript.
        """
        own = self._own(numbers)
        if not self.is_grouped:
            return [own]
        result: list[list[int]] = []
        for piece in self._pieces(own):
            if result and self._is_sorted(result[-1][-1], piece[0]):
                result[-1] += piece
            else:
                result.append(piece)
        return result

    def _is_sorted(self, first: int, last: int) -> bool:
        """Whether the positions of the rows from one to another only grow, or only fall."""
        return self.back[first] == self.back[last] or self.forth[first] == self.forth[last]
