"""Both windows of a pair have one length and are pieces of the two haplotypes."""

import numpy as np
import pytest

from genojax import dna
from genojax.variants import windows
from genojax.variants.alleles import AlleleState, Edit
from genojax.variants.windows import AllelePair

LENGTH = 16


def pairs():
    rng = np.random.default_rng(1)
    text = ''.join(rng.choice(list('ACGT'), 50))
    for position in range(51):
        for size in (0, 1, 3, 8):
            for alternate in ('', 'A', 'CCA', 'GATTACAG'):
                reference = text[position : position + size]
                if len(reference) == size and reference != alternate:
                    yield text, Edit(position, reference, alternate)


def test_windows_are_pieces_of_the_haplotypes_and_hold_the_alleles():
    count = 0
    for text, edit in pairs():
        pair = windows.cut(dna.encode(text), edit, LENGTH)
        # Bases beyond the end of the contig would have to follow the allele.
        deleted = max(len(edit.reference) - len(edit.alternate), 0)
        longer = max(len(edit.reference), len(edit.alternate))
        if edit.position + longer > len(text) - deleted:
            assert pair == AlleleState.CONTIG_EDGE
            continue
        count += 1
        haplotype = text[: edit.position] + edit.alternate + text[edit.end :]
        reference, alternate = dna.decode(pair.reference_L), dna.decode(pair.alternate_L)
        assert len(reference) == len(alternate) == LENGTH
        assert reference == text[pair.start : pair.start + LENGTH]
        assert alternate == haplotype[pair.start : pair.start + LENGTH]
        at = pair.offset
        assert reference[at : at + len(edit.reference)] == edit.reference
        assert alternate[at : at + len(edit.alternate)] == edit.alternate
        assert reference != alternate or edit.kind in ('insertion', 'deletion')
        reverse = pair.reverse_complement()
        assert dna.decode(reverse.reference_L) == dna.reverse_complement_text(reference)
        end = reverse.offset + len(edit.reference)
        inside = dna.decode(reverse.reference_L[reverse.offset : end])
        assert inside == dna.reverse_complement_text(edit.reference)
    assert count > 500


def test_a_window_is_centred_and_moves_inwards_at_the_ends():
    codes = np.zeros(100, np.uint8)
    starts = {p: windows.cut(codes, Edit(p, 'A', 'C'), 10).start for p in (0, 4, 50, 95, 99)}
    assert starts == {0: 0, 4: 0, 50: 45, 95: 90, 99: 90}


@pytest.mark.parametrize(
    ('size', 'edit', 'state'),
    [
        (9, Edit(4, 'A', 'C'), AlleleState.CONTIG_EDGE),
        (10, Edit(4, 'AA', ''), AlleleState.CONTIG_EDGE),  # no base to take the place of two
        (50, Edit(4, 'A', 'C' * 6), AlleleState.TOO_LONG),
        (50, Edit(4, 'A' * 6, ''), AlleleState.TOO_LONG),
    ],
)
def test_why_there_is_no_window(size, edit, state):
    assert windows.cut(np.zeros(size, np.uint8), edit, 10) == state


def test_a_contig_of_one_window_is_enough():
    assert isinstance(windows.cut(np.zeros(10, np.uint8), Edit(9, 'A', 'C'), 10), AllelePair)
