"""bedGraph files: rows as they are written, and one line for every kind of mistake."""

import gzip

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.track_files import bedgraph

TEXT = """browser position chr1:1-10
track type=bedGraph name="x y"
# comment
chr1\t0\t10\t1.5
chr1\t10\t12\t0

chr1 20   30 2e1
chr2\t5\t9\tnan
"""


def open_text(tmp_path, text: str) -> bedgraph.BedGraphFile:
    path = tmp_path / 'x.bg'
    path.write_text(text)
    folder = tmp_path / 'rows'
    folder.mkdir(exist_ok=True)
    return bedgraph.BedGraphFile(path, folder)


def rows(file, *where) -> list[tuple]:
    return list(zip(*(column.tolist() for column in file.intervals(*where)), strict=True))


def test_rows_are_cut_to_the_bases_asked_for(tmp_path):
    file = open_text(tmp_path, TEXT)
    assert file.sizes == {'chr1': 30, 'chr2': 9}
    assert rows(file, 'chr1', 0, 40) == [(0, 10, 1.5), (10, 12, 0.0), (20, 30, 20.0)]
    assert rows(file, 'chr1', 8, 21) == [(8, 10, 1.5), (10, 12, 0.0), (20, 21, 20.0)]
    assert rows(file, 'chr1', 12, 20) == []
    assert np.isnan(file.intervals('chr2', 0, 9)[2]).tolist() == [True]
    with pytest.raises(ValueError, match='chr3'):
        file.intervals('chr3', 0, 1)


def test_a_compressed_file_holds_the_same(tmp_path):
    path = tmp_path / 'x.bg.gz'
    path.write_bytes(gzip.compress(TEXT.encode()))
    (tmp_path / 'rows').mkdir()
    file = bedgraph.BedGraphFile(path, tmp_path / 'rows')
    assert rows(file, 'chr1', 8, 21) == [(8, 10, 1.5), (10, 12, 0.0), (20, 21, 20.0)]


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('c\t0\t10\n', 'bg:1: 3 columns'),
        ('c\t0\t10\t1\nc\t5\t12\t1\n', 'bg:2: .*at 5 begins before the end 10'),
        ('c\t20\t30\t1\nc\t5\t12\t1\n', r'bg:2: .*Fix: cat .*sort -k1,1 -k2,2n > '),
        ('c\t0\t10\t1\nd\t0\t1\t1\nc\t10\t12\t1\n', "bg:3: rows of 'c' are not together"),
        ('c\t-1\t10\t1\n', "'-1' is not a coordinate"),
        ('c\t1,000\t2,000\t1\n', "'1,000' is not a coordinate"),
        ('c\t10\t10\t1\n', 'start 10 is not below end 10'),
        ('c\t0\t10\tx\n', "the value 'x' is not a number"),
        ('fixedStep chrom=c start=1 step=1\n1\n', 'this is WIG'),
        ('track x\n\n', 'the file has no rows'),
        ('#\n' * 10_001, 'bg:10001: more than 10,000 lines without a row'),
        ('c\t0\t1\t1\n' + '\n' * 10_001, 'bg:10002: more than 10,000 lines without a row'),
    ],
)
def test_a_mistake_is_one_line_with_its_place(tmp_path, text, words):
    with pytest.raises(errors.InputError, match=f'GX-TK13.*{words}') as caught:
        open_text(tmp_path, text)
    assert '\n' not in str(caught.value)
