"""Parts of a labelled table share nothing, hold every class, and lack the rows that genomes hold."""

import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import labelled_table, table_columns
from genojax.data.genomes import assemblies, loading
from genojax.data.splits import duplicates, labelled_rows
from genojax.errors import explanations


def _text(rows=60, seed=0, lengths=(40, 70), split=None):
    random = np.random.default_rng(seed)
    lines = ['sequence\tlabel' + ('\tsplit' if split else '')]
    for row in range(rows):
        codes = random.integers(0, 4, random.integers(*lengths)).astype(np.uint8)
        cells = [dna.decode(codes), str(row % 2)] + ([split(row)] if split else [])
        lines.append('\t'.join(cells))
    return '\n'.join(lines) + '\n'


@pytest.fixture
def write(tmp_path):
    def write(text, name='rows.tsv'):
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def _split(path, test=0.25, validation=0.1):
    return labelled_rows.split_rows(labelled_table.read(path), test, validation)


def test_a_split_column_is_kept_or_refused(write):
    words = ('train', 'train', 'test', 'train', 'test')
    text = _text(50, split=lambda row: words[row % 5])
    split = _split(write(text), validation=0.2)
    assert split.test.tolist() == [row for row in range(50) if row % 5 in (2, 4)]
    assert len(split.validation) == 6 and split.report['source'] == 'split column'
    lines = text.splitlines()
    leak = dna.reverse_complement_text(lines[1].split('\t')[0])  # row 0 trains
    with pytest.raises(errors.InputError, match=r'LB09.*rows.tsv:52.*line 2 \(train\).*\(test\)'):
        _split(write(text + f'{leak}\t0\ttest\n'))
    only = _text(50, split=lambda row: 'train')
    with pytest.raises(errors.InputError, match='LB08.*no test row'):
        _split(write(only))


def test_parts_are_whole_groups_stratified_and_audited(write):
    random = np.random.default_rng(1)
    genome = random.integers(0, 4, 60_000).astype(np.uint8)
    lines = ['sequence\tlabel']
    for row, start in enumerate(random.integers(0, 59_900, 500).tolist()):  # many overlap
        lines.append(f'{dna.decode(genome[start : start + 60])}\t{row % 2}')
    split = _split(write('\n'.join(lines)), test=0.25, validation=0.2)
    groups = [
        set(split.groups[rows].tolist()) for rows in (split.train, split.validation, split.test)
    ]
    for one, other in itertools.combinations(groups, 2):
        assert not one & other
    assert split.report['rows_sharing_a_kmer_with_train'] == {'validation': 0, 'test': 0}
    assert split.report['rows_related_to_train'] == {'validation': 0, 'test': 0}
    assert split.report['rows_with_a_relative'] > 50
    assert abs(len(split.test) - 125) <= 3 and abs(len(split.validation) - 75) <= 3
    naive = random.permutation(500)
    table = labelled_table.read(write('\n'.join(lines)))
    leaked = duplicates.shared(
        [table.sequences[i] for i in naive[:125]], [table.sequences[i] for i in naive[125:]]
    )
    assert leaked.sum() > 10  # what a random split would have leaked


def test_too_few_rows_are_refused(write):
    with pytest.raises(errors.InputError, match='LB10'):
        _split(write('sequence\tlabel\nACGTACGTAA\t0\nACCCCGTACC\t1\n'))


def test_a_part_without_values_or_classes_is_named_in_plain_words(write):
    rng = np.random.default_rng(0)
    rows = [dna.decode(rng.integers(0, 4, 60).astype(np.uint8)) for _ in range(105)]
    text = '\n'.join(['sequence\tlabel', *(f'{row}\t{i % 35}' for i, row in enumerate(rows))])
    path = write(text)
    with pytest.raises(
        errors.InputError, match="part would have .* rows and no row of class '"
    ) as error:
        labelled_rows.split_rows(labelled_table.read(path), test=0.02)
    assert 'if the 35 classes are values' in error.value.fix
    assert '--kind=regression' in error.value.fix
    values = labelled_table.read(path, table_columns.TableColumns(values=True)).take(np.arange(5))
    words = "the validation part would have 0 of 5 rows and no value of column 'label'"
    with pytest.raises(errors.InputError, match=words) as error:
        labelled_rows.split_rows(values, test=0.2, validation=0.01)
    assert '--kind' not in error.value.fix
    for field in ('group_column', 'split_column', 'keep_together'):
        assert f'data.{field}' in explanations.EXPLANATIONS['LB10']


