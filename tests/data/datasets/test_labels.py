"""Labelled tables: every row accounted for, sides that share nothing, batches that are functions of (seed, step)."""

import gzip
import itertools

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.datasets import labels
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates
from genojax.tokenizers import kmer

TOKENIZER = kmer.KmerTokenizer(3)


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
        data = text.encode() if isinstance(text, str) else text
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith('.gz') else data)
        return tmp_path / name

    return write


def test_a_table_is_read_as_it_stands(write):
    text = 'score,Label,sequence,name,split\n0.5,1,acgtn,a,test\n-1e3,0,"ACGTRYA",b,dev\r\n\n'
    for name in ('rows.csv', 'rows.csv.gz'):
        table = labels.read(write('\ufeff' + text, name))
        assert [dna.decode(codes) for codes in table.sequences] == ['ACGTN', 'ACGTNNA']
        assert table.labels.tolist() == [1, 0] and table.lines.tolist() == [2, 3]
        assert table.split.tolist() == ['test', 'valid']
        assert table.extra['score'].tolist() == [0.5, -1000.0]
        assert table.extra['name'].tolist() == ['a', 'b']
        part = table.take(np.array([1]))
        assert part.lines.tolist() == [3] and part.extra['score'].tolist() == [-1000.0]


@pytest.mark.parametrize(
    ('text', 'code', 'words'),
    [
        ('seq\tlabel\nACGT\t0\n', 'LB01', "rows.tsv:1: no column is called 'sequence'"),
        ('sequence,class\nACGT,0\n', 'LB01', "no column is called 'label'"),
        ('sequence,label,label\nACGT,0,0\n', 'LB01', 'more than one'),
        ('', 'LB01', 'the first line names nothing'),
        ('sequence\tlabel\nACGT\t0\nACGT\tyes\n', 'LB02', "rows.tsv:3: 'yes'"),
        ('sequence\tlabel\nACGT\t-1\n', 'LB02', "rows.tsv:2: '-1'"),
        ('sequence\tlabel\nACGT\t1.0\n', 'LB02', "rows.tsv:2: '1.0'"),
        ('sequence\tlabel\nACGT\t0\nACGT\t2\n', 'LB02', 'class 1 has no row'),
        ('sequence\tlabel\n', 'LB03', 'no rows'),
        ('sequence\tlabel\nACGT\t0\n\t1\n', 'LB03', 'rows.tsv:3: the sequence is empty'),
        ('sequence\tlabel\nACGT\t0\nACG*T\t1\n', 'LB04', r"rows.tsv:3: base 4: '\*'"),
        ('sequence\tlabel\nACGT\t0\nACG TAC\t1\n', 'LB04', "rows.tsv:3: base 4: ' '"),
        ('sequence\tlabel\nACGT\t0\nAC\u00e9\t1\n', 'LB04', 'rows.tsv:3: base 3'),
        ('sequence\tlabel\nACGT\t0\t7\n', 'LB06', 'rows.tsv:2: 3 columns'),
        ('sequence\tlabel\nACGT\t0\n\nACGT\t1\n', 'LB06', 'rows.tsv:3: 1 columns'),
        ('sequence\tlabel\tsplit\nACGT\t0\tholdout\n', 'LB08', "rows.tsv:2: split 'holdout'"),
        ('sequence\tlabel\tsplit\nACGT\t0\t\n', 'LB08', "rows.tsv:2: split ''"),
        (b'\xff\xfes\x00e\x00', 'LB07', 'not text in UTF-8'),
        (gzip.compress(_text().encode())[:-20], 'LB07', 'gzip data ends early'),
    ],
)
def test_each_bad_table_has_its_error(write, text, code, words):
    with pytest.raises(errors.InputError, match=words) as caught:
        labels.read(write(text))
    assert caught.value.code == code and code in errors.EXPLANATIONS


def test_a_folder_holds_one_table_of_labelled_dna(write, tmp_path):
    with pytest.raises(errors.InputError, match='LB07.*found: none'):
        labels.read(tmp_path)
    write(_text(), 'promoters.tsv.gz')
    write('sequence\tlabel\nACG CGT\t0\n', 'kmers.tsv')
    write('species\tfasta\nx\ty\n', 'genomes.tsv')
    assert labels.read(tmp_path).source.endswith('promoters.tsv.gz')
    write(_text(), 'more.csv'.replace('csv', 'tsv'))
    with pytest.raises(errors.InputError, match=r'LB07.*more.tsv, promoters.tsv.gz'):
        labels.read(tmp_path)
    with pytest.raises(errors.InputError, match='LB07'):
        labels.read(tmp_path / 'absent.tsv')


