"""bigWig files hold what is written, in the order of the contigs."""

import sys

import numpy as np
import pytest

from genojax import errors, genome
from genojax.data.formats import bigwig

ROWS = [
    (genome.Interval('chrB', 0, 128, '+'), 1.5),
    (genome.Interval('chrB', 128, 200, '+'), 0.25),
    (genome.Interval('chrA', 64, 100, '+'), 3.0),
]


def test_it_reads_back_what_it_wrote(tmp_path):
    pytest.importorskip('pybigtools')
    path = tmp_path / 'x.bw'
    bigwig.write(path, {'chrB': 200, 'chrA': 500}, ROWS)
    expected = {'chrB': [(0, 128, 1.5), (128, 200, 0.25)], 'chrA': [(64, 100, 3.0)]}
    assert bigwig.read(path) == expected


def test_intervals_that_overlap_are_refused():
    bigwig.check_disjoint(interval for interval, _ in ROWS)
    with pytest.raises(errors.UsageError, match='two values for chrA:90'):
        bigwig.check_disjoint([ROWS[2][0], genome.Interval('chrA', 90, 120, '+')])


def test_without_the_package_one_line_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, 'pybigtools', None)
    for call in (lambda: bigwig.check_installed('x.bw'), lambda: bigwig.write('x.bw', {}, [])):
        words = r'--out=.*npz .*pip install -e .*\[tracks\]'
        with pytest.raises(errors.UsageError, match=words) as caught:
            call()
        assert '\n' not in str(caught.value)


@pytest.fixture
def written(tmp_path):
    pytest.importorskip('pybigtools')
    path = tmp_path / 'x.bw'
    bigwig.write(path, {'chrB': 200, 'chrA': 500}, ROWS)
    return path


def test_bases_without_a_value_are_in_no_interval(written):
    file = bigwig.BigWigFile(written)
    assert file.sizes == {'chrB': 200, 'chrA': 500}
    columns = [column.tolist() for column in file.intervals('chrA', 90, 500)]
    assert columns == [[90], [100], [3.0]]
    assert [len(column) for column in file.intervals('chrA', 0, 64)] == [0, 0, 0]


@pytest.mark.parametrize(
    'where', [('chrA', 0, 501), ('chrA', -1, 5), ('chrA', 9, 5), ('chrC', 0, 1)]
)
def test_what_lies_outside_a_contig_is_refused(written, where):
    with pytest.raises(ValueError, match='is not inside a contig'):
        bigwig.BigWigFile(written).intervals(*where)


def test_what_is_no_bigwig_file_is_refused(written, capfd):
    data = written.read_bytes()
    for content in (data[: len(data) // 2], b'', b'chr1\t0\t5\t1\n'):
        written.write_bytes(content)
        with pytest.raises(errors.InputError, match='GX-TK10') as caught:
            bigwig.read(written)
        assert '\n' not in str(caught.value)
    assert not capfd.readouterr().err


def test_intervals_that_are_lost_are_noticed(written):
    file = bigwig.BigWigFile(written)
    file.check()
    file._covered += 1
    with pytest.raises(errors.InputError, match='TK10.*236 bases have a value, but 237 by the'):
        file.check()


def test_a_value_that_is_not_a_number_stays_one(written, tmp_path):
    path = tmp_path / 'nan.bw'
    rows = [(genome.Interval('c', 0, 5), float('nan')), (genome.Interval('c', 7, 9), 0.0)]
    bigwig.write(path, {'c': 10}, rows)
    start_N, end_N, value_N = bigwig.BigWigFile(path).intervals('c', 0, 10)
    assert (start_N.tolist(), end_N.tolist()) == ([0, 7], [5, 9])
    assert np.isnan(value_N).tolist() == [True, False]
