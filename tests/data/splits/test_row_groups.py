"""Groups of rows that stay in one part, by what the user chose."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import labelled_table, table_columns
from genojax.data.splits import duplicates, row_groups


@pytest.fixture
def table(tmp_path):
    """A row, its reverse complement, and another one; with a split column if asked for."""

    def write(split=''):
        rows = [('ACCTGGAT' * 5, 'a'), ('ATCCAGGT' * 5, 'b'), ('GGATTACA' * 5, 'a')]
        lines = [f'{bases},{n}.5,{family}{split}' for n, (bases, family) in enumerate(rows)]
        header = 'sequence,value,family' + (',split' if split else '')
        (tmp_path / 'rows.csv').write_text('\n'.join([header, *lines]))
        columns = table_columns.TableColumns(values=True)
        return labelled_table.read(tmp_path / 'rows.csv', columns)

    return write


def test_a_group_is_named_after_its_first_row(table):
    for together, column, expected in (
        ('equal', '', [0, 0, 2]),  # on either strand
        ('related', '', [0, 0, 2]),
        ('related', 'family', [0, 1, 0]),
    ):
        group_N = row_groups.groups(table(), duplicates.K, together, column)
        np.testing.assert_array_equal(group_N, expected)
    assert row_groups.source(table(), 'related', 'family') == 'column family'


def test_a_split_and_groups_exclude_each_other(table):
    with pytest.raises(errors.UsageError, match='split.*group_column'):
        row_groups.groups(table(',train'), duplicates.K, 'related', 'family')
