"""Columns of labels: classes keep their names, numbers keep their values, a mixture is refused."""

import pathlib
import subprocess

import numpy as np
import pytest

from genojax import errors
from genojax.data.formats import labelled_table, table_columns
from genojax.predict import request
from genojax.tasks.contrastive.genes import table as genes


def _where(row):
    return {'path': 'rows.csv', 'line': row + 2}


@pytest.mark.parametrize(
    ('cells', 'names', 'labels'),
    [
        (['other', 'promoter', 'other'], ('other', 'promoter'), [0, 1, 0]),
        (['0.0', '1.0', '1'], ('0', '1'), [0, 1, 1]),
        (['10', '9', '-1'], ('-1', '9', '10'), [2, 1, 0]),
        (['1e0', '+2', '1'], ('1', '2'), [0, 1, 0]),
        (['0', '2', '0'], ('0', '2'), [0, 1, 0]),
        (['Übergang', 'a b', 'a b'], ('a b', 'Übergang'), [1, 0, 0]),
    ],
)
def test_classes_are_sorted_and_named_as_the_table_writes_them(cells, names, labels):
    result = table_columns.classes(cells, 'label', _where)
    assert result[1] == names and result[0].tolist() == labels and result[0].dtype == np.int32


@pytest.mark.parametrize(
    ('cells', 'words'),
    [
        (['0', '1', 'yes'], "rows.csv:4: 'yes' is not a number, but other labels"),
        (['a', '', 'b'], "rows.csv:3: '' is no label of column 'label'"),
        (['0', 'NA', '1'], "rows.csv:3: 'NA' is no label"),
        (['0', '1', '0.5'], "rows.csv:4: '0.5' .* kind regression"),
        (['0', 'inf', '1'], "rows.csv:3: 'inf' is not a number"),
        (['0', '1_0', '1'], "rows.csv:3: '1_0' is not a number"),
        (['', '-2,24', '0,5'], 'rows.csv:3: .*decimal comma. Fix: write -2.24 for -2,24; if they'),
        (
            ['1,250', '3,5', '7'],
            'write 1.250 for 1,250, or 1250 if the comma separates thousands; ',
        ),
        (['1,2', '2,3', '1,2'], r'; if they are names of classes, write 1\+2 for 1,2$'),
        ([f'id{i}' for i in range(51)] + ['a'] * 50, 'look like identifiers.*label_column=NAME'),
        (list(map(str, range(51))) + ['0'], 'do not repeat: 51 classes, 50 .*kind regression'),
    ],
)
def test_a_column_that_is_no_list_of_classes_is_refused(cells, words):
    with pytest.raises(errors.InputError, match=words) as caught:
        table_columns.classes(cells, 'label', _where)
    assert caught.value.code == 'LB02'


def test_many_classes_whose_rows_repeat_are_classes():
    for cells in (
        [f'id{i}' for i in range(50)],
        [f'id{i}' for i in range(60)] * 2,
        [f'id{i}' for i in range(51)] + ['a', 'b'] * 26,
        ['a,b', '1,2', 'c'],
        ['1+2', '2+3', '1+2'],  # as the refusal of '1,2' says
    ):
        assert len(table_columns.classes(cells, 'label', _where)[1]) == len(set(cells))


def test_values_are_numbers_and_absent_ones_are_not_zero():
    values = table_columns.values(['1.5', '', '-2e3', 'NA', '0'], 'y', _where)
    np.testing.assert_array_equal(values, [1.5, np.nan, -2000.0, np.nan, 0.0])
    for cells, words in (
        (['1', 'high'], "rows.csv:3: 'high' of column 'y' is not a number"),
        (['1', 'inf'], "rows.csv:3: 'inf'"),
        (['', 'NaN'], "rows.csv: column 'y' has no value"),
        (['1', '2,24', '3'], 'rows.csv:3: .*decimal comma. Fix: write 2.24 for 2,24$'),
    ):
        with pytest.raises(errors.InputError, match=words) as caught:
            table_columns.values(cells, 'y', _where)
        assert caught.value.code == 'LB02'


