"""A record is the same however its lines are cut, and its figures are those of its letters."""

import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.data.formats import sequence_record

LETTERS = b'ACGTNRYacgtn' * 9 + b'GGC'
TEXT = b'\n'.join(LETTERS[i : i + 20] for i in range(0, len(LETTERS), 20)) + b'\n'


def _build(pieces, rna=False):
    builder = sequence_record.RecordBuilder('r', 'about it', 7, 'x.fa', rna)
    for line, piece in enumerate(pieces, 8):
        builder.add(piece, line)
    return builder.finish()


@pytest.mark.parametrize('size', [1, 7, 21, 1000])
def test_a_record_does_not_depend_on_how_its_lines_arrive(size):
    whole = _build([TEXT])
    record = _build([TEXT[i : i + size] for i in range(0, len(TEXT), size)])
    np.testing.assert_array_equal(record.codes, whole.codes)
    np.testing.assert_array_equal(record.soft_masked, whole.soft_masked)
    assert record.stats == whole.stats


def test_figures_are_those_of_the_letters():
    record = _build([TEXT])
    np.testing.assert_array_equal(record.codes, dna.encode(LETTERS))
    assert record.soft_masked.sum() == record.stats.soft_masked == 45
    assert record.stats.counts == tuple(np.bincount(record.codes, minlength=5).tolist())
    assert record.stats.iupac == {'R': 9, 'Y': 9} and record.stats.line == 7
    assert record.stats.digest == genome.refget_digest(LETTERS.upper())
    assert not record.stats.uneven_lines and record.stats.blank_lines == 0


@pytest.mark.parametrize(
    ('text', 'uneven', 'blank'),
    [(b'ACGT\nAC\n', False, 0), (b'AC\nACGT\n', True, 0), (b'AC\n\nAC\n', False, 1), (b'ACG\nAC\nACG', True, 0)],
)  # fmt: skip
def test_line_lengths_are_checked_as_an_index_needs_them(text, uneven, blank):
    for size in (1, 3, 99):
        stats = _build([text[i : i + size] for i in range(0, len(text), size)]).stats
        assert (stats.uneven_lines, stats.blank_lines) == (uneven, blank)


def test_rna_is_read_as_dna_on_request_only():
    assert dna.decode(_build([b'ACGUu\n'], rna=True).codes) == 'ACGTT'
    with pytest.raises(errors.InputError, match='FA08') as caught:
        _build([b'ACGT\n', b'ACU\n'])
    assert (caught.value.line, caught.value.position) == (9, 7)
    with pytest.raises(errors.InputError, match='FA03'):
        _build([])
