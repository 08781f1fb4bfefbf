"""`genojax predict`: one row per sequence, the columns of the request, and its refusals."""

import csv
import decimal
import json
import shutil

import numpy as np
import pytest

import genojax
from genojax import dna, json_files
from genojax.cli import main
from genojax.convert import store
from genojax.inference import pretrained
from genojax.predict import tables

pytestmark = pytest.mark.usefixtures('one_device')


def predict(trained, *arguments, out):
    main.main(['predict', str(trained.run.workdir), *map(str, arguments), f'--out={out}'])


def read(path):
    header, *rows = [line.split('\t') for line in path.read_text().splitlines()]
    return {name: [row[i] for row in rows] for i, name in enumerate(header)}


def assert_same(values_NC, columns):
    """The smaller of two probabilities as the float32 that it is, the other as 1 minus it."""
    text_NC = np.array([columns['p_0'], columns['p_1']]).T
    greater_NC = values_NC > 0.5
    assert {sum(map(decimal.Decimal, row)) for row in text_NC.tolist()} == {1}
    lacking = 1 - text_NC[greater_NC].astype(float)
    np.testing.assert_allclose(lacking, 1 - values_NC[greater_NC], rtol=1e-8)
    np.testing.assert_array_equal(text_NC[~greater_NC].astype(np.float32), values_NC[~greater_NC])


def test_probabilities_of_two_classes_have_as_many_digits_and_keep_their_order():
    small_N = np.float32([0.000771375897, 0.3, 0.5, 1e-9, 3e-12, 0])
    p_N = np.concatenate([1 - small_N.astype(float), small_N])
    texts = tables._cells(p_N)
    assert texts[::6] == ['0.999228624103', '0.000771375897']
    assert texts[1:3] == ['0.699999988', '0.5'] and texts[5] == '1'
    assert texts[3:5] == ['0.99999999900000003', '0.99999999999699996']
    near_1 = 1 - np.arange(1, 200) * 1.5e-16
    again = np.array(tables._cells(np.unique(near_1)), float)
    np.testing.assert_array_equal(again, np.unique(near_1))


@pytest.fixture(scope='module')
def genome(tmp_path_factory, trained):
    path = tmp_path_factory.mktemp('genome') / 'genome.fa'
    records = ''.join(f'>hCoV-19/x|{i}\n{s}\n' for i, s in enumerate(trained.sequences[:20]))
    path.write_text(f'>c1\n{"".join(trained.sequences[:3])}\n{records}')
    return path


def test_a_labelled_table_keeps_its_columns_and_its_labels_are_not_read(trained, tmp_path, capsys):
    predict(trained, f'--table={trained.table}', out=tmp_path / 'x.tsv')
    columns = read(tmp_path / 'x.tsv')
    assert list(columns) == ['line', 'label', 'score', 'predicted_class', 'p_0', 'p_1']
    assert columns['line'] == [str(i + 2) for i in range(90)]
    assert columns['label'] == [str(i % 2) for i in range(90)]
    expected = genojax.load(trained.run.workdir).predict(trained.sequences)
    assert_same(expected.values, columns)
    assert columns['predicted_class'] == expected.classes
    assert json.loads((tmp_path / 'x.tsv.json').read_text())['task'] == 'promoters'
    captured = capsys.readouterr()
    assert captured.out == '' and 'not read: label, score' in captured.err
    predict(trained, f'--table={trained.table}', out=tmp_path / 'x.csv')
    with open(tmp_path / 'x.csv', newline='') as file:
        assert list(csv.DictReader(file))[3] == {k: column[3] for k, column in columns.items()}
    counts = ', '.join(f'{name}: {expected.classes.count(name)}' for name in ('0', '1'))
    assert f'promoters: predicted classes {counts}\n' in captured.err


def test_rows_unlike_the_training_rows_and_training_rows_are_counted(trained, tmp_path, capsys):
    """14 bases where every training row has 36 or more give a probability like any other."""
    rows = {name: len(trained.run.datasets['promoters'].rows(name)) for name in ('train', 'test')}
    predict(trained, f'--table={trained.table}', out=tmp_path / 'x.tsv')
    said = capsys.readouterr().err
    assert f'{rows["train"]} of these rows were trained on' in said and 'shorter' not in said
    counts = json.loads((tmp_path / 'x.tsv.json').read_text())['compared_with_training']
    assert counts['trained_on'] == rows['train'] and counts['rows'] == 90
    assert counts['trained_on'] + counts['selected_checkpoint'] + rows['test'] == 90
    (tmp_path / 'new.tsv').write_text('sequence\nACGTTGCAACGTTG\n' + 'GATTC' * 8 + '\n')
    predict(trained, f'--table={tmp_path / "new.tsv"}', out=tmp_path / 'y.tsv')
    said = capsys.readouterr().err
    assert '1 of 2 rows are shorter than any training row (36 bases)' in said
    assert 'trained on' not in said
    counts = json.loads((tmp_path / 'y.tsv.json').read_text())['compared_with_training']
    assert (counts['shorter'], counts['shortest'], counts['trained_on']) == (1, 36, 0)


def test_headers_that_are_alike_are_numbered_where_that_is_wanted(trained, tmp_path, capsys):
    record = f'>unnamed protein product\n{trained.sequences[1]}\n'
    (tmp_path / 'x.fa').write_text(2 * record)
    predict(trained, f'--fasta={tmp_path / "x.fa"}', '--names=number', out=tmp_path / 'x.tsv')
    assert read(tmp_path / 'x.tsv')['name'] == ['1', '2']
    assert 'records are named 1, 2, 3, ...' in capsys.readouterr().err


