"""Codons as tokens: consecutive 3-mers in the order A, C, G, T, and bases where none is whole."""

import dataclasses
from typing import Literal

from genojax.tokenizers import base, nonoverlapping


@dataclasses.dataclass(frozen=True)
class CodonConfig(base.TokenizerConfigBase):
    """Has no fields of its own but the width of a row."""

    kind: Literal['codon'] = 'codon'
    tokens: int = 0  # per row, special ones included; 0: what a row of known bases needs

    def build(self) -> 'CodonTokenizer':
        return CodonTokenizer(self.tokens)


class CodonTokenizer(nonoverlapping.NonOverlappingKmerTokenizer):
    """The ids are the alphabet's, where Nucleotide Transformer's order is A, T, C, G."""

    base_order = 'ACGT'

    def __init__(self, tokens: int):
        super().__init__(k=3, tokens=tokens)
