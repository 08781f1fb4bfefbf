"""Nucleotide Transformer's two versions and two sources: which is which, and its vocabulary."""

import json

import pytest

from genojax import convert, errors, tokenizers
from genojax.convert import files, nucleotide_transformer
from tests.convert import published


@pytest.mark.parametrize('kind', ['nt_v1', 'nt_v2'])
def test_either_version_is_recognised_in_either_source(kind, loaded, sources, tmp_path):
    assert nucleotide_transformer.recognise(files.open_source(sources[kind])) == kind
    convert.save(loaded[kind], tmp_path / 'hf', 'safetensors')
    assert nucleotide_transformer.recognise(files.open_source(tmp_path / 'hf')) == kind


@pytest.mark.parametrize(('kind', 'first'), [('nt_v1', 4), ('nt_v2', 6)])
def test_the_vocabulary_that_is_written_is_that_of_our_tokenizer(kind, first, loaded, tmp_path):
    convert.save(loaded[kind], tmp_path / 'out')
    words = (tmp_path / 'out' / 'vocab.txt').read_text().split()
    tokenizer = tokenizers.make(loaded[kind].tokenizer)
    assert len(words) == tokenizer.vocab_size == loaded[kind].config.vocab
    assert words[first:] == tokenizer.texts[first:]
    special = tokenizer.special
    names = {
        '<unk>': special.unk,
        '<pad>': special.pad,
        '<mask>': special.mask,
        '<cls>': special.cls,
    }
    assert {words[token]: token for token in names.values()} == names
    values = json.loads((tmp_path / 'out' / 'tokenizer_config.json').read_text())
    assert values['tokenizer_class'] == 'EsmTokenizer' and values['eos_token'] is None


def test_another_vocabulary_is_refused(tmp_path):
    """A model of v2 that has two special ids less, as v1 has."""
    folder = published.write('nt_v2', tmp_path)
    tensors = dict(published.oracle('nt_v2').tensors)
    for name, x in tensors.items():
        if 75 in x.shape:
            tensors[name] = x.take(range(73), axis=x.shape.index(75))
    files.write_tensors(folder / 'weights.npz', tensors)
    with pytest.raises(errors.InputError, match="CV06.*a vocabulary of 73 is not nt_v2's special"):
        convert.load(folder)
