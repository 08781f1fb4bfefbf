"""Regions of FASTA and BED files; their errors are tested in tests/cli/test_embed.py."""

import pytest

from genojax import dna
from genojax.inference import requests


def test_records_and_intervals_are_read_in_the_order_of_the_file(tmp_path):
    fasta, bed = tmp_path / 'x.fa', tmp_path / 'x.bed'
    fasta.write_text('>a\nACGTTGCATGGCA\n>b\nTTGACATTAGGC\n')
    bed.write_text('b\t2\t6\tone\t0\t-\na\t0\t3\n')
    records = requests.read(fasta)
    assert [row.name for row in records.rows] == ['a', 'b']
    regions = requests.read(fasta, bed)
    assert [row.name for row in regions.rows] == ['one', 'a:0-3']
    assert [dna.decode(regions.codes(i)) for i in range(2)] == ['TGTC', 'ACG']


def test_windows_cover_every_base_and_the_last_one_ends_with_the_region(tmp_path):
    (tmp_path / 'x.fa').write_text('>a\nACGTTGCATGGCA\n')
    regions = requests.read(tmp_path / 'x.fa')
    windows = regions.windows(5, 4)
    places = [(row.interval.start, row.interval.end) for row in windows.rows]
    assert places == [(0, 5), (4, 9), (8, 13)]
    with pytest.raises(ValueError, match='bases would be left out'):
        regions.windows(5, 6)