def test_an_absent_column_is_an_error_that_lists_those_there_are(tmp_path):
    path = tmp_path / 'rows.csv'
    path.write_text('Promoter Sequence,activity,set\nACGTACGT,0.5,training\nACGTTTTT,,test\n')
    for columns, fix in (
        (table_columns.DEFAULT, "'--config.tasks.TASK.data.sequence_column=Promoter Sequence'"),
        (
            table_columns.TableColumns('Promoter Sequence'),
            '--config.tasks.TASK.data.label_column=NAME',
        ),
        (
            table_columns.TableColumns('Promoter Sequence', values=True),
            r"""'--config.tasks.TASK.data.value_columns=\["NAME"\]'""",
        ),
    ):
        with pytest.raises(
            errors.InputError, match=f"line names 'Promoter Sequence', 'activity', 'set'.*{fix}"
        ) as caught:
            labelled_table.read(path, columns)
        assert caught.value.code == 'LB01'
    columns = table_columns.TableColumns('Promoter Sequence', ('activity',), 'set', values=True)
    table = labelled_table.read(path, columns)
    np.testing.assert_array_equal(table.labels, [[0.5], [np.nan]])
    assert table.split.tolist() == ['train', 'test'] and table.names == ('activity',)
    with pytest.raises(errors.UsageError, match='cannot be read as two'):
        labelled_table.read(path, table_columns.TableColumns('set', ('set',)))


def test_u_is_read_as_t_only_where_the_table_is_called_rna(tmp_path):
    path = tmp_path / 'rows.csv'
    path.write_text('sequence,label\nGGAGuUAUG,0\n')
    with pytest.raises(errors.InputError, match="base 5: 'u' .*data.rna=True") as caught:
        labelled_table.read(path)
    assert caught.value.code == 'LB04'
    table = labelled_table.read(path, table_columns.TableColumns(rna=True))
    assert table.sequences[0].tolist() == [2, 2, 0, 2, 3, 3, 0, 3, 2]


@pytest.mark.parametrize('kind', ['labels', 'folder', 'split', 'predict', 'genes'])
def test_every_reader_of_tables_refuses_one_without_a_header(tmp_path, kind):
    rows = [('ACGTACGTAC', '0'), ('TTGTACGTAC', '1')]
    if kind == 'genes':
        rows = [('f1', 'human', 'ACGTACGTAC'), ('f1', 'mouse', 'ACGTACGTAA')]
    for name in ('train.csv', 'test.csv') if kind == 'split' else ('rows.csv',):
        (tmp_path / name).write_text(''.join(','.join(row) + '\n' for row in rows))
    read = {'predict': request.read_table, 'genes': genes.read}.get(kind, labelled_table.read)
    with pytest.raises(errors.InputError, match='LB13.*:1: the first line is data') as caught:
        read(str(tmp_path if kind in ('folder', 'split') else tmp_path / 'rows.csv'))
    names = 'family,species,sequence' if kind == 'genes' else 'sequence,label'
    subprocess.run(caught.value.fix.split(': ', 1)[1], shell=True, check=True)
    assert pathlib.Path(caught.value.path).read_text().splitlines()[0] == names


@pytest.mark.parametrize(
    ('wanted', 'header', 'expected'),
    [
        ((), 'Upstream DNA,Oligo,Labels,Slope', 'Labels'),
        ((), 'Upstream DNA,Oligo,labl,Slope', 'labl'),
        ((), 'Upstream DNA,Oligo,Expression,Slope', 'NAME'),
        (('expr',), 'Upstream DNA,Oligo,Slope,Expression', 'Expression'),
    ],
)
def test_a_fix_names_the_column_of_most_sequences_and_a_label_of_a_like_name(
    tmp_path, wanted, header, expected
):
    rows = [f'ACGTACGT,{base * 8},{i},' for i, base in enumerate('ACGT')]
    (tmp_path / 'rows.csv').write_text('\n'.join([header, *rows]) + '\n')
    with pytest.raises(errors.InputError) as caught:
        labelled_table.read(tmp_path / 'rows.csv', table_columns.TableColumns(labels=wanted))
    field = '--config.tasks.TASK.data.'
    assert f'{field}sequence_column=Oligo {field}label_column={expected},' in caught.value.fix


def test_two_columns_of_other_names_are_named_in_one_fix(tmp_path):
    (tmp_path / 'rows.csv').write_text('id,Seq,Class\n0,ACGTACGT,coding\n1,ACGTTTTT,random\n')
    with pytest.raises(errors.InputError, match="LB01.*'sequence', and none 'label'") as caught:
        labelled_table.read(tmp_path / 'rows.csv')
    field = '--config.tasks.TASK.data.'
    assert f'{field}sequence_column=Seq {field}label_column=NAME,' in caught.value.fix
