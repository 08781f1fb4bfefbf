"""BPE: the library's ids for any file, spans of every token, and unusable files."""

import gzip
import sys

import numpy as np
import pytest
import tokenizers as library

from genojax import dna, errors, versions
from genojax.tokenizers import base, bpe
from tests.tokenizers import files

UGLY = [
    '', 'A', 'ACGTACGTTATATAC', 'acgtACGTaCgT', 'ACGTNNACGTN', 'ACGRYKMSWBDHVTA', 'N' * 9, 'N' * 30,
    'TA' + 'N' * 12 + 'ACGT' + 'N' * 3, 'NNNACGT' + 'n' * 12 + 'TATA',
]  # fmt: skip


@pytest.fixture(params=['plain', 'gena'])
def file(request, tmp_path):
    make = files.write if request.param == 'plain' else files.gena
    return make(tmp_path / 'tokenizer.json')


def check_equals_the_library(tokenizer, original, sequence):
    assert (
        tokenizer.encode(sequence).tolist()
        == original.encode(sequence, add_special_tokens=False).ids
    )
    assert tokenizer.encode(sequence, special=True).tolist() == original.encode(sequence).ids


@pytest.mark.parametrize('sequence', UGLY)
def test_ids_are_the_librarys(file, sequence):
    check_equals_the_library(bpe.BpeTokenizer(file), library.Tokenizer.from_file(file), sequence)


@pytest.mark.real
def test_ids_of_real_sequence_are_the_librarys(real_data):
    """DNABERT-2's file on human sequence, with N, lower case, IUPAC codes and short tails."""
    path = str(real_data / 'tokenizers' / 'dnabert2_117M_tokenizer.json')
    tokenizer, original = bpe.BpeTokenizer(path), library.Tokenizer.from_file(path)
    assert (tokenizer.special.unk, tokenizer.special_front, tokenizer.special_back) == (
        0,
        (1,),
        (2,),
    )
    assert (tokenizer.special.pad, tokenizer.special.mask, tokenizer.vocab_size) == (3, 4, 4096)
    lines = gzip.open(real_data / 'embed_default' / 'human_chr1_400kb.fa.gz', 'rt').readlines()
    text = ''.join(line.strip() for line in lines[1:400])
    random = np.random.default_rng(0)
    for start in range(0, 20_000, 997):
        letters = np.array(list(text[start : start + random.integers(1, 900)]))
        spots = random.random(len(letters))
        letters[spots < 0.02] = 'N'
        letters[(spots > 0.02) & (spots < 0.03)] = random.choice(list('RYKM'))
        letters[spots > 0.99] = np.char.lower(letters[spots > 0.99])
        check_equals_the_library(tokenizer, original, ''.join(letters))
    codes = dna.encode(text[:4096]).reshape(8, 512)
    rows = tokenizer.encode_rows(codes)
    assert (rows.covered_B == 512).all()
    for row, tokens in zip(codes, rows.tokens_BT, strict=True):
        expected = original.encode(dna.decode(row)).ids
        assert tokens[: len(expected)].tolist() == expected


def test_special_ids_are_read_from_the_file(tmp_path):
    special = {'[MASK]': 0, '[PAD]': 3, '[SEP]': 7, '[UNK]': 8, '[CLS]': 12}
    tokenizer = bpe.BpeTokenizer(files.write(tmp_path / 'a.json', special))
    assert tokenizer.special == base.SpecialIds(pad=3, unk=8, cls=12, sep=7, mask=0)
    assert (tokenizer.lengths[list(special.values())] == [0, 0, 0, 1, 0]).all()
    ids = tokenizer.encode('ACGTN', special=True)
    assert (ids[0], ids[-1], ids[-2]) == (12, 7, 8)
    assert not tokenizer.maskable[[0, 3, 7, 8, 12]].any()


@pytest.mark.parametrize('sequence', [s.upper() for s in UGLY])
def test_spans_cover_the_letters_of_their_tokens_and_tile_the_row(file, sequence):
    tokenizer = bpe.BpeTokenizer(file)
    codes = dna.encode(sequence)[None]
    rows = tokenizer.encode_rows(codes, width=40)
    assert rows.covered_B[0] == len(sequence)
    text, end = dna.decode(codes[0]), 0
    for token, (start, past) in zip(rows.tokens_BT[0], rows.spans_BT2[0], strict=True):
        if start < 0:
            assert not tokenizer.maskable[token]
            continue
        assert start == end
        end = past
        if tokenizer.maskable[token]:
            assert text[start:past] == tokenizer.texts[token]
        else:
            assert set(text[start:past]) == {'N'}
    assert end == len(sequence)


