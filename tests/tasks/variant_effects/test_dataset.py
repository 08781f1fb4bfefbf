"""Labelled variants as batches: windows, sites, splits of whole groups, what is refused."""

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import base
from genojax.report import plots
from genojax.tasks.variant_effects import labelled_variants, section


def test_windows_hold_the_alleles_at_their_sites(opened):
    _, datasets = opened
    rows = np.arange(len(datasets.known))
    for reverse in (False, True):
        first = 0
        for batch in datasets.in_order(rows, reverse=reverse):
            for at in range(int(batch['filled'].sum())):
                variant = datasets.known.table.variants[first + at]
                for prefix, text in (('', variant.reference), ('alternate_', variant.alternate)):
                    covered = np.flatnonzero(batch[f'{prefix}site'][at])
                    assert batch[f'{prefix}site'][at].sum() == pytest.approx(1)
                    # Three 3-mers cover a base; the token of [CLS] comes first.
                    assert len(covered) == 3
                    bases = batch[f'{prefix}bases'][at, covered[-1] - 1 : covered[-1]]
                    if reverse:
                        bases = dna.reverse_complement(bases)
                    assert dna.decode(bases) == text
            first += int(batch['filled'].sum())


def test_the_splits_are_whole_groups_and_fixed_by_the_config(opened, task_of, files):
    _, datasets = opened
    groups = [set(datasets.known.table.groups[datasets.rows(split)]) for split in base.SPLITS]
    assert set.union(*groups) == {'e0', 'e1', 'e2', 'e3', 'e4'}
    assert sum(map(len, groups)) == 5
    task = task_of(test_groups=('e1',), validation_groups=('e3',))
    again = task.open(files, 0)
    assert again.description['groups'] == {
        'train': ['e0', 'e2', 'e4'],
        'validation': ['e3'],
        'test': ['e1'],
    }
    assert again.description['test_rows_near_training'] == 60
    assert again.fingerprint != datasets.fingerprint


def test_rows_that_contradict_each_other_are_counted_and_used(opened, task_of, files, tmp_path):
    _, datasets = opened
    assert not any(datasets.description['conflicting_rows'].values())
    text = (files / 'variants.tsv').read_text()
    row = next(line for line in text.splitlines() if '\tFUNC\te1\t' in line)
    path = tmp_path / 'variants.tsv'
    path.write_text(text + row.replace('FUNC', 'LOF') + '\n')
    task = task_of(path=str(path), test_groups=('e1',), validation_groups=('e3',))
    known = task.open(files, 0)
    assert known.description['conflicting_rows'] == {'train': 0, 'validation': 0, 'test': 2}
    words = 'CONFLICTS: 2 rows name the variant of another row with another label'
    assert any(words in line for line in known.summary)
    assert sum(known.description['rows'].values()) == len(datasets.known) + 1
    drawn = section.section(None, known.description, [], plots.Renderer(30))
    assert words in drawn.body


def test_two_and_four_hosts_read_the_batch_of_one(opened):
    _, datasets = opened
    whole = next(datasets.train(3))
    for hosts in (2, 4):
        parts = [next(datasets.train(3, base.Shard(i, hosts))) for i in range(hosts)]
        for name, array in whole.items():
            joined = np.concatenate([part[name] for part in parts])
            np.testing.assert_array_equal(joined, array)
    assert whole['weight'].all()


def test_intermediate_variants_train_nothing_and_weigh_nothing(opened):
    _, datasets = opened
    between = datasets.known.label_N == labelled_variants.INTERMEDIATE
    assert between.sum() > 5
    weights = np.concatenate(
        [batch['weight'][batch['filled'] > 0] for batch in datasets.in_order(np.arange(300))]
    )
    np.testing.assert_array_equal(weights, ~between)


def rewritten(files, tmp_path, old, new):
    text = (files / 'variants.tsv').read_text()
    path = tmp_path / 'variants.tsv'
    path.write_text(text.replace(old, new, 1))
    return str(path)


@pytest.mark.parametrize(
    ('old', 'new', 'message'),
    [
        ('\nc\t', '\nchrc\t', "GX-BD09: .*:2: the FASTA file has no contig 'chrc'.*leave_out"),
        ('\tC\t', '\tG\t', 'GX-VC05: .*:2: REF is G, but the FASTA file has C there'),
        ('\tFUNC\t', '\tMAYBE\t', "GX-LB02: .*label 'MAYBE' is in no list"),
        ('c\t6001\t', 'c\t12101\t', 'GX-VC05: .*REF is C, but the FASTA file has nothing there'),
    ],
)
def test_rows_that_cannot_be_used_are_refused_or_counted(
    files, task_of, tmp_path, old, new, message
):
    path = rewritten(files, tmp_path, old, new)
    with pytest.raises(errors.InputError, match=message):
        task_of(path=path).open(tmp_path, 0)
    datasets = task_of(path=path, unusable='leave_out').open(tmp_path, 0)
    assert sum(datasets.known.left_out.values()) == 1 and len(datasets.known) == 299
    assert any('LEFT OUT: 1 rows' in line for line in datasets.summary)


@pytest.mark.parametrize('unusable', ['refuse', 'leave_out'])
def test_a_table_without_a_contig_of_the_genome_is_refused(files, task_of, tmp_path, unusable):
    path = tmp_path / 'variants.tsv'
    path.write_text((files / 'variants.tsv').read_text().replace('\nc\t', '\nChrC\t'))
    words = (
        'GX-BD09: .*variants.tsv: none of its 300 rows is on a contig of the FASTA file: they are '
        r'on ChrC, .., the FASTA file has c, .. \(names that look alike: ChrC = c\). Fix: write'
    )
    with pytest.raises(errors.InputError, match=words):
        task_of(path=str(path), unusable=unusable).open(tmp_path, 0)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'path': ''}, 'data.path is empty'),
        ({'test_groups': ('e9',)}, "no group is called 'e9'; the table has e0"),
        ({'group_column': ''}, '1 groups of variants.*group_column'),
    ],
)
def test_configs_that_make_no_three_splits(task_of, tmp_path, options, message):
    with pytest.raises(errors.UsageError, match=message):
        task_of(**options).open(tmp_path, 0)


def test_no_variant_of_a_label(task_of, tmp_path):
    task = task_of(positive=('BAD',), negative=('FUNC', 'LOF'))
    with pytest.raises(
        errors.InputError, match='GX-LB02: .*no variant has a label of data.positive'
    ):
        task.open(tmp_path, 0)


def test_scores_of_a_file_are_joined_by_variant(opened, task_of, files, tmp_path):
    _, datasets = opened
    path = tmp_path / 'scores.tsv'
    header = 'contig\tposition\tid\tref\talt\tstate\tkind\twindow\tllr\tpll'
    lines = [
        f'c\t{v.position + 1}\t.\t{v.reference}\t{v.alternate}\tscored\tSNV\t1-9\t{v.position / 8}\t.'
        for v in datasets.known.table.variants[::-1]
    ]
    path.write_text('\n'.join([header, *lines]) + '\n')
    known = task_of(score_file=str(path)).open(tmp_path, 0).known
    assert known.model_scores == ('LLR',)
    np.testing.assert_allclose(known.scores['LLR'], [v.position / 8 for v in known.table.variants])
    path.write_text('\n'.join([header, *lines[1:]]) + '\n')
    with pytest.raises(errors.InputError, match='has no score of 1 of 300 variants'):
        task_of(score_file=str(path)).open(tmp_path, 0)
