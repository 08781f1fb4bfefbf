"""bigWig files hold what is written, in the order of the contigs."""

import sys

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
