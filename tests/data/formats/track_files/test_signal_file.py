"""Signals are compared with the genome: names and lengths of contigs, in both formats."""

import pytest

from genojax import errors
from genojax.data.formats import bigwig
from genojax.data.formats.track_files import signal_file

ROWS = (('chr1', 0, 100, 1.0), ('chr2', 10, 20, 2.0))
GENOME = {'chr1': 1000, 'chr2': 500}


@pytest.fixture(params=['bedgraph', 'bigwig'])
def opened(request, tmp_path):
    """A function that writes rows in one of the formats and opens the file."""
    module = pytest.importorskip('pybigtools') if request.param == 'bigwig' else None

    def write(rows=ROWS, sizes=GENOME):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        path = folder / 'signal'
        if module is None:
            path.write_text(''.join('\t'.join(map(str, row)) + '\n' for row in rows))
        else:
            module.open(str(path.with_suffix('.bw')), 'w').write(dict(sizes), list(rows))
            path = path.with_suffix('.bw').rename(path)
        return signal_file.open_file(path, folder / 'rows')

    return write


def test_both_formats_give_the_same_intervals(opened):
    file = opened()
    columns = file.intervals('chr1', 50, 200)
    assert [column.tolist() for column in columns] == [[50], [100], [1.0]]
    assert [len(column) for column in file.intervals('chr2', 20, 500)] == [0, 0, 0]
    assert signal_file.check_contigs(file, {'chr2': 500}, 'x.fa') == ('chr1',)


def test_a_missing_contig_names_those_of_the_file(opened):
    file = opened()
    words = "GX-TK11: .*signal: no contig '1', '2', which x.fa has; this file has 'chr1', 'chr2'"
    with pytest.raises(errors.InputError, match=f"{words}.*'chr' before") as caught:
        signal_file.check_contigs(file, {'1': 1000, '2': 500}, 'path/x.fa')
    assert '\n' not in str(caught.value)
    with pytest.raises(errors.InputError, match='Fix: --contigs=chr1,chr2 reads') as caught:
        signal_file.check_contigs(file, {**GENOME, 'chrM': 16}, 'x.fa')
    assert "no contig 'chrM'" in str(caught.value)


def test_a_contig_of_another_length_is_refused(opened):
    file = opened()
    with pytest.raises(errors.InputError, match='GX-TK12.*chr1 has .*100.*but 99 bases in x.fa'):
        signal_file.check_contigs(opened(sizes={'chr1': 100, 'chr2': 500}), {'chr1': 99}, 'x.fa')
    exact = isinstance(file, bigwig.BigWigFile)
    if exact:
        with pytest.raises(errors.InputError, match='chr2 has 500 bases, but 501'):
            signal_file.check_contigs(file, {**GENOME, 'chr2': 501}, 'x.fa')
    else:  # bedGraph does not say how long a contig is
        signal_file.check_contigs(file, {**GENOME, 'chr2': 501}, 'x.fa')
