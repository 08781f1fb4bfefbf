"""Nucleotide Transformer's rules and ids; rows of one width that count what they drop."""

import numpy as np
import pytest

from genojax import dna
from genojax.tokenizers import base, nonoverlapping

LETTERS = list('ACGTACGTACGTNacgtnRYKM')


def by_hand(sequence: str, k: int) -> list[str]:
    """The rules, letter by letter."""
    words, run = [], ''
    for letter in [*sequence.upper(), '']:
        if letter and letter in 'ACGT':
            run += letter
            continue
        whole = len(run) // k * k
        words += [run[i : i + k] for i in range(0, whole, k)] + list(run[whole:])
        words += ['N'] if letter else []
        run = ''
    return words


def words(tokenizer, ids):
    return [tokenizer.texts[i] for i in ids]


def random_sequence(length, seed):
    return ''.join(np.random.default_rng(seed).choice(LETTERS, length))


# Published with the original tokenizer: docs/nucleotide_transformer.md and
# docs/agro_nucleotide_transformer.md.
PUBLISHED = {
    'ACGTGTACGTGCACGGACGACTAGTCAGCA': 'ACGTGT ACGTGC ACGGAC GACTAG TCAGCA',
    'ACGTGTACNTGCACGGANCGACTAGTCTGA': 'ACGTGT A C N TGCACG G A N CGACTA GTCTGA',
    'ATCCCGGNNTCGACACN': 'ATCCCG G N N TCGACA C N',
}


@pytest.mark.parametrize('variant', ['v1', 'v2'])
@pytest.mark.parametrize('sequence', PUBLISHED)
def test_the_published_examples(sequence, variant):
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6, variant)
    ids = tokenizer.encode(sequence, special=True)
    assert ids[0] == tokenizer.special.cls
    assert words(tokenizer, ids[1:]) == PUBLISHED[sequence].split()
    assert tokenizer.decode(ids) == sequence


@pytest.mark.parametrize(
    ('variant', 'size', 'known'),
    [
        ('v1', 4105, {'AAAAAA': 4, 'AAAAAT': 5, 'AAAAAC': 6, 'GGGGGG': 4099, 'A': 4100, 'T': 4101,
                      'C': 4102, 'G': 4103, 'N': 4104}),
        ('v2', 4107, {'AAAAAA': 6, 'AAAATA': 10, 'GGGGGG': 4101, 'A': 4102, 'T': 4103, 'C': 4104,
                      'G': 4105, 'N': 4106}),
    ],
)  # fmt: skip
def test_the_published_ids(variant, size, known):
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6, variant)
    assert tokenizer.vocab_size == size == len(tokenizer.lengths)
    assert tokenizer.special == base.SpecialIds(pad=1, unk=0, cls=3, sep=None, mask=2)
    for word, token in known.items():
        assert tokenizer.encode(word).tolist() == [token]


@pytest.mark.parametrize('k', [2, 3, 6])
def test_tokens_spans_and_text_of_any_sequence_follow_the_rules(k):
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(k)
    for length in range(60):
        sequence = random_sequence(length, length)
        ids = tokenizer.encode(sequence, special=True)
        expected = by_hand(sequence, k)
        assert words(tokenizer, ids[1:]) == expected
        spans = tokenizer.spans(ids)
        assert spans[0].tolist() == [-1, -1]
        known = dna.decode(dna.encode(sequence))
        assert [known[start:end] for start, end in spans[1:]] == expected
        assert tokenizer.decode(ids) == known


@pytest.mark.parametrize('share', [0.0, 0.05, 1.0])
def test_a_batch_equals_its_rows_one_by_one(share):
    """Rows with and without unknown bases, short ones and empty ones in one batch."""
    random = np.random.default_rng(3)
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    codes = random.integers(0, 4, (40, 50)).astype(np.uint8)
    codes[random.random(codes.shape) < share] = dna.UNKNOWN
    codes[::2] %= 4
    valid = np.where(np.arange(40) % 3 == 0, random.integers(0, 51, 40), 50)
    rows = tokenizer.encode_rows(codes, valid, width=60)
    assert rows.covered_B.tolist() == valid.tolist()
    for row in range(40):
        alone = tokenizer.encode(codes[row, : valid[row]], special=True)
        count = len(alone)
        assert rows.tokens_BT[row, :count].tolist() == alone.tolist()
        assert (rows.tokens_BT[row, count:] == tokenizer.special.pad).all()
        assert rows.spans_BT2[row, :count].tolist() == tokenizer.spans(alone).tolist()
        assert (rows.spans_BT2[row, count:] == -1).all()


def test_a_row_that_needs_more_tokens_covers_fewer_bases():
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    codes = np.stack([dna.encode('ACGTACGTACGT'), dna.encode('ACGNNNGTACGT')])
    assert tokenizer.num_tokens(12) == 5
    rows = tokenizer.encode_rows(codes)
    assert rows.covered_B.tolist() == [12, 6]  # ACG N N N are the five tokens
    assert words(tokenizer, rows.tokens_BT[1]) == ['', 'ACG', 'N', 'N', 'N']
    with pytest.raises(ValueError, match='row 1 needs more than the 5 tokens'):
        tokenizer.encode(codes)
    wide = nonoverlapping.NonOverlappingKmerTokenizer(3, tokens=8)
    assert wide.encode_rows(codes).covered_B.tolist() == [12, 12]
    assert wide.encode(codes, special=True).shape == (2, 8)


def test_a_window_of_known_bases_fits_exactly():
    """The default width is what such a window needs: no padding, no dropped bases."""
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    for length in (1, 5, 6, 512, 5_994):
        codes = np.random.default_rng(length).integers(0, 4, (3, length)).astype(np.uint8)
        rows = tokenizer.encode_rows(codes)
        assert (rows.covered_B == length).all()
        assert (rows.tokens_BT != tokenizer.special.pad).all()
    # Published by the authors of Nucleotide Transformer: 5,994 bases in 1,000 tokens, 12,282 in
    # 2,048.
    assert tokenizer.num_tokens(5_994) == 1_000
    assert tokenizer.num_tokens(12_282) == 2_048


def test_a_mask_stands_for_k_bases():
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    ids = tokenizer.encode('ATCGCTAGC', special=True)
    ids[2] = tokenizer.special.mask
    assert tokenizer.decode(ids) == 'ATCNNNAGC'
    assert tokenizer.spans(ids).tolist() == [[-1, -1], [0, 3], [3, 6], [6, 9]]


@pytest.mark.parametrize('bad', [{'k': 1}, {'k': 9}, {'tokens': 1}])
def test_invalid_parameters_are_refused(bad):
    with pytest.raises(ValueError, match='k=|tokens='):
        nonoverlapping.NonOverlappingKmerTokenizer(**bad)
