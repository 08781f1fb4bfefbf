"""Codons as amino acids, by NCBI's genetic codes."""

import functools

from genojax import errors

NCBI_ORDER = 'TCAG'
# Number of the code -> amino acids of the codons in the order TTT, TTC, TTA, TTG, TCT, ...
GENETIC_CODES = {
    1: 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG',
    2: 'FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSS**VVVVAAAADDEEGGGG',
    4: 'FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG',
    5: 'FFLLSSSSYY**CCWWLLLLPPPPHHQQRRRRIIMMTTTTNNKKSSSSVVVVAAAADDEEGGGG',
    11: 'FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG',
}
UNKNOWN = 'X'  # a codon with a base that is not known


@functools.cache
def amino_acids(code: int = 1) -> dict[str, str]:
    """Codon -> amino acid in one letter, '*' for a stop.

    Raises:
        UsageError: a number that is not one of `GENETIC_CODES`.
    """
    if code not in GENETIC_CODES:
        listed = ', '.join(map(str, GENETIC_CODES))
        raise errors.UsageError(
            f'no genetic code {code}; there are {listed} of NCBI. Fix: --genetic-code=1'
        )
    codons = (a + b + c for a in NCBI_ORDER for b in NCBI_ORDER for c in NCBI_ORDER)
    return dict(zip(codons, GENETIC_CODES[code], strict=True))


def translate(bases: str, code: int = 1) -> str:
    """The amino acids of whole codons; bases of a last codon that is not whole are left out."""
    table = amino_acids(code)
    return ''.join(table.get(bases[at : at + 3], UNKNOWN) for at in range(0, len(bases) - 2, 3))
