"""Bases whose signal means nothing: unknown bases, blacklisted and unmappable ones.

Every kind of mask is a set of intervals, or the N of the sequence; the bins that each one takes are
counted, a bin with the first kind that suffices.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np

from genojax import dna, errors
from genojax.data.formats import annotation
from genojax.data.formats.track_files import signal_file
from genojax.data.store.signals import binning

BEYOND, UNKNOWN_BASES, ABSENT = 'beyond the contig', 'N', 'absent'
KINDS = ('blacklist', 'unmappable')
REASONS = (BEYOND, UNKNOWN_BASES, *KINDS)


@dataclasses.dataclass(frozen=True, eq=False)
class MaskRegions:
    """Masked intervals by kind and contig.

    Attributes:
        spans: kind -> contig -> starts and ends, int64 [n] each.
        notes: rows of the files that mask nothing, for a person.
    """

    spans: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]]
    notes: tuple[str, ...] = ()

    def masked(self, kind: str, contig: str, start: int, end: int) -> np.ndarray:
        """Which bases from `start` to `end` - 1 of a contig a kind of mask covers, bool."""
        spans = self.spans.get(kind, {}).get(contig)
        if spans is None:
            return np.zeros(end - start, bool)
        near = (spans[0] < end) & (spans[1] > start)
        return binning.covered((spans[0][near], spans[1][near]), start, end)


def read(
    files: Mapping[str, Sequence[str | os.PathLike]],
    contigs: Mapping[str, int],
    fasta: str | os.PathLike,
) -> MaskRegions:
    """The regions of BED files, each a kind of mask.

    Args:
        files: kind -> BED files, plain or compressed.
        contigs: length by name.
        fasta: the file they are from, for the error.

    Raises:
        InputError: BD.. a row that is not valid; TK11, a file has no contig of the genome.
    """
    spans: dict[str, dict[str, tuple]] = {}
    notes = []
    for kind, paths in files.items():
        rows: dict[str, list[tuple[int, int]]] = {}
        for path in paths:
            annotated = annotation.read(path)
            _check_names(annotated, contigs, path, fasta)
            elsewhere, beyond = {}, 0
            for name, features in annotated.features.items():
                for feature in features:
                    start, end = feature.interval.start, feature.interval.end
                    if name not in contigs:
                        elsewhere[name] = elsewhere.get(name, 0) + 1
                    elif start >= contigs[name]:
                        beyond += 1
                    else:
                        rows.setdefault(name, []).append((start, end))
            notes += _notes(kind, path, elsewhere, beyond)
        spans[kind] = {name: tuple(np.array(listed, np.int64).T) for name, listed in rows.items()}
    return MaskRegions(spans, tuple(notes))


def _check_names(annotated, contigs: Mapping[str, int], path, fasta) -> None:
    if not any(name in contigs for name in annotated.features):
        raise errors.InputError(
            'TK11',
            f'no row is on a contig of {os.path.basename(fasta)}, which has '
            f'{signal_file.listed(contigs)}; this file has '
            f'{signal_file.listed(annotated.features)}',
            path=path,
            fix="name a file of this genome (one may write 'chr' before the names)",
        )


def _notes(kind: str, path, elsewhere: Mapping[str, int], beyond: int) -> list[str]:
    name, notes = os.path.basename(path), []
    if elsewhere:
        notes.append(
            f'{kind} {name}: rows on contigs that are not read: {sum(elsewhere.values()):,} '
            f'({signal_file.listed(elsewhere)})'
        )
    if beyond:
        notes.append(f'{kind} {name}: rows beyond the end of their contig: {beyond:,}')
    return notes


def usable_bases(
    regions: MaskRegions, contig: str, codes_L: np.ndarray, beyond_L: np.ndarray, start: int
) -> dict[str, np.ndarray]:
    """By reason, in the order of `REASONS`: which bases neither it nor one before it masks.

    Args:
        codes_L: base codes from `start` on; any code beyond the contig.
        beyond_L: which of them are beyond the contig.
    """
    end = start + len(codes_L)
    result = {BEYOND: ~beyond_L}
    result[UNKNOWN_BASES] = result[BEYOND] & (codes_L < dna.UNKNOWN)
    before = result[UNKNOWN_BASES]
    for kind in KINDS:
        before = result[kind] = before & ~regions.masked(kind, contig, start, end)
    return result


def count_lost(usable: Mapping[str, np.ndarray], width: int, min_known: float) -> dict[str, int]:
    """Bins that each reason takes from those that the reasons before it leave."""
    lost, before = {}, None
    for reason, usable_L in usable.items():
        known = int(binning.known_bins(usable_L, width, min_known).sum())
        lost[reason] = (len(usable_L) // width if before is None else before) - known
        before = known
    return lost
