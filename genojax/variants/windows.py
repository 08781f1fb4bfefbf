"""Windows of sequence around a variant: the reference and the alternate allele, of equal length.

A window is centred on the reference allele where the contig allows it and moved inwards at the ends
of the contig; it is never padded. After an insertion the window of the alternate allele ends
earlier on the contig, after a deletion later, so that both hold the same number of bases.
"""

import dataclasses

import numpy as np

from genojax import dna
from genojax.variants.alleles import AlleleState, Edit
from genojax.variants.reference import Bases


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class AllelePair:
    """Two windows that differ by one edit.

    Attributes:
        reference_L, alternate_L: base codes, uint8, of equal length.
        offset: first base of the edit in the window.
        edit: the change.
        start: first base of the window on the contig, 0-based; -1 where it has no place on one.
    """

    reference_L: np.ndarray
    alternate_L: np.ndarray
    offset: int
    edit: Edit
    start: int = -1

    def reverse_complement(self) -> 'AllelePair':
        """The pair read on the other strand; `offset` is that in the reference window."""
        size = len(self.reference_L)
        return dataclasses.replace(
            self,
            reference_L=np.ascontiguousarray(dna.reverse_complement(self.reference_L)),
            alternate_L=np.ascontiguousarray(dna.reverse_complement(self.alternate_L)),
            offset=size - self.offset - len(self.edit.reference),
        )


def cut(contig: Bases, edit: Edit, length: int) -> AllelePair | AlleleState:
    """The pair of windows of `length` bases, or why there is none.

    Args:
        contig: its bases.
    """
    if max(len(edit.reference), len(edit.alternate)) > length // 2:
        return AlleleState.TOO_LONG
    growth = len(edit.alternate) - len(edit.reference)
    last = len(contig) - length - max(-growth, 0)  # the last start that leaves enough bases
    if last < 0:
        return AlleleState.CONTIG_EDGE
    start = edit.position + len(edit.reference) // 2 - length // 2
    start = min(max(start, 0), last)
    offset = edit.position - start
    # At the very end of the contig an insertion or deletion may not fit.
    if offset + max(len(edit.alternate), len(edit.reference)) > length:
        return AlleleState.CONTIG_EDGE
    reference_L = np.array(contig[start : start + length], np.uint8)
    after = contig[edit.end : start + length - growth]
    parts = [reference_L[:offset], dna.encode(edit.alternate), np.asarray(after)]
    alternate_L = np.concatenate(parts).astype(np.uint8)
    return AllelePair(reference_L, alternate_L, offset, edit, start)
