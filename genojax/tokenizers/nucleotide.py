"""One token per base: the overlapping 1-mer, with an id of its own for N."""

import numpy as np

from genojax import dna
from genojax.tokenizers import kmer


class NucleotideTokenizer(kmer.KmerTokenizer):
    """Single nucleotides: [PAD] [UNK] [CLS] [SEP] [MASK] A C G T N.

    N has an id, so a model can read it; it is never a prediction target.
    """

    base_order = dna.ALPHABET
    unknown_base = 9

    def __init__(self):
        super().__init__(1)
        self.vocab_size = 10

    def _fill(self, ids: np.ndarray, codes: np.ndarray) -> None:
        np.add(codes, self.first_kmer, out=ids, dtype=np.int32)  # A C G T N are 0 .. 4

    def decode(self, ids: np.ndarray) -> str:
        ids = np.asarray(ids)
        return super().decode(np.where(ids == self.unknown_base, self.special.unk, ids))
