"""Groups of rows that stay in one part, by what the user chose."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import labelled_table, table_columns
from genojax.data.splits import duplicates, labelled_rows, row_groups
from genojax.tasks.labelled import dataset, intervals


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


@pytest.mark.parametrize(
    ('values', 'labels', 'expected'),
    [
        (False, ['a', 'b', 'a', 'a', 'b'], [0, 1]),  # rows 2 and 3 agree, 4 is their other strand
        (False, ['a', 'a', 'b', 'a', 'a'], [2, 3]),
        (True, ['0.5', '0.5', '1', '', '2'], []),  # an absent value contradicts none
        (True, ['0.5', '0.25', '1', '3', '2'], [0, 1, 2, 3]),
    ],
)
def test_rows_of_equal_sequence_and_another_label_are_conflicting(
    tmp_path, values, labels, expected
):
    sequences = ['ACCTGGAT', 'ACCTGGAT', 'GGATTACA', 'ggattaca', 'TGTAATCC']
    lines = [f'{bases},{label}' for bases, label in zip(sequences, labels, strict=True)]
    (tmp_path / 'rows.csv').write_text('\n'.join(['sequence,label', *lines]))
    columns = table_columns.TableColumns(values=values)
    table = labelled_table.read(tmp_path / 'rows.csv', columns)
    assert np.flatnonzero(row_groups.conflicting(table)).tolist() == expected


def test_conflicting_rows_are_counted_per_part_and_all_are_used(tmp_path):
    random = np.random.default_rng(0)
    rows = [(''.join(random.choice(list('ACGT'), 40)), n % 2) for n in range(80)]
    rows += [(bases, 1 - label) for bases, label in rows[:10]]
    lines = [f'{bases},{label}' for bases, label in rows]
    (tmp_path / 'rows.csv').write_text('\n'.join(['sequence,label', *lines]))
    table = labelled_table.read(tmp_path / 'rows.csv')
    split = labelled_rows.split_rows(table, validation=0.2)
    counts = split.report['conflicting_rows']
    expected = {name: sum(n % 80 < 10 for n in split.rows(name)) for name in counts}
    assert counts == expected and sum(counts.values()) == 20 and min(counts.values()) > 0
    assert sum(split.report['sizes'].values()) == len(table) == 90
    parts = ', '.join(f'{count} {name}' for name, count in counts.items())
    assert dataset.conflict_words({'split': split.report}) == (
        'CONFLICTS: 20 rows have the sequence of another row and another label '
        f'({parts}). All are used: no model is right on every one'
    )
    assert dataset.conflict_words(None) == dataset.conflict_words({'split': {}}) == ''


@pytest.mark.parametrize(
    ('together', 'column', 'units'),
    [
        ('related', '', 'groups of related rows'),
        ('equal', '', 'groups of equal rows (related rows taken as independent)'),
        ('related', 'family', 'groups of rows with the same family'),
    ],
)
def test_the_report_names_the_groups_that_intervals_resample(tmp_path, together, column, units):
    random = np.random.default_rng(0)
    rows = [(''.join(random.choice(list('ACGT'), 40)), n % 2, n // 2) for n in range(60)]
    lines = [f'{bases},{label},f{family}' for bases, label, family in rows]
    (tmp_path / 'rows.csv').write_text('\n'.join(['sequence,label,family', *lines]))
    split = labelled_rows.split_rows(
        labelled_table.read(tmp_path / 'rows.csv'), keep_together=together, group_column=column
    )
    assert split.report['units'] == units
    scores = {'n_test': 12, 'test_groups': 3}
    words = f'95 % intervals over 3 {units} (12 test rows)'
    assert intervals.over(scores, {'split': split.report}, 'test') == words


def test_a_split_and_groups_exclude_each_other(table):
    with pytest.raises(errors.UsageError, match='split.*group_column'):
        row_groups.groups(table(',train'), duplicates.K, 'related', 'family')