def test_rows_too_long_for_the_model_are_an_error_not_a_cut(write):
    path = write(_text() + 'A' * 100 + '\t1\n')
    with pytest.raises(
        errors.InputError, match='rows.tsv:62: 100 bases, but the model reads 99'
    ) as e:
        labels.open_task(path, length=99)
    assert e.value.code == 'LB05'
    assert labels.open_task(path, length=100).length == labels.open_task(path).length == 100


def _task(write, rows=60, **changes):
    return labels.open_task(write(_text(rows)), test=0.25, valid=0.2, **changes)


def test_a_split_column_is_kept_or_refused(write):
    words = ('train', 'train', 'test', 'train', 'test')
    text = _text(50, split=lambda row: words[row % 5])
    task = labels.open_task(write(text), valid=0.2)
    assert task.split.test.tolist() == [row for row in range(50) if row % 5 in (2, 4)]
    assert len(task.split.valid) == 6 and task.split.report['source'] == 'split column'
    lines = text.splitlines()
    leak = dna.reverse_complement_text(lines[1].split('\t')[0])  # row 0 trains
    with pytest.raises(errors.InputError, match=r'LB09.*rows.tsv:52.*line 2 \(train\).*\(test\)'):
        labels.open_task(write(text + f'{leak}\t0\ttest\n'))
    only = _text(50, split=lambda row: 'train')
    with pytest.raises(errors.InputError, match='LB08.*no test row'):
        labels.open_task(write(only))


def test_sides_are_whole_stratified_and_audited(write):
    random = np.random.default_rng(1)
    genome = random.integers(0, 4, 60_000).astype(np.uint8)
    lines = ['sequence\tlabel']
    for row, start in enumerate(random.integers(0, 59_900, 500).tolist()):  # many overlap
        lines.append(f'{dna.decode(genome[start : start + 60])}\t{row % 2}')
    split = labels.open_task(write('\n'.join(lines)), test=0.25, valid=0.2).split
    sides = [set(split.groups[rows].tolist()) for rows in (split.train, split.valid, split.test)]
    for one, other in itertools.combinations(sides, 2):
        assert not one & other
    assert split.report['rows_sharing_a_kmer_with_train'] == {'valid': 0, 'test': 0}
    assert split.report['rows_with_a_relative'] > 50
    assert abs(len(split.test) - 125) <= 3 and abs(len(split.valid) - 75) <= 3
    naive = random.permutation(500)
    table = labels.read(write('\n'.join(lines)))
    leaked = duplicates.shared(
        [table.sequences[i] for i in naive[:125]], [table.sequences[i] for i in naive[125:]]
    )
    assert leaked.sum() > 10  # what a random split would have leaked


def test_too_few_rows_are_refused(write):
    with pytest.raises(errors.InputError, match='LB10'):
        labels.open_task(write('sequence\tlabel\nACGTACGTAA\t0\nACCCCGTACC\t1\n'))


def test_batches_are_functions_of_seed_and_step(write):
    task = _task(write)
    straight = list(itertools.islice(labels.batches(task, TOKENIZER, 8, 3), 12))
    again = labels.batches(task, TOKENIZER, 8, 3, start_step=7)
    for expected in straight[7:]:
        np.testing.assert_equal(next(again), expected)
    for count in (2, 4, 8):
        hosts = [labels.batches(task, TOKENIZER, 8, 3, host=(i, count)) for i in range(count)]
        for expected in straight[:3]:
            parts = [next(host) for host in hosts]
            for name, array in expected.items():
                for i, part in enumerate(parts):
                    assert np.array_equal(part[name], array[i::count])
    other = next(labels.batches(task, TOKENIZER, 8, 4))
    assert not np.array_equal(other['tokens'], straight[0]['tokens'])
    with pytest.raises(errors.InputError, match='MX09'):
        labels.batches(task, TOKENIZER, 8, 3, host=(0, 3))


def _words(batch):
    """The sequences in a batch, read back from their tokens."""
    return [TOKENIZER.decode(row[row != TOKENIZER.special.pad]) for row in batch['tokens']]


