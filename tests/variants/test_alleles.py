"""Every ALT has one state; an edit makes the same haplotype wherever it is written."""

import numpy as np
import pytest

from genojax import dna
from genojax.variants import alleles
from genojax.variants.alleles import AlleleState, Edit

STATES = {
    'C': AlleleState.SCORED,
    'acg': AlleleState.SCORED,
    'A': AlleleState.SAME_AS_REF,
    'a': AlleleState.SAME_AS_REF,
    'N': AlleleState.NON_ACGT,
    'R': AlleleState.NON_ACGT,
    '*': AlleleState.STAR,
    '.': AlleleState.MISSING,
    '<DEL>': AlleleState.SYMBOLIC,
    '<*>': AlleleState.SYMBOLIC,
    '<NON_REF>': AlleleState.SYMBOLIC,
    'G]17:198982]': AlleleState.SYMBOLIC,
    ']13:123456]T': AlleleState.SYMBOLIC,
    '[<ctg1>:1[A': AlleleState.SYMBOLIC,
    '.A': AlleleState.SYMBOLIC,
    'G.': AlleleState.SYMBOLIC,
    '': AlleleState.MALFORMED,
    'A-C': AlleleState.MALFORMED,
    '1': AlleleState.MALFORMED,
    '<DEL': AlleleState.MALFORMED,
}


@pytest.mark.parametrize(('alternate', 'state'), STATES.items())
def test_state_of_an_alternate(alternate, state):
    assert alleles.text_states('A', (alternate,)) == [state]


def test_there_are_at_most_twelve_states_and_repeats_are_named():
    assert len(AlleleState) <= 12
    states = alleles.text_states('A', ('C', 'c', 'G', '*', '*'))
    expected = [AlleleState.SCORED, AlleleState.DUPLICATE, AlleleState.SCORED]
    assert states == [*expected, AlleleState.STAR, AlleleState.STAR]


@pytest.mark.parametrize(
    ('reference', 'alternate', 'edit', 'kind'),
    [
        ('A', 'C', Edit(10, 'A', 'C'), 'SNV'),
        ('ACG', 'ATG', Edit(11, 'C', 'T'), 'SNV'),
        ('AC', 'GT', Edit(10, 'AC', 'GT'), 'MNV'),
        ('A', 'AT', Edit(11, '', 'T'), 'insertion'),
        ('AT', 'A', Edit(11, 'T', ''), 'deletion'),
        ('TAA', 'TA', Edit(11, 'A', ''), 'deletion'),
        ('AC', 'T', Edit(10, 'AC', 'T'), 'delins'),
        ('ACC', 'GC', Edit(10, 'AC', 'G'), 'delins'),
    ],
)
def test_shared_bases_are_trimmed(reference, alternate, edit, kind):
    assert alleles.trimmed(10, reference, alternate) == edit
    assert edit.kind == kind


def haplotype(text, edit):
    assert text[edit.position : edit.end] == edit.reference
    return text[: edit.position] + edit.alternate + text[edit.end :]


def test_left_shift_keeps_the_haplotype_and_is_leftmost():
    """Against all edits of the same length: the leftmost that gives the same haplotype."""
    rng = np.random.default_rng(0)
    for _ in range(300):
        text = ''.join(rng.choice(list('AC' if rng.random() < 0.7 else 'ACGT'), 24))
        at, size = int(rng.integers(0, 20)), int(rng.integers(1, 5))
        if rng.random() < 0.5:
            edit = Edit(at, text[at : at + size], '')
            others = [Edit(i, text[i : i + size], '') for i in range(len(text) - size + 1)]
        else:
            edit = Edit(at, '', ''.join(rng.choice(list('AC'), size)))
            target = haplotype(text, edit)
            others = [Edit(i, '', target[i : i + size]) for i in range(len(text) + 1)]
        target = haplotype(text, edit)
        equal = [other for other in others if haplotype(text, other) == target]
        assert alleles.shifted_left(edit, dna.encode(text)) == equal[0]
