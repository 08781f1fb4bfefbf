"""Hi-C matrices: counts read back, weights that say what they are, and files that are refused."""

import itertools

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.contact_files import cool
from tests.data import contact_files

h5py = pytest.importorskip('h5py')


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    return contact_files.write_cool(tmp_path_factory.mktemp('cool') / 'a.cool')


def dense(file: cool.CoolFile, first: int = 0, end: int = contact_files.TOTAL) -> np.ndarray:
    result = np.zeros((contact_files.TOTAL,) * 2)
    for pixels in file.read(first, end):
        result[pixels.row_N, pixels.column_N] = pixels.count_N
    return result


@pytest.mark.parametrize('chunk', [1, 7, 1 << 18])
def test_counts_are_those_that_were_written_in_chunks_of_any_size(path, chunk, monkeypatch):
    monkeypatch.setattr(cool, 'CHUNK', chunk)
    file = cool.CoolFile(path, contact_files.BIN)
    assert (file.sizes, file.first_bin) == (contact_files.LENGTHS, contact_files.FIRST)
    upper = np.triu(contact_files.counts())
    np.testing.assert_array_equal(dense(file), upper)
    upper[:10] = upper[50:] = 0
    np.testing.assert_array_equal(dense(file, 10, 50), upper)
    assert max(len(pixels.row_N) for pixels in file.read(0, 93)) <= chunk


def test_a_matrix_of_an_mcool_file_is_chosen_by_its_bin(path, tmp_path):
    with h5py.File(path) as one, h5py.File(tmp_path / 'a.mcool', 'w') as many:
        one.copy(one['/'], many, 'resolutions/50')
        one.copy(one['/'], many, 'resolutions/400')
        many['resolutions/400'].attrs['bin-size'] = 400
    file = cool.CoolFile(tmp_path / 'a.mcool', 50)
    np.testing.assert_array_equal(dense(file), np.triu(contact_files.counts()))
    file = cool.CoolFile(f'{tmp_path}/a.mcool::resolutions/50')
    assert file.bin == 50
    with pytest.raises(errors.InputError, match='HC03.*those of 50, 400.*Fix: --bin=50'):
        cool.CoolFile(tmp_path / 'a.mcool', 64)
    with pytest.raises(errors.InputError, match="HC03.*no group 'x'"):
        cool.CoolFile(f'{tmp_path}/a.mcool::x')
    with pytest.raises(errors.InputError, match='HC03.*50 bases, not 64.*Fix: --bin=50'):
        cool.CoolFile(path, 64)


@pytest.mark.parametrize(
    ('mark', 'direction', 'expected'),
    [
        (False, '', ('multiply', 'file')),
        (True, '', ('divide', 'file')),
        (True, 'multiply', ('multiply', 'table')),
        (None, 'divide', ('divide', 'table')),
    ],
)
@pytest.mark.parametrize('name', ['weight', 'KR', 'ICE'])
def test_weights_of_any_name_multiply_or_divide_as_is_said(
    tmp_path, name, mark, direction, expected
):
    values = contact_files.weights(contact_files.bias())
    path = contact_files.write_cool(tmp_path / 'a.cool', **{name: (values, mark)})
    factors = cool.CoolFile(path, 50).factors(name, direction)
    assert (factors.direction, factors.source) == expected
    factor = values if expected[0] == 'multiply' else 1 / values
    np.testing.assert_array_equal(factors.factor_N, factor)


def test_weights_that_say_nothing_are_refused_unless_the_format_defines_them(path, tmp_path):
    file = cool.CoolFile(path, 50)
    with pytest.raises(errors.InputError, match="HC04.*'bins/KR'.*multiplied by .KR. or divided"):
        file.factors('KR')
    with pytest.raises(errors.InputError, match="HC04.*no column 'VC'; the file has KR, weight"):
        file.factors('VC')
    assert (file.factors('none').factor_N == 1).all() and file.factors('none').direction == ''
    values = contact_files.bias()
    bare = contact_files.write_cool(tmp_path / 'b.cool', weight=(values, None))
    assert cool.CoolFile(bare, 50).factors('weight').source == 'format'
    # A weight of 0 divides by nothing, and an infinite one is no weight.
    values = np.where(np.arange(93) == 3, 0, np.where(np.arange(93) == 4, np.inf, values))
    odd = contact_files.write_cool(tmp_path / 'c.cool', KR=(values, True))
    assert np.flatnonzero(np.isnan(cool.CoolFile(odd, 50).factors('KR').factor_N)).tolist() == [
        3,
        4,
    ]


