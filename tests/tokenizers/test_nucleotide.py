"""Single nucleotides: one token per base, and an id for N."""

import numpy as np

from genojax import dna
from genojax.tokenizers import nucleotide


def test_n_has_an_id_of_its_own():
    tokenizer = nucleotide.NucleotideTokenizer()
    assert tokenizer.encode('ACGTN', special=True).tolist() == [2, 5, 6, 7, 8, 9, 3]
    assert tokenizer.decode(tokenizer.encode('acgtn')) == 'ACGTN'
    assert tokenizer.vocab_size == 10


def test_every_token_covers_its_base():
    tokenizer = nucleotide.NucleotideTokenizer()
    codes = np.random.default_rng(0).integers(0, 5, 30).astype(np.uint8)
    ids = tokenizer.encode(codes, special=True)
    assert tokenizer.spans(ids)[1:-1].tolist() == [[n, n + 1] for n in range(30)]
    assert tokenizer.decode(ids) == dna.decode(codes)
    assert tokenizer.lengths.tolist() == [0, 1, 0, 0, 0, 1, 1, 1, 1, 1]