def test_a_run_of_an_earlier_version_is_compared_with_nothing(trained, tmp_path, capsys):
    run = tmp_path / 'run'
    shutil.copytree(trained.run.workdir, run)
    descriptions = json_files.read_hashed(run / 'datasets.json')
    del descriptions['promoters']['training_rows']
    json_files.write_hashed(run / 'datasets.json', descriptions)
    (tmp_path / 'new.tsv').write_text(f'sequence\nACGTTGCAACGTTG\n{trained.sequences[0]}\n')
    out = tmp_path / 'y.tsv'
    main.main(['predict', str(run), f'--table={tmp_path / "new.tsv"}', f'--out={out}'])
    said = capsys.readouterr().err
    assert 'training row' not in said and 'trained on' not in said
    assert 'compared_with_training' not in json.loads(out.with_name('y.tsv.json').read_text())


def test_records_intervals_and_windows_are_the_same_sequences(trained, genome, tmp_path, capsys):
    bed = tmp_path / 'x.bed'
    first, second = len(trained.sequences[0]), len(trained.sequences[1])
    bed.write_text(f'c1\t{first}\t{first + second}\tb\t0\t-\nc1\t0\t{first}\n')
    predict(trained, f'--fasta={genome}', f'--bed={bed}', out=tmp_path / 'bed.tsv')
    columns = read(tmp_path / 'bed.tsv')
    assert columns['name'] == ['b', f'c1:0-{first}'] and columns['strand'] == ['-', '.']
    reverse = dna.decode(dna.reverse_complement(dna.encode(trained.sequences[1])))
    expected = genojax.load(trained.run.workdir).predict([reverse, trained.sequences[0]])
    assert_same(expected.values, columns)
    capsys.readouterr()
    predict(trained, f'--fasta={genome}', '--window=36', '--stride=30', out='-')
    captured = capsys.readouterr()
    header, *rows = [line.split('\t') for line in captured.out.splitlines()]
    assert header[:5] == ['name', 'contig', 'start', 'end', 'strand']
    assert [row[2] for row in rows if row[0] == 'c1'] == ['0', '30', '60', '76']
    assert {'hCoV-19/x|0'} < {row[0] for row in rows}
    assert '21 sequences are 27 windows of at most 36 bases' in captured.err


def test_parquet_has_the_same_columns_and_the_model(trained, tmp_path):
    parquet = pytest.importorskip('pyarrow.parquet')
    predict(trained, f'--table={trained.table}', out=tmp_path / 'x.parquet')
    predict(trained, f'--table={trained.table}', out=tmp_path / 'x.tsv')
    table, columns = parquet.read_table(tmp_path / 'x.parquet'), read(tmp_path / 'x.tsv')
    assert table.column_names == list(columns)
    assert_same(np.stack([table['p_0'].to_numpy(), table['p_1'].to_numpy()], 1), columns)
    assert json.loads(table.schema.metadata[b'genojax'])['task'] == 'promoters'


REFUSED = {
    ('--fasta={genome}',): (3, 'of at most 40. Fix: '),
    (): (2, 'name sequences. Fix: --fasta=FILE, or --table=FILE'),
    ('--table={table}', '--bed=x.bed'): (2, '--bed names intervals of a FASTA file'),
    ('--table={table}', '--task=none'): (2, "no task 'none'"),
    ('--table={table}', '--sequence-column=dna'): (3, "table.tsv:1: no column is called 'dna'"),
    ('--table={table}', '--stride=4'): (2, '--stride=N goes with --window=N'),
    ('--table={table}', '--window=4', '--stride=5'): (2, 'would be left out'),
    ('--table={table}', '--out=absent/x.tsv'): (2, 'no such folder'),
    ('--table={bad}',): (3, "bad.csv:3: base 4: '!' is not a DNA letter"),
    ('--table={rna}',): (3, 'Fix: --rna reads U as T'),
}


@pytest.mark.parametrize('arguments', REFUSED, ids=' '.join)
def test_what_cannot_be_predicted_is_one_line(arguments, trained, genome, tmp_path, capsys):
    (tmp_path / 'bad.csv').write_text('sequence,class\n"ACGTACGT",x\nACG!,y\n')
    (tmp_path / 'rna.csv').write_text('sequence,class\nACGUACGU,x\n')
    code, words = REFUSED[arguments]
    names = {'genome': genome, 'table': trained.table, 'bad': tmp_path / 'bad.csv'}
    names['rna'] = tmp_path / 'rna.csv'
    arguments = [argument.format(**names) for argument in arguments]
    if not any(argument.startswith('--out') for argument in arguments):
        arguments.append(f'--out={tmp_path}/x.tsv')
    with pytest.raises(SystemExit) as stop:
        main.main(['predict', str(trained.run.workdir), *arguments])
    text = capsys.readouterr().err
    assert (stop.value.code, words in text, text.count('\n')) == (code, True, 1), text
    assert not list(tmp_path.glob('x.*'))


def test_a_model_without_a_head_names_the_verb_that_gives_it_one(trained, tmp_path, capsys):
    source = pretrained.read(trained.run.workdir)
    about = {'kind': 'tiny', 'source': 'here'}
    converted = store.ConvertedModel(
        source.model, source.params, {}, source.tokenizer, 'MIT', about
    )
    store.write(converted, tmp_path / 'converted')
    with pytest.raises(SystemExit) as stop:
        main.main(['predict', str(tmp_path / 'converted'), f'--table={trained.table}', '--out=-'])
    text = capsys.readouterr().err
    assert stop.value.code == 2 and 'has no task that predicts' in text
    assert f'genojax finetune {tmp_path}/converted TABLE --workdir={tmp_path}/converted_2' in text