def test_rows_that_genomes_hold_are_removed_and_reported(write):
    text = _text()
    row = dna.encode(text.splitlines()[5].split('\t')[0])
    codes = np.random.default_rng(9).integers(0, 4, 3_000).astype(np.uint8)
    codes[700 : 700 + len(row)] = dna.reverse_complement(row)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [codes])])
    left, removed = labelled_rows.screen(corpus, labelled_table.read(write(text)))
    assert removed['rows'] == 60 and len(left) == 59
    assert removed['removed'] == [
        {
            'row': 4,
            'species': 'x',
            'contig': 'c',
            'start': 700,
            'strand': '-',
            'substitutions': 0,
            'line': 6,
            'label': 0,
        }
    ]
    assert 6 not in left.lines.tolist()
    assert removed['checked'] and removed['occurring'] == 1 and removed['kept'] == 0


def test_a_table_cut_from_the_genomes_is_kept_unless_its_removal_is_asked_for(write):
    codes = np.random.default_rng(9).integers(0, 4, 3_000).astype(np.uint8)
    rows = [f'{dna.decode(codes[s : s + 60])}\t{s % 100 // 50}' for s in range(0, 2_900, 50)]
    table = labelled_table.read(write('\n'.join(['sequence\tlabel', *rows])))
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [codes])])
    for policy in ('auto', 'keep'):
        left, report = labelled_rows.screen(corpus, table, policy)
        assert len(left) == len(table) == report['kept'] == report['occurring']
        assert report['removed'] == []
    with pytest.raises(errors.InputError, match='LB11.*every row of class 0') as caught:
        labelled_rows.screen(corpus, table, 'remove')
    assert 'in_genomes=keep' in caught.value.fix
    assert not labelled_rows.not_screened(table, 'no genomes')['checked']


@pytest.mark.real
def test_the_promoter_benchmark_without_the_row_that_pretraining_holds(real_data, tmp_path):
    from genojax.data.store import ingest

    ingest.ingest(real_data / 'embed_default', tmp_path / 'shards')
    corpus = loading.open_shards(tmp_path / 'shards')
    table = labelled_table.read(real_data / 'promoters_dnabert_core')
    left, removed = labelled_rows.screen(corpus, table)
    split = labelled_rows.split_rows(left, test=0.25, validation=0.1)
    assert removed['rows'] == 4_115
    (row,) = [row for row in removed['removed'] if not row['substitutions']]
    assert (row['species'], row['contig']) == ('human', 'hg19_chr1_1100001_1500000')
    assert row['strand'] == '-'
    assert len(removed['removed']) == 11  # ten more are copies of a repeat with substitutions
    assert split.report['rows_with_a_relative'] == 84  # 74 of them by 30 equal bases
    none = {'validation': 0, 'test': 0}
    assert split.report['rows_sharing_a_kmer_with_train'] == none
    assert split.report['rows_related_to_train'] == none
    assert abs(len(split.test) - 0.25 * 4_104) < 3


@pytest.fixture
def designed(tmp_path):
    """60 variants of one sequence, four substitutions each, in 12 families, each row twice."""
    rng = np.random.default_rng(3)
    origin = rng.integers(0, 4, 80).astype(np.uint8)
    lines = ['sequence,value,family']
    for row in range(60):
        codes = origin.copy()
        codes[rng.choice(80, 4, replace=False)] = rng.integers(0, 4, 4)
        lines += [f'{dna.decode(codes)},{row / 7},f{row % 12}'] * 2
    path = tmp_path / 'designed.csv'
    path.write_text('\n'.join(lines))
    return labelled_table.read(path, table_columns.TableColumns(values=True))


def test_designed_rows_that_are_one_leak_group_are_refused_with_two_ways_out(designed):
    with pytest.raises(
        errors.InputError, match='LB10.*120 rows are related and stay in one part'
    ) as error:
        labelled_rows.split_rows(designed)
    assert 'column split (train, validation or test in every row)' in error.value.fix
    for field in ('group_column', 'keep_together=equal'):
        assert f'--config.tasks.TASK.data.{field}' in error.value.fix


def test_a_group_column_decides_which_rows_stay_together(designed):
    split = labelled_rows.split_rows(designed, validation=0.2, group_column='family')
    family_N = designed.extra['family']
    parts = [set(family_N[split.rows(name)]) for name in labelled_rows.SPLITS]
    assert sum(map(len, parts)) == 12 and all(parts)
    assert split.report['source'] == 'column family'
    assert split.report['rows_related_to_train']['test'] == len(split.test)
    assert split.shared[split.test].all()
    with pytest.raises(errors.InputError, match="LB01.*'famly'.*'family'"):
        labelled_rows.split_rows(designed, group_column='famly')


def test_equal_rows_stay_together_where_related_ones_need_not(designed):
    split = labelled_rows.split_rows(designed, keep_together='equal')
    parts = [{designed.sequences[n].tobytes() for n in rows} for rows in (split.train, split.test)]
    assert not parts[0] & parts[1]
    assert split.report['source'] == 'equal rows' and split.shared[split.test].any()
