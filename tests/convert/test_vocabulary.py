"""Vocabularies beside published weights: another order is taken over, other words are refused."""

import itertools
import json

import numpy as np
import pytest

from genojax import convert, errors, json_files
from genojax.convert import bert, nucleotide_transformer, vocabulary
from genojax.inference import model as models
from genojax.inference import pretrained
from tests.convert import published

SPECIAL = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']
KMERS = {
    order: [''.join(word) for word in itertools.product(order, repeat=3)]
    for order in ('ATCG', 'ACGT')
}
SEQUENCE = 'ACGTTGCAACGGTTAC'
# The mean vector of `SEQUENCE` by transformers' BertModel and BertTokenizer with these vocabularies
# beside the oracle's weights (DNABERT issue 81: users train with an own order of words).
ORDERS = {
    'published': (
        [*SPECIAL, *KMERS['ATCG']],
        [-0.648292, -1.565654, -0.025516, 0.272347, 0.579167, 0.862028, -1.130004, 2.200207,
         -0.544066, 0.688027, -0.592121, -0.718839],
    ),
    'alphabetical': (
        [*SPECIAL, *KMERS['ACGT']],
        [-0.476021, -1.555067, 0.03994, 0.810425, 0.631996, 0.55875, -1.055728, 2.232213,
         -0.747783, 0.372174, -0.066387, -1.398711],
    ),
    'special last': (
        [*KMERS['ATCG'], *SPECIAL],
        [-0.517114, -1.603323, -0.94668, 1.262245, 0.239456, -0.071114, -0.579471, 1.999162,
         -0.341311, 0.285674, -0.140157, -0.327898],
    ),
}  # fmt: skip


def as_text(words, folder):
    (folder / 'vocab.txt').write_text('\n'.join(words) + '\n')


def as_json(words, folder):
    """A tokenizer.json as transformers writes it: added tokens beside the model's words."""
    ids = {word: i for i, word in enumerate(words)}
    added = [{'id': ids[word], 'content': word} for word in SPECIAL]
    kmers = {word: i for word, i in ids.items() if word not in SPECIAL}
    model = {'type': 'WordLevel', 'vocab': kmers, 'unk_token': '[UNK]'}
    json_files.write(folder / 'tokenizer.json', {'added_tokens': added, 'model': model})


@pytest.mark.parametrize('order', ORDERS)
def test_vectors_are_the_originals_in_every_order_of_words(order, tmp_path):
    words, expected = ORDERS[order]
    source = published.write('dnabert', tmp_path / 'source')
    (as_json if order == 'special last' else as_text)(words, source)
    loaded = convert.load(source)
    notes = loaded.provenance.get('notes', [])
    assert any('another order' in note for note in notes) == (order != 'published')
    described = pretrained.PretrainedModel(
        loaded.config, loaded.tokenizer, loaded.params, loaded.extra, {}
    )
    vector = models.Model(described).embed([SEQUENCE])[0]
    np.testing.assert_allclose(vector, expected, atol=2e-6)
    # Written for the original class, with the vocabulary of the rows as they are now.
    convert.save(loaded, tmp_path / 'theirs')
    assert (tmp_path / 'theirs' / 'vocab.txt').read_text().split() == ORDERS['published'][0]
    again = convert.load(tmp_path / 'theirs')
    np.testing.assert_array_equal(
        again.params['words']['embedding'], loaded.params['words']['embedding']
    )


def test_every_row_of_a_word_moves_together(loaded, tmp_path):
    """Table, bias and untied decoder of Nucleotide Transformer, by words in reversed order."""
    source = published.write('nt_v1', tmp_path / 'source')
    words = nucleotide_transformer.words('nt_v1', loaded['nt_v1'].tokenizer.k)
    fixed, rest = words[:4], words[4:][::-1]
    (source / 'vocab.txt').write_text('\n'.join([*fixed, *rest]) + '\n')
    moved, kept = convert.load(source).params, loaded['nt_v1'].params
    order = [*range(4), *range(len(words) - 1, 3, -1)]
    np.testing.assert_array_equal(moved['words']['embedding'], kept['words']['embedding'][order])
    np.testing.assert_array_equal(moved['head_bias'], kept['head_bias'][order])
    np.testing.assert_array_equal(moved['decoder']['kernel'], kept['decoder']['kernel'][:, order])


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda w: [*w[:7], 'AAN', *w[8:]], r"id 7 is 'AAN', where the published one is 'AAC'"),
        (lambda w: [*w, 'NNN'], "id 69 is 'NNN' "),
        (lambda w: w[:-1], r"id 68 is no word, where the published one is 'GGG'"),
        (lambda w: [*w[:-1], 'AAA'], r"vocab.txt:69: 'AAA' is also on line 6"),
        (lambda w: [word.lower() for word in w], r"id 0 is '\[pad\]'"),
    ],
)
def test_other_words_are_refused_and_the_first_is_named(tmp_path, change, words):
    source = published.write('dnabert', tmp_path / 'source')
    as_text(change(bert.kmer_words(3)), source)
    with pytest.raises(errors.InputError, match=f'GX-CV06: .*{words}'):
        convert.load(source)


def test_two_files_that_differ_are_refused(tmp_path):
    source = published.write('dnabert', tmp_path / 'source')
    as_text(ORDERS['published'][0], source)
    as_json(ORDERS['alphabetical'][0], source)
    with pytest.raises(errors.InputError, match="'AAT' has id 6 in vocab.txt and id 8 in tokeniz"):
        convert.load(source)


def test_a_list_of_words_beside_a_bpe_file_is_compared(tmp_path):
    source = published.write('dnabert2', tmp_path / 'source')
    ids = json.loads((source / 'tokenizer.json').read_text())['model']['vocab']
    words = sorted(ids, key=ids.get)
    as_text(words, source)
    convert.load(source)
    as_text([words[1], words[0], *words[2:]], source)
    with pytest.raises(errors.InputError, match='has id 0 in tokenizer.json and id 1 in vocab.txt'):
        convert.load(source)


def test_files_that_hold_no_words_are_named(tmp_path):
    (tmp_path / 'tokenizer.json').write_text('{"model": {"vocab": [["A", 0.0]]}}')
    with pytest.raises(errors.InputError, match='no list of words'):
        vocabulary.ids(tmp_path / 'tokenizer.json')
    (tmp_path / 'vocab.txt').write_bytes(b'[PAD]\n\xff\n')
    with pytest.raises(errors.DamageError, match='is not UTF-8'):
        vocabulary.ids(tmp_path / 'vocab.txt')
