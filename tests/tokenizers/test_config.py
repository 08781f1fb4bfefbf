"""TokenizerConfig: which fields go together, and the copies of tokenizer files."""

import dataclasses

import numpy as np
import pytest

from genojax import config, errors, tokenizers
from tests.tokenizers import files


@pytest.mark.parametrize(
    ('kind', 'fields'),
    [('kmer', {'file': 'a.json'}), ('kmer', {'tokens': 9}), ('nucleotide', {'k': 6}),
     ('nonoverlapping', {'tokens': -1})],
)  # fmt: skip
def test_fields_of_other_kinds_are_refused(kind, fields):
    with pytest.raises(ValueError, match='file|tokens|k='):
        tokenizers.TokenizerConfig(kind, **fields)


def test_a_missing_file_name_is_an_error_with_the_flag_that_sets_it():
    with pytest.raises(errors.UsageError, match='--config.tokenizer.file=FILE'):
        tokenizers.make(tokenizers.TokenizerConfig('bpe'))


def test_a_copy_remains_when_the_file_is_gone_and_a_changed_file_is_noticed(tmp_path):
    original = tmp_path / 'original.json'
    by_path = tokenizers.TokenizerConfig('bpe', file=files.write(original))
    (tmp_path / 'run').mkdir()
    copied = tokenizers.copy_file(by_path, tmp_path / 'run')
    values = tokenizers.with_relative_file(config.to_dict(copied))
    assert str(tmp_path) not in str(values)  # a workdir may be moved
    original.unlink()
    moved = (tmp_path / 'run').rename(tmp_path / 'moved')
    values = tokenizers.with_absolute_file(values, moved)
    opened = config.from_dict(tokenizers.TokenizerConfig, values)
    ids = tokenizers.make(opened).encode('ACGTTATA')
    files.write(original)
    assert np.array_equal(tokenizers.make(by_path).encode('ACGTTATA'), ids)
    assert tokenizers.identity(by_path) == tokenizers.identity(opened)
    # Another file at the path of the original is another tokenizer; at that of the copy, damage.
    files.write(original, words=['T', 'G', 'C', 'A', 'AC', 'GT', 'TA', 'ACGT', 'TATA'])
    assert tokenizers.identity(by_path) != tokenizers.identity(opened)
    with pytest.raises(errors.DamageError, match='is not the tokenizer of this run'):
        tokenizers.make(dataclasses.replace(opened, file=str(original)))