def changed(path, folder, change):
    """A copy of the file with something else in it."""
    copy = folder / 'changed.cool'
    copy.write_bytes(path.read_bytes())
    with h5py.File(copy, 'r+') as file:
        change(file)
    return copy


def put(name, at, value):
    def change(file):
        values = file[name][...]
        if np.issubdtype(type(value), np.floating):
            values = values.astype(float)
        values[at] = value
        del file[name]
        file[name] = values

    return change


def drop(name):
    return lambda file: file.__delitem__(name)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (put('pixels/count', 5, -3), "HC07.*'pixels/count'.*row 6: -3 is not a count"),
        (put('pixels/count', 9, np.nan), "HC07.*'pixels/count'.*row 10: nan is not a count"),
        (put('pixels/bin2_id', 3, 93), "HC07.*'pixels/bin2_id'.*row 4: 93 is not one of 93 bins"),
        (put('pixels/bin1_id', 0, 92), "HC07.*'pixels/bin1_id'|HC07.*below the diagonal"),
        (drop('pixels/count'), 'HC02.*no dataset pixels/count'),
        (drop('indexes'), 'HC02.*no dataset indexes/chrom_offset'),
        (put('indexes/bin1_offset', 20, 10**6), 'HC02.*bin1_offset does not fit'),
        (put('chroms/length', 0, 3000), 'HC02.*chrom_offset does not fit the lengths'),
        (lambda file: file.attrs.__setitem__('format', 'other'), 'HC02.*not of the cool format'),
        (lambda file: file.attrs.__setitem__('bin-type', 'variable'), 'HC03.*no fixed size'),
        (lambda file: file.attrs.__setitem__('storage-mode', 'square'), 'HC03.*not symmetric'),
    ],
)
def test_what_does_not_fit_is_one_line_with_its_place(path, tmp_path, change, words):
    copy = changed(path, tmp_path, change)
    with pytest.raises(errors.InputError, match=words) as caught:
        list(cool.CoolFile(copy, 50).read(0, 93))
    assert str(copy) in str(caught.value) and '\n' not in str(caught.value)


def test_files_that_are_cut_short_or_no_hdf5_are_refused(path, tmp_path):
    """Wherever a file ends, it is whole or refused: nothing is read as 0."""
    whole, upper = path.read_bytes(), np.triu(contact_files.counts())
    refused = 0
    for size in (0, 100, *(len(whole) * part // 8 for part in range(1, 8)), len(whole) - 1):
        (tmp_path / 'short.cool').write_bytes(whole[:size])
        try:
            file = cool.CoolFile(tmp_path / 'short.cool', 50)
            np.testing.assert_array_equal(dense(file), upper)
        except errors.InputError as error:
            assert 'GX-HC' in str(error)
            refused += 1
    assert refused >= 9
    with pytest.raises(errors.InputError, match='FA20'):
        cool.CoolFile(tmp_path / 'absent.cool')
    file = cool.CoolFile(path, 50)
    for rows in ((-1, 3), (5, 4), (0, 94)):
        with pytest.raises(ValueError, match='rows'):
            next(iter(file.read(*rows)))


def test_flipped_bytes_never_end_in_a_traceback(path, tmp_path):
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    for at, bit in itertools.product(rng.integers(0, len(whole), 30).tolist(), (1, 128)):
        damaged = bytearray(whole)
        damaged[at] ^= bit
        (tmp_path / 'bad.cool').write_bytes(damaged)
        try:
            file = cool.CoolFile(tmp_path / 'bad.cool', 50)
            list(file.read(0, file.bins))
            file.factors('weight')
        except errors.InputError:
            pass
