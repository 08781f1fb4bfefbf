"""The table of tracks: every column is read, and strands are paired both ways."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats.track_files import targets_table

HEADER = '\tidentifier\tclip\tclip_soft\tscale\tsum_stat\tstrand_pair\tdescription\n'
ROWS = (
    '0\tplus\t768\t384\t1\tsum_sqrt\t1\tCAGE:Liver  cell',
    '1\tminus\t768\t384\t1\tsum_sqrt\t0\tCAGE:liver cell',
    '2\topen\t64\t\t2\tmean\t2\tDNASE:liver',
)


@pytest.fixture
def write(tmp_path):
    def write(rows, header=HEADER):
        path = tmp_path / 'targets.tsv'
        path.write_text(header + '\n'.join(rows) + '\n')
        return path

    return write


def test_every_column_of_a_row_is_read(write):
    plus, minus, opened = targets_table.read(write(ROWS))
    assert (plus.identifier, plus.clip, plus.clip_soft, plus.scale) == ('plus', 768, 384, 1)
    assert (plus.pair, minus.pair, opened.pair) == (1, 0, 2)
    assert (opened.clip_soft, opened.sum_stat, opened.scale) == (np.inf, 'mean', 2)
    assert (plus.assay, plus.sample) == ('CAGE', 'liver cell') and minus.sample == plus.sample


@pytest.mark.parametrize(
    ('old', 'new', 'line', 'words'),
    [
        ('sum_sqrt\t1', 'sum_sqrt\t2', 2, 'plus is paired with open'),
        ('sum_sqrt\t1', 'sum_sqrt\t9', 2, "'9' is not an index"),
        ('\tmean\t', '\tmedian\t', 4, "'median' is not a statistic"),
        ('plus\t768', 'plus\t-1', 2, "clip '-1' is not a number above 0"),
        ('\t2\tmean', '\tinf\tmean', 4, "scale 'inf' is not a number above 0"),
        ('\tDNASE:liver', '', 4, 'not as many cells'),
    ],
)
def test_a_mistake_is_named_with_its_line(write, old, new, line, words):
    text = '\n'.join(ROWS)
    assert old in text
    with pytest.raises(errors.InputError, match=words) as caught:
        targets_table.read(write(text.replace(old, new, 1).split('\n')))
    assert (caught.value.code, caught.value.line) == ('TK06', line)


def test_tables_without_a_column_or_with_an_identifier_twice_are_refused(write):
    with pytest.raises(errors.InputError, match='TK06.*no column clip_soft'):
        targets_table.read(write(ROWS, HEADER.replace('clip_soft', 'soft')))
    with pytest.raises(errors.InputError, match='TK06.*occur twice: plus'):
        targets_table.read(write([ROWS[0], ROWS[1].replace('minus', 'plus')]))
    with pytest.raises(errors.InputError, match='TK06.*no rows'):
        targets_table.read(write([]))


def test_exp75_belongs_to_the_root_transform_only(write):
    rows = [row.replace('sum_sqrt', 'sum_exp75') for row in ROWS]
    assert targets_table.read(write(rows))[0].sum_stat == 'sum_exp75'
    with pytest.raises(errors.InputError, match="transform 'power'"):
        targets_table.read(write(rows), 'power')
