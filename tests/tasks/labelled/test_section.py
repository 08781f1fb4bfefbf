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


def test_rows_that_contradict_each_other_are_said_and_only_where_there_are_some():
    split = _split(['a', 'b'], 2)
    for counts, words in (({'train': 3, 'test': 1}, 'CONFLICTS: 4 rows'), ({'train': 0}, '')):
        audit = {'split': {**split, 'conflicting_rows': counts}}
        text = reading.PageReader(section.splits(audit, None)).text
        assert words in text and ('CONFLICTS' in text) == bool(words)


def test_rows_that_select_the_checkpoint_are_not_counted_as_training_rows():
    split = _split(['a', 'b'], 2)
    split['sizes'] = {'train': 798, 'validation': 88, 'test': 295}
    result = {'n_train': 886, 'n_test': 295, 'split': 'test', 'audit': {'split': split}}
    text = section.row_counts(result)
    assert text.startswith('798 training, 88 validation and 295 test rows. ')
    assert 'validation rows select their checkpoint; baselines are tuned and fitted on both' in text
    text = section.row_counts({**result, 'n_train': 798, 'n_test': 88, 'split': 'validation'})
    assert text.startswith('798 training and 88 validation rows. ')
    assert 'fitted on the training rows' in text
    without = section.row_counts({'n_train': 886, 'n_test': 295, 'audit': None})
    assert 'training' not in without and '886 rows that models are fitted to' in without


def test_cut_rows_are_said_and_only_where_there_are_some():
    assert section.cut_rows({'rows': 0, 'share': 0.0}) is None
    assert '12.5\xa0%' in section.cut_rows({'rows': 3, 'share': 0.125})
