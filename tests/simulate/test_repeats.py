"""Repeat copies and their families."""

import numpy as np
import pytest

from genojax import dna
from genojax.simulate import repeats


@pytest.fixture
def library():
    return repeats.families(np.random.default_rng(0))


@pytest.mark.parametrize('bases', [0, 24, 25, 1_000, 50_000])
def test_copies_have_the_requested_number_of_bases(library, bases):
    codes, names, strands = repeats.copies(np.random.default_rng(1), library, bases)
    assert 0 <= bases - sum(map(len, codes)) < repeats.MIN_COPY
    assert len(codes) == len(names) == len(strands)
    assert set(strands) <= {'+', '-'}


def test_young_copies_are_of_active_families_and_resemble_their_consensus(library):
    active = {family.name: family for family in library if family.active}
    codes, names, strands = repeats.copies(np.random.default_rng(2), library, 60_000, young=True)
    assert set(names) == set(active)
    identities = []
    for copy, name, strand in zip(codes[:-1], names, strands, strict=False):
        family = active[name]
        if not family.truncated:
            forward = dna.reverse_complement(copy) if strand == '-' else copy
            identities.append((forward[: family.length] == family.consensus).mean())
    assert len(identities) > 50 and np.mean(identities) > 0.98
