"""The shared section of labelled rows: counts per class by name, and what was cut."""

from genojax.tasks.labelled import section
from tests.report import reading


def _split(names, classes):
    return {
        'k': 30,
        'source': 'split column',
        'names': names,
        'sizes': {'train': 6 * classes, 'test': 2 * classes},
        'rows': {'train': [6] * classes, 'test': [2] * classes},
        'rows_sharing_a_kmer_with_train': {'test': 1},
    }


def test_rows_are_counted_by_the_names_of_classes_where_these_fit():
    few = reading.PageReader(section.splits({'split': _split(['a b', 'c'], 2)}, None)).text
    assert 'a b' in few and '1 validation and test rows are related' in few
    many = _split([f'class{n}' for n in range(30)], 30)
    text = reading.PageReader(section.splits({'split': many}, None)).text
    assert 'class29' not in text and '180' in text


def test_cut_rows_are_said_and_only_where_there_are_some():
    assert section.cut_rows({'rows': 0, 'share': 0.0}) is None
    assert '12.5\xa0%' in section.cut_rows({'rows': 3, 'share': 0.125})