def test_every_epoch_trains_on_every_row_once_with_its_label(write):
    task = _task(write)
    size = len(task.split.train)
    label_of = {
        dna.decode(c): n for c, n in zip(task.labelled.sequences, task.labelled.labels, strict=True)
    }
    batches = itertools.islice(labels.batches(task, TOKENIZER, 4, 0), size)
    seen = []
    for batch in batches:
        for word, label, valid in zip(_words(batch), batch['label'], batch['valid'], strict=True):
            assert label_of[word] == label and len(word) == valid
            seen.append(word)
    train = sorted(dna.decode(task.labelled.sequences[row]) for row in task.split.train)
    epochs = [seen[i * size : (i + 1) * size] for i in range(4)]
    assert all(sorted(epoch) == train for epoch in epochs)
    assert epochs[0] != epochs[1]


def test_reverse_complement_reads_half_of_the_rows_from_the_other_strand(write):
    task = _task(write)
    words = {dna.decode(codes) for codes in task.labelled.sequences}
    turned = 0
    batches = labels.batches(task, TOKENIZER, 20, 0, reverse_complement=True)
    for batch in itertools.islice(batches, 20):
        for word in _words(batch):
            if word not in words:
                assert dna.reverse_complement_text(word) in words
                turned += 1
    assert 150 < turned < 250


def test_eval_batches_hold_a_side_once_and_weigh_the_filling_nothing(write):
    task = _task(write)
    batches = list(labels.eval_batches(task, 'test', TOKENIZER, 4))
    weight = np.concatenate([batch['weight'] for batch in batches])
    words = [word for batch in batches for word in _words(batch)]
    rows = task.rows('test')
    assert weight.tolist() == [1.0] * len(rows) + [0.0] * (-len(rows) % 4)
    assert words[: len(rows)] == [dna.decode(task.labelled.sequences[row]) for row in rows]
    with pytest.raises(ValueError, match='holdout'):
        next(labels.eval_batches(task, 'holdout', TOKENIZER, 4))


def test_the_fingerprint_changes_with_whatever_changes_the_batches(write):
    task = _task(write)
    prints = [
        labels.fingerprint(task, 8, 0),
        labels.fingerprint(task, 16, 0),
        labels.fingerprint(task, 8, 1),
        labels.fingerprint(_task(write, seed=1), 8, 0),
        labels.fingerprint(_task(write, rows=62), 8, 0),
        labels.fingerprint(_task(write, length=80), 8, 0),
    ]
    assert len(set(prints)) == len(prints)
    assert prints[0] == labels.fingerprint(_task(write), 8, 0)


def test_rows_that_genomes_hold_are_removed_and_said(write):
    text = _text()
    row = dna.encode(text.splitlines()[5].split('\t')[0])
    codes = np.random.default_rng(9).integers(0, 4, 3_000).astype(np.uint8)
    codes[700 : 700 + len(row)] = dna.reverse_complement(row)
    corpus = assemblies.Corpus([assemblies.Genome.from_arrays('x', ['c'], [codes])])
    task = labels.open_task(write(text), corpus, test=0.25, valid=0.2)
    assert task.removed['rows'] == 60 and len(task.labelled) == 59
    assert task.removed['removed'] == [
        {
            'row': 4,
            'species': 'x',
            'contig': 'c',
            'start': 700,
            'strand': '-',
            'line': 6,
            'label': 0,
        }
    ]
    assert 6 not in task.labelled.lines.tolist()


@pytest.mark.real
def test_the_promoter_benchmark_without_the_row_that_pretraining_holds(real_data, tmp_path):
    from genojax.data.store import ingest

    ingest.ingest(real_data / 'embed_default', tmp_path / 'shards')
    corpus = ingest.open(tmp_path / 'shards')
    task = labels.open_task(real_data / 'promoters_dnabert_core', corpus)
    assert task.removed['rows'] == 4_115
    (row,) = task.removed['removed']
    assert (row['species'], row['contig']) == ('human', 'hg19_chr1_1100001_1500000')
    assert row['strand'] == '-'
    assert task.split.report['rows_with_a_relative'] == 74
    assert task.split.report['rows_sharing_a_kmer_with_train'] == {'valid': 0, 'test': 0}
    assert abs(len(task.split.test) - 0.25 * 4_114) < 3
