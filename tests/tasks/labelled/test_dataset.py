"""Labelled rows as they come in: folders, adapters, names, short and long rows, none lost silently.

The tables in `cases/` are small copies of what users met, each with the right answer as the
assertion.
"""

import pathlib

import numpy as np
import pytest
import tokenizers as library

from genojax import dna, errors
from genojax.data.datasets import base
from genojax.data.formats import labelled_table
from genojax.tasks.classification import dataset
from genojax.tasks.labelled import prediction_rows
from genojax.tokenizers import bpe, kmer, nucleotide

CASES = pathlib.Path(__file__).parent / 'cases'
TOKENIZER = kmer.KmerTokenizer(3)


def _open(name, tokenizer=TOKENIZER, **changes):
    config = dataset.LabelledDataConfig(path=str(CASES / name), **changes)
    return dataset.LabelledDatasets(config, 0, tokenizer)


def test_names_of_classes_stay_with_the_run_and_rows_are_counted():
    datasets = _open('strings.csv.gz')
    assert datasets.description['classes'] == ['other', 'promoter']
    assert datasets.summary[-1].endswith('rows per class: other: 150, promoter: 150')
    assert datasets.audit['split']['names'] == ['other', 'promoter']
    assert _open('three.csv.gz').description['classes'] == ['0', '1', '2']


def test_the_hash_of_the_sequences_is_that_of_the_same_rows_with_shuffled_labels(tmp_path):
    rng = np.random.default_rng(0)
    rows = [''.join(rng.choice(list('ACGT'), 40)) for _ in range(40)]

    def described(sequences, labels):
        lines = [f'{row}\t{label}' for row, label in zip(sequences, labels, strict=True)]
        (tmp_path / 'x.tsv').write_text('\n'.join(['sequence\tlabel', *lines]) + '\n')
        return _open(tmp_path / 'x.tsv').description['sequences']

    labels = [number % 2 for number in range(40)]
    expected = described(rows, labels)
    assert described(rows[::-1], rng.permutation(labels)) == expected
    assert described([*rows[1:], rows[0][::-1]], labels) != expected


def test_rows_that_contradict_each_other_are_counted_in_the_summary_and_used(tmp_path):
    rng = np.random.default_rng(0)
    rows = [(''.join(rng.choice(list('ACGT'), 40)), number % 2) for number in range(60)]
    rows.append((rows[0][0], 1))
    lines = [f'{bases}\t{label}' for bases, label in rows]
    (tmp_path / 'x.tsv').write_text('\n'.join(['sequence\tlabel', *lines]) + '\n')
    datasets = _open(tmp_path / 'x.tsv')
    assert any('CONFLICTS: 2 rows have the sequence' in line for line in datasets.summary)
    assert sum(len(datasets.rows(split)) for split in base.SPLITS) == 61


def test_commas_within_quotes_are_data():
    table = _open('quoted.csv.gz').table
    assert len(table) == 300 and table.extra['name'][0] == 'gene A, isoform 2'


def test_a_continuous_column_is_no_class():
    with pytest.raises(errors.InputError, match='GX-LB02.*0.765.*--config=regression'):
        _open('regression.csv.gz')


def test_rows_shorter_than_a_token_are_refused_as_embed_does():
    with pytest.raises(errors.InputError, match='2 bases, fewer than a token has') as caught:
        _open('short.csv.gz')
    assert caught.value.code == 'EM02' and caught.value.line
    assert len(_open('short.csv.gz', nucleotide.NucleotideTokenizer()).table) == 300


def test_a_published_split_is_used_and_what_its_parts_share_is_counted(tmp_path):
    assert not any(_open('gue').row_split.shared)
    for path in (CASES / 'gue').iterdir():
        (tmp_path / path.name).write_text(path.read_text())
    planted = (CASES / 'gue' / 'train.csv').read_text().splitlines()[1:4]
    for name, line in zip(('dev.csv', 'test.csv', 'test.csv'), planted, strict=True):
        text, label = line.split(',')
        with open(tmp_path / name, 'a') as file:
            file.write(f'{dna.reverse_complement_text(text)},{label}\n')
    datasets = _open(tmp_path)
    sizes = {
        split: len((tmp_path / name).read_text().splitlines()) - 1
        for split, name in (('train', 'train.csv'), ('validation', 'dev.csv'), ('test', 'test.csv'))
    }
    assert {split: len(datasets.rows(split)) for split in base.SPLITS} == sizes
    report = datasets.audit['split']
    assert report['source'] == 'files of the folder'
    texts = {
        split: [dna.decode(codes) for codes in datasets.sequences(datasets.rows(split))]
        for split in base.SPLITS
    }
    for split in ('validation', 'test'):
        expected = _rows_sharing(texts[split], texts['train'])
        assert report['rows_sharing_a_kmer_with_train'][split] == expected.sum() > 0
    both = _rows_sharing(texts['test'], texts['train'] + texts['validation'])
    assert (datasets.row_split.shared[datasets.rows('test')] == both).all()
    with pytest.raises(errors.InputError, match='LB09'):
        _open(tmp_path, shared_rows='refuse')
    assert 'share sequence with a training row: 1 validation, 2 test' in datasets.summary[2]


