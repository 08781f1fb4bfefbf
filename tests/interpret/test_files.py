"""Files say where a base is on the forward strand, and give the numbers back."""

import json

import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.inference import requests
from genojax.interpret import files


def regions_on(*intervals):
    contigs = {'c': dna.encode('ACGTTGCATG')}
    rows = [
        requests.SequenceRegion(f'r{i}', genome.Interval('c', *interval), i + 1)
        for i, interval in enumerate(intervals)
    ]
    return requests.Regions(rows, contigs)


def test_a_minus_strand_region_is_written_forwards(tmp_path):
    regions = regions_on((2, 6, '-'))  # GTTG read as CAAC
    effects = np.arange(16, dtype=np.float32).reshape(4, 4) / 3
    rows = list(files.effect_rows(regions, [effects]))
    assert rows[0][:7] == ('r0', 'c', 5, '-', 0, 'C', 'A')
    assert len(rows) == 12
    values = np.array([0.5, 1.0, 2.0, np.nan])
    path = tmp_path / 'x.bedgraph'
    assert files.write_bedgraph(path, regions, [values], 'title') == 0
    lines = path.read_text().splitlines()[1:]
    assert lines == ['c\t3\t4\t2', 'c\t4\t5\t1', 'c\t5\t6\t0.5']


def test_overlapping_regions_are_averaged_and_counted(tmp_path):
    regions = regions_on((0, 4, '+'), (2, 5, '+'))
    path = tmp_path / 'x.bedgraph'
    assert files.write_bedgraph(path, regions, [np.ones(4), np.full(3, 3.0)], 'title') == 2
    assert path.read_text().splitlines()[3] == 'c\t2\t3\t2'


def test_arrays_and_tables_give_the_same_numbers_back(tmp_path):
    regions = regions_on((0, 4, '+'), (2, 5, '-'))
    values = np.random.default_rng(0).standard_normal(7).astype(np.float32)
    files.write_npz(tmp_path / 'x.npz', regions, {'values': values}, {'k': 1})
    with np.load(tmp_path / 'x.npz') as arrays:
        np.testing.assert_array_equal(arrays['values'], values)
        assert arrays['offsets'].tolist() == [0, 4, 7]
        assert dna.decode(arrays['bases'][4:]) == 'AAC'
        assert json.loads(str(arrays['metadata'])) == {'k': 1}
    rows = ((i, float(value)) for i, value in enumerate(values))
    assert files.write_table(tmp_path / 'x.tsv', ('i', 'v'), rows, {'k': 1}) == 7
    lines = (tmp_path / 'x.tsv').read_text().splitlines()[2:]
    read = np.array([line.split('\t')[1] for line in lines], np.float32)
    np.testing.assert_array_equal(read, values)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / 'file').touch()
    for path in (tmp_path / 'file', tmp_path / 'no' / 'folder'):
        words = 'must be a folder, or a new one'
        with pytest.raises(errors.UsageError, match=words), files.output_folder(path):
            pass
