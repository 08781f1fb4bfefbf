"""Labelled tables: every row accounted for, every mistake named with file and line."""

import gzip

import numpy as np
import pytest

from genojax import dna, errors
from genojax.data.formats import labelled_table


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
        table = labelled_table.read(write('\ufeff' + text, name))
        assert [dna.decode(codes) for codes in table.sequences] == ['ACGTN', 'ACGTNNA']
        assert table.labels.tolist() == [1, 0] and table.lines.tolist() == [2, 3]
        assert table.split.tolist() == ['test', 'validation']
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
        ('sequence\tlabel\nACGT\t1.5\n', 'LB02', "rows.tsv:2: '1.5'"),
        ('sequence\tlabel\nACGT\ta\nACGT\t\n', 'LB02', "rows.tsv:3: ''"),
        ('sequence\tlabel\n', 'LB03', 'no rows'),
        ('sequence\tlabel\nACGT\t0\n\t1\n', 'LB03', 'rows.tsv:3: the sequence is empty'),
        ('sequence\tlabel\nACGT\t0\nACG*T\t1\n', 'LB04', r"rows.tsv:3: base 4: '\*'"),
        ('sequence\tlabel\nACGT\t0\nACG TAC\t1\n', 'LB04', "rows.tsv:3: base 4: ' '"),
        ('sequence\tlabel\nACGT\t0\nAC\u00e9\t1\n', 'LB04', 'rows.tsv:3: base 3'),
        ('sequence\tlabel\nACGT\t0\t7\n', 'LB06', 'rows.tsv:2: 3 columns'),
        ('sequence\tlabel\nACGT\t0\n\nACGT\t1\n', 'LB06', 'rows.tsv:3: 1 columns'),
        ('sequence\tlabel\tsplit\nACGT\t0\tholdout\n', 'LB08', "rows.tsv:2: split 'holdout'"),
        ('sequence\tlabel\tsplit\nACGT\t0\t\n', 'LB08', "rows.tsv:2: split ''"),
        (b'\xff\xfes\x00e\x00', 'FA11', 'the file is in UTF-16'),
        (gzip.compress(_text().encode())[:-20], 'FA15', 'ends inside its compressed data'),
    ],
)
def test_each_bad_table_has_its_error(write, text, code, words):
    with pytest.raises(errors.InputError, match=words) as caught:
        labelled_table.read(write(text))
    assert caught.value.code == code and code in errors.EXPLANATIONS


def test_a_folder_holds_one_table_of_labelled_dna(write, tmp_path):
    with pytest.raises(errors.InputError, match='LB07.*it has: none'):
        labelled_table.read(tmp_path)
    write(_text(), 'promoters.tsv.gz')
    write('sequence\tlabel\nACG CGT\t0\n', 'kmers.tsv')
    write('species\tfasta\nx\ty\n', 'genomes.tsv')
    assert labelled_table.read(tmp_path).source.endswith('promoters.tsv.gz')
    write(_text(), 'more.csv'.replace('csv', 'tsv'))
    with pytest.raises(errors.InputError, match=r'LB07.*more.tsv, promoters.tsv.gz'):
        labelled_table.read(tmp_path)
    with pytest.raises(errors.InputError, match='FA20.*absent.tsv'):
        labelled_table.read(tmp_path / 'absent.tsv')


def test_a_folder_of_train_and_test_tables_is_one_table_with_their_split(write, tmp_path):
    write('sequence,label\nACGT,a\nACCC,b\n', 'train.csv')
    write('sequence,label,split\nACGG,c\n'.replace(',split', ''), 'Test.csv.gz')
    write('sequence,label\nACTT,b\n', 'dev.csv')
    table = labelled_table.read(tmp_path)
    assert table.split.tolist() == ['train', 'train', 'validation', 'test']
    assert table.labels.tolist() == [0, 1, 1, 2] and table.names == ('a', 'b', 'c')
    assert table.where(3) == {'path': str(tmp_path / 'Test.csv.gz'), 'line': 2}
    assert table.is_folder and table.source == str(tmp_path)
    write('sequence,label\nACTT,b\n', 'valid.csv')
    with pytest.raises(errors.InputError, match='LB07.*dev.csv and valid.csv'):
        labelled_table.read(tmp_path)
    (tmp_path / 'valid.csv').unlink()
    write('sequence,label,split\nACTT,b,test\n', 'dev.csv')
    with pytest.raises(errors.InputError, match='LB08.*dev.csv.*has a split column'):
        labelled_table.read(tmp_path)
    write('sequence,label\nACTT,0.5\n', 'dev.csv')
    with pytest.raises(errors.InputError, match="LB02.*dev.csv:2: '0.5'|LB02.*train.csv:2: 'a'"):
        labelled_table.read(tmp_path)


def test_padding_fills_with_unknown_bases_and_refuses_longer_rows(write):
    table = labelled_table.read(write('sequence,label\nACG,0\nACGTT,1\n'))
    codes, real = table.padded()
    assert codes.tolist() == [[0, 1, 2, 4, 4], [0, 1, 2, 3, 3]] and real.tolist() == [3, 5]
    codes, real = table.padded(np.array([0]), length=4)
    assert codes.tolist() == [[0, 1, 2, 4]] and real.tolist() == [3]
    with pytest.raises(errors.InputError, match='rows.tsv:3: 5 bases') as e:
        table.padded(length=4)
    assert e.value.code == 'LB05'


@pytest.mark.parametrize('word', ['validation', 'valid', 'val', 'dev', 'Validation'])
def test_every_word_for_the_validation_part_is_accepted(write, word):
    table = labelled_table.read(write(f'sequence,label,split\nACG,0,{word}\n'))
    assert table.split.tolist() == ['validation']
