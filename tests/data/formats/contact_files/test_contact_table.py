"""The table of Hi-C matrices: what it takes, and every mistake with its line."""

import pytest

from genojax import errors
from genojax.data.formats.contact_files import contact_table


def table(folder, text: str):
    (folder / 'a.cool').touch()
    (folder / 'hic.tsv').write_text(text)
    return contact_table.read(folder / 'hic.tsv')


def test_rows_name_files_beside_the_table(tmp_path):
    text = '# mine\nspecies\tpath\tweight\tweights_are\trates\n'
    rows = table(
        tmp_path, f'{text}a\ta.cool::resolutions/50\tKR\tdivide\ta.cool\nb\ta.cool\tnone\t\t\n'
    )
    assert [row.species for row in rows] == ['a', 'b'] and [row.line for row in rows] == [3, 4]
    assert rows[0].files == [tmp_path / 'a.cool'] * 2
    assert rows[0].settings() == {'weight': 'KR', 'weights_are': 'divide'}
    assert rows[1].rates is None and rows[1].files == [tmp_path / 'a.cool']


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('path\tweight\n', ':1: the table has no rows'),
        ('path\tweight\tbin\na.cool\tKR\t5\n', ":1: unknown column 'bin'"),
        ('path\na.cool\n', ":1: column 'weight' is missing"),
        ('path\tpath\tweight\na\ta\tb\n', 'occurs twice'),
        ('path\tweight\na.cool\n', ':2: 1 cells where the header has 2'),
        (
            'path\tweight\na.cool\t\n',
            ':2: the weight cell is empty. Fix: .* or none for raw counts',
        ),
        ('path\tweight\n\tKR\n', ':2: the path cell is empty'),
        ('path\tweight\nb.cool\tKR\n', ':2: no file'),
        ('path\tweight\tweights_are\na.cool\tKR\tboth\n', ":2: weights_are 'both'"),
        ('path\tweight\tweights_are\na.cool\tnone\tdivide\n', ":2: weights_are 'divide'"),
        ('path\tweight\na.cool\tKR\na.cool\tVC\n', ":3: a second matrix of species ''"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, words):
    with pytest.raises(
        errors.InputError, match=f'HC01.*hic.tsv{words}' if words[0] == ':' else words
    ):
        table(tmp_path, text)