def _rows_sharing(these, those, k=30):
    """By Python sets, both strands."""

    def words(text):
        return {text[i : i + k] for i in range(len(text) - k + 1)}

    known = {word for text in those for word in words(text)}
    known |= {dna.reverse_complement_text(word) for word in known}
    return np.array([bool(words(text) & known) for text in these])


@pytest.mark.parametrize('name', ['flanked.csv.gz', 'flanked_split.csv.gz'])
def test_adapters_that_all_rows_share_are_named_and_trimmed_on_request(name):
    first = labelled_table.read(CASES / name).sequences[0]
    with pytest.raises(errors.InputError, match='all 400 rows begin with the 40 bases') as caught:
        _open(name)
    assert caught.value.code == 'LB12'
    assert f'{dna.decode(first[:40])} and end with the 40 bases' in str(caught.value)
    assert '--config.tasks.TASK.data.trim=40,40' in str(caught.value)
    datasets = _open(name, trim=(40, 40))
    assert datasets.length == 100 and datasets.table.sequences[0].tolist() == first[40:-40].tolist()
    trim = datasets.description['trim']
    assert (trim['left_bases'], trim['right_bases']) == (
        dna.decode(first[:40]),
        dna.decode(first[-40:]),
    )
    read = prediction_rows.read_row(first, datasets.description, TOKENIZER)
    assert read.tolist() == first[40:-40].tolist()
    with pytest.raises(errors.InputError, match='does not begin with'):
        prediction_rows.read_row(first[1:], datasets.description, TOKENIZER)
    with pytest.raises(errors.InputError, match='LB03.*180 bases, of which data.trim=90,90'):
        _open(name, trim=(90, 90))


def test_a_common_adapter_inside_the_rows_is_named(tmp_path):
    rng = np.random.default_rng(0)
    adapter = dna.decode(rng.integers(0, 4, 35).astype(np.uint8))
    lines = ['sequence,label']
    for row in range(60):
        left, right = (dna.decode(rng.integers(0, 4, 20).astype(np.uint8)) for _ in range(2))
        lines.append(f'{left}{adapter if row % 6 else ""}{right},{row % 2}')
    (tmp_path / 'rows.csv').write_text('\n'.join(lines))
    config = dataset.LabelledDataConfig(path=str(tmp_path / 'rows.csv'))
    with pytest.raises(
        errors.InputError, match='LB10.*50 rows are related and stay in one part, 50 of'
    ) as e:
        dataset.LabelledDatasets(config, 0, TOKENIZER)
    shown = str(e.value).split('the bases ')[1][:30]
    assert shown in adapter or dna.reverse_complement_text(shown) in adapter


def _pair_tokenizer(tmp_path, tokens=0):
    """A BPE of single bases and four pairs: about two bases per token."""
    vocab = {name: i for i, name in enumerate(['[PAD]', '[MASK]', '[UNK]', *'ACGTN'])}
    merges = [('A', 'C'), ('G', 'T'), ('T', 'A'), ('C', 'G')]
    vocab |= {a + b: len(vocab) + i for i, (a, b) in enumerate(merges)}
    model = library.models.BPE(vocab=vocab, merges=merges, unk_token='[UNK]')
    file = tmp_path / 'tokenizer.json'
    library.Tokenizer(model).save(str(file))
    return bpe.BpeTokenizer(str(file), tokens)


def test_rows_with_too_many_tokens_are_refused_with_the_room_they_need(tmp_path):
    tokenizer = _pair_tokenizer(tmp_path)
    with pytest.raises(errors.InputError, match=r'LB05.*800 of 800 rows would lose') as caught:
        _open('tail.csv.gz', tokenizer)
    needed = int(str(caught.value).split('tokenizer.tokens=')[1].split()[0])
    datasets = _open('tail.csv.gz', _pair_tokenizer(tmp_path, needed))
    assert datasets.left_out == {'rows': 0, 'share': 0.0}
    assert max(int((b['spans'][..., 0] >= 0).sum(1).max()) for b in datasets.test()) <= needed
    with pytest.raises(errors.InputError, match='LB05'):
        _open('tail.csv.gz', _pair_tokenizer(tmp_path, needed - 1))


def test_a_cut_that_was_asked_for_is_counted_in_the_description_and_the_summary(tmp_path):
    tokenizer = _pair_tokenizer(tmp_path)
    datasets = _open('tail.csv.gz', tokenizer, long_rows='cut')
    rows = datasets.table.sequences
    codes, valid = datasets.table.padded()
    kept = tokenizer.batch_entries(codes, valid)['valid']
    share = 1 - kept.sum() / sum(map(len, rows))
    assert datasets.description['left_out'] == {'rows': 800, 'share': pytest.approx(share)}
    assert f'CUT: 800 rows have too many tokens; {100 * share:.1f} %' in '\n'.join(datasets.summary)
