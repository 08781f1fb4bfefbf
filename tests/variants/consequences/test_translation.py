"""Codons by NCBI's codes."""

import pytest

from genojax import errors
from genojax.variants.consequences import translation


@pytest.mark.parametrize(
    ('code', 'bases', 'protein'),
    [
        (1, 'ATGTGAAGATAA', 'M*R*'),
        (2, 'ATGTGAAGAATA', 'MW*M'),
        (5, 'ATGTGAAGAATA', 'MWSM'),
        (1, 'ATGNAATT', 'MX'),
        (1, 'AT', ''),
    ],
)
def test_translation(code, bases, protein):
    assert translation.translate(bases, code) == protein


def test_an_unknown_code_names_the_others():
    with pytest.raises(errors.UsageError, match='no genetic code 3; there are 1, 2, 4, 5, 11'):
        translation.amino_acids(3)