def test_spans_from_ids_alone_are_right_or_refused(tmp_path):
    tokenizer = bpe.BpeTokenizer(files.gena(tmp_path / 'a.json'))
    ids = tokenizer.encode('ACGTACNTATA', special=True)
    assert tokenizer.spans(ids).tolist() == [
        [-1, -1], [0, 4], [4, 6], [6, 7], [7, 11], [-1, -1]
    ]  # fmt: skip
    assert tokenizer.decode(ids) == 'ACGTACNTATA'
    for token in (tokenizer.encode('N' * 12)[0], tokenizer.special.mask):
        ids[1] = token
        with pytest.raises(ValueError, match='token 1 .* does not determine how many bases'):
            tokenizer.spans(ids)


def test_a_row_that_needs_more_tokens_covers_fewer_bases_and_has_its_special_tokens(tmp_path):
    tokenizer = bpe.BpeTokenizer(files.write(tmp_path / 'a.json'))
    codes = np.stack([dna.encode('ACGTACGTTATA'), dna.encode('CCCCCCCCCCCC')])
    assert tokenizer.num_tokens(12) == 5
    rows = tokenizer.encode_rows(codes, np.array([12, 9]))
    assert rows.covered_B.tolist() == [12, 3]
    assert (rows.tokens_BT[:, 0] == tokenizer.special.cls).all()
    assert (rows.tokens_BT[:, -1] == tokenizer.special.sep).all()
    with pytest.raises(ValueError, match='row 1 needs more'):
        tokenizer.encode(codes)
    wide = bpe.BpeTokenizer(files.write(tmp_path / 'a.json'), tokens=20)
    assert wide.encode_rows(codes).covered_B.tolist() == [12, 12]


def test_padding_and_truncation_of_the_file_are_off(tmp_path):
    cut = {'direction': 'Right', 'max_length': 4, 'strategy': 'LongestFirst', 'stride': 0}
    pad = {'strategy': {'Fixed': 64}, 'direction': 'Right', 'pad_to_multiple_of': None, 'pad_id': 3,
           'pad_type_id': 0, 'pad_token': '[PAD]'}  # fmt: skip
    tokenizer = bpe.BpeTokenizer(files.write(tmp_path / 'a.json', truncation=cut, padding=pad))
    plain = bpe.BpeTokenizer(files.write(tmp_path / 'b.json'))
    for sequence in ('ACGT' * 9, 'A'):
        assert np.array_equal(tokenizer.encode(sequence, True), plain.encode(sequence, True))


@pytest.mark.parametrize(
    ('make', 'problem'),
    [
        (lambda path: None, 'no such file'),
        (lambda path: path.write_text('{}'), 'not a tokenizer.json'),
        (lambda path: files.write(path, {'[UNK]': 0, '[CLS]': 1, '[SEP]': 2, '[PAD]': 3}), 'MASK'),
        (lambda path: files.write(path, words=['C', 'G', 'T', 'AC', 'GT', 'TA', 'ACGT', 'TATA'],
                                  model={'type': 'BPE', 'vocab': {'[UNK]': 8, '[PAD]': 3, '[MASK]': 0},
                                         'merges': []}), 'not a tokenizer for DNA'),
    ],
)  # fmt: skip
def test_unusable_files_are_refused(tmp_path, make, problem):
    make(tmp_path / 'a.json')
    with pytest.raises(errors.InputError, match=problem):
        bpe.BpeTokenizer(str(tmp_path / 'a.json'))


def test_without_the_extra_the_library_is_named_with_its_install_line(tmp_path, monkeypatch):
    file = files.write(tmp_path / 'a.json')
    monkeypatch.setitem(sys.modules, 'tokenizers', None)
    with pytest.raises(errors.UsageError) as caught:
        bpe.BpeTokenizer(file)
    message = str(caught.value)
    assert message.endswith(f'Fix: {versions.install_line("weights")}') and '\n' not in message
    assert message.startswith(f'{file}: byte-pair encoding needs the library tokenizers.')
