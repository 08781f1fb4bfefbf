"""The track table: what its columns mean, and mistakes with their line."""

import pytest

from genojax import errors
from genojax.data.formats.track_files import signal_table

HEADER = 'name\tpath\tspecies\tstrand_pair\tdescription\tstatistic\tshift\tscale\tclip_soft\tabsent'


def read(tmp_path, *rows: str, header: str = HEADER):
    (tmp_path / 'a.bw').touch()
    (tmp_path / 'tracks.tsv').write_text('\n'.join([header, *rows]) + '\n')
    return signal_table.read(tmp_path / 'tracks.tsv')


def test_columns_that_are_left_out_have_defaults(tmp_path):
    (row,) = read(tmp_path, 'x\ta.bw', header='name\tpath')
    assert (row.statistic, row.shift, row.scale, row.absent) == ('mean', 0, 1.0, 'unknown')
    assert (row.species, row.strand_pair, row.path) == ('', '', tmp_path / 'a.bw')
    (track,) = signal_table.tracks([row])
    assert (track.pair, track.scale, track.clip_soft) == (0, 1.0, float('inf'))


def test_one_of_two_strands_names_the_other(tmp_path):
    rows = read(
        tmp_path,
        'm\ta.bw\thuman\tp\tCAGE:x\tsum\t\t-1\t\tzero',
        'p\ta.bw\thuman\t\tCAGE:x\tsum\t+4\t1\t64\t',
        'p\ta.bw\tmouse\t\t\t\t\t\t\t',
    )
    assert [row.strand_pair for row in rows] == ['p', 'm', '']
    assert [track.pair for track in signal_table.tracks(rows[:2])] == [1, 0]
    assert (rows[1].shift, rows[0].scale, rows[1].clip_soft) == (4, -1.0, 64.0)
    assert [track.assay for track in signal_table.tracks(rows[:2])] == ['CAGE', 'CAGE']


@pytest.mark.parametrize(
    ('rows', 'words'),
    [
        (['x\tb.bw\t\t\t\t\t\t\t\t'], "tsv:2: no file '.*b.bw'"),
        (['\ta.bw\t\t\t\t\t\t\t\t'], "track name ''"),
        (['x\ta.bw'], '2 cells where the header has 10'),
        (['x\ta.bw\t\t\t\tmedian\t\t\t\t'], "statistic 'median'. Fix: write sum or mean or max"),
        (['x\ta.bw\t\t\t\t\t1.5\t\t\t'], "shift '1.5' is not a whole number"),
        (['x\ta.bw\t\t\t\t\t\t0\t\t'], "scale '0' is not a number other than 0"),
        (['x\ta.bw\t\t\t\t\t\t\t-1\t'], "clip_soft '-1' is not a number above 0"),
        (['x\ta.bw\t\t\t\t\t\t\t\tmaybe'], "absent 'maybe'"),
        (['x\ta.bw\t\t\t\t\t\t\t\t'] * 2, "tsv:3: track 'x' occurs twice"),
        (['x\ta.bw\t\ty\t\t\t\t\t\t'], "the strand pair 'y' of 'x' is no other track"),
        (['x\ta.bw\t\tx\t\t\t\t\t\t'], "the strand pair 'x' of 'x' is no other track"),
        (
            ['x\ta.bw\t\tz\t\t\t\t\t\t', 'y\ta.bw\t\tz\t\t\t\t\t\t', 'z\ta.bw\t\t\t\t\t\t\t\t'],
            "'y' is paired with 'z', which is paired with another",
        ),
        ([], 'the table has no rows'),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, rows, words):
    with pytest.raises(errors.InputError, match=f'GX-TK09.*{words}') as caught:
        read(tmp_path, *rows)
    assert '\n' not in str(caught.value)


def test_columns_must_be_known(tmp_path):
    with pytest.raises(errors.InputError, match="unknown column 'strand'"):
        read(tmp_path, 'x\ta.bw\t+', header='name\tpath\tstrand')
    with pytest.raises(errors.InputError, match="column 'path' is missing"):
        read(tmp_path, 'x\ty', header='name\tspecies')
