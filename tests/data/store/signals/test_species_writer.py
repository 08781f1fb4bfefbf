"""Values of bases from files: shifts, signs, and what absent means."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.track_files import signal_file, signal_table
from genojax.data.store.signals import sources, species_writer

CONTIG = sources.SourceContig('c', 20, 0, False, '')
TEXT = 'c\t2\t5\t1\nc\t5\t8\t3\nc\t10\t12\tnan\n'


def read(tmp_path, text: str, start: int, end: int, **changes) -> np.ndarray:
    path = tmp_path / 'x.bg'
    path.write_text(text)
    (tmp_path / 'tracks.tsv').write_text('name\tpath\nx\tx.bg\n')
    (row,) = signal_table.read(tmp_path / 'tracks.tsv')
    for name, value in changes.items():
        object.__setattr__(row, name, value)
    folder = tmp_path / f'rows{len(list(tmp_path.iterdir()))}'
    file = signal_file.open_file(path, folder)
    return species_writer.read_signal(file, row, CONTIG, start, end)


NAN = np.nan


def test_absent_is_not_zero_unless_the_table_says_so(tmp_path):
    values = read(tmp_path, TEXT, 0, 13)
    expected = [NAN, NAN, 1, 1, 1, 3, 3, 3, NAN, NAN, NAN, NAN, NAN]
    np.testing.assert_array_equal(values, expected)
    # What the file says is no number stays unknown.
    values = read(tmp_path, TEXT, 0, 13, absent='zero')
    np.testing.assert_array_equal(values, [0, 0, 1, 1, 1, 3, 3, 3, 0, 0, NAN, NAN, 0])


@pytest.mark.parametrize('shift', [-4, -1, 0, 3, 50])
def test_a_shift_moves_the_signal_to_the_right(tmp_path, shift):
    whole = read(tmp_path, TEXT, 0, 20, absent='zero')
    moved = np.full(20, NAN)
    for position in range(20):
        if 0 <= position + shift < 20:
            moved[position + shift] = whole[position]
    np.testing.assert_array_equal(read(tmp_path, TEXT, 0, 20, absent='zero', shift=shift), moved)
    np.testing.assert_array_equal(
        read(tmp_path, TEXT, 7, 15, absent='zero', shift=shift), moved[7:15]
    )


def test_beyond_the_contig_there_is_no_value(tmp_path):
    values = read(tmp_path, TEXT, 15, 25, absent='zero')
    np.testing.assert_array_equal(values, [0] * 5 + [NAN] * 5)


def test_negative_and_infinite_values_are_refused_with_their_place(tmp_path):
    text = 'c\t2\t5\t1\nc\t5\t8\t-3\n'
    words = r"GX-TK14: .*x.bg: record 'c', base 6: .*the value -3 is negative. Fix: write -1 in"
    with pytest.raises(errors.InputError, match=words):
        read(tmp_path, text, 3, 9)
    with pytest.raises(errors.InputError, match='base 3: .*the value -1 is negative'):
        read(tmp_path, text, 0, 9, scale=-1.0)
    minus = read(tmp_path, 'c\t5\t8\t-3\n', 4, 9, scale=-0.5)
    np.testing.assert_array_equal(minus, [NAN, 1.5, 1.5, 1.5, NAN])
    with pytest.raises(errors.InputError, match='the value inf is infinite'):
        read(tmp_path, 'c\t2\t5\tinf\n', 0, 9)
