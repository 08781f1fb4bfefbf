"""What users met in public reports, as commands: each case with its right answer.

The same laws are tested where they are kept (tests/tasks/labelled, tests/convert, tests/train);
here a user types a command and reads what it prints.
"""

import json
import pathlib
import shlex

import numpy as np
import pytest

from genojax.cli import main
from genojax.convert import files
from genojax.train import loop
from tests import commands, fix_inputs
from tests.convert import published

CASES = commands.ROOT / 'tests' / 'tasks' / 'labelled' / 'cases'
TINY = {
    'model.width': 8, 'model.inner': 8, 'model.depth': 1, 'model.heads': 1, 'model.unroll': 1,
    'optim.warmup': 1, 'steps': 2,
}  # fmt: skip
pytestmark = pytest.mark.usefixtures('one_device', 'two_point_grids')


class Past(Exception):
    """The command got to its training."""


def refused(words: list[str], capsys, code: int = 3) -> str:
    """What a command prints that ends with an exit code: one line, no traceback."""
    with pytest.raises(SystemExit) as stop:
        main.main(words)
    message = capsys.readouterr().err
    assert stop.value.code == code, message
    assert message.startswith('genojax: error ') and 'Traceback' not in message
    return message


def train(table: str, workdir: pathlib.Path, *more: str) -> list[str]:
    options = [f'--config.{path}={value}' for path, value in TINY.items()]
    path = f'--config.tasks.promoters.data.path={CASES / table}'
    return ['train', '--config=demo_promoters', path, *options, f'--workdir={workdir}', *more]


@pytest.mark.slow  # the same law on rows: tests/tasks/labelled/test_intervals.py
def test_24_positive_rows_of_800_get_a_value_and_an_interval(tmp_path, capsys):
    main.main([*train('rare.csv.gz', tmp_path / 'run'), '--evaluate'])
    result = json.loads((tmp_path / 'run' / 'evaluation' / 'promoters.test.json').read_text())
    for name in ('model', 'gc_only', 'kmer_svm'):
        value, low, high = result['models'][name]['auroc']
        assert 0 <= low <= value <= high <= 1 and low < high
    printed = capsys.readouterr().out
    value, low, high = result['models']['model']['auroc']
    assert f'{value:.3f} ({low:.3f} to {high:.3f})' in printed
    groups = f'{result["test_groups"]:,} groups of related rows ({result["n_test"]:,} test rows)'
    assert f'95 % intervals over {groups}' in printed


def test_commas_within_quotes_are_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(loop, 'train', lambda run, profile: (_ for _ in ()).throw(Past))
    with pytest.raises(Past):
        main.main(train('quoted.csv.gz', tmp_path / 'run'))
    assert 'rows per class: 0: 150, 1: 150' in capsys.readouterr().out


@pytest.fixture
def pairs(tmp_path) -> list[str]:
    """Options of a BPE of about two bases per token, and a model that reads 16 tokens of it."""
    published.write_bpe(tmp_path / 'bpe.json', published.SPECIAL['dnabert2'], 26)
    return [
        *('--config.tokenizer.kind=bpe', f'--config.tokenizer.file={tmp_path / "bpe.json"}'),
        *('--config.model.vocab=26', '--config.model.pad_id=3', '--config.tokenizer.tokens=20'),
    ]


def test_rows_without_room_for_their_tokens_are_refused(tmp_path, capsys, monkeypatch, pairs):
    words = [*train('tail.csv.gz', tmp_path / 'run'), *pairs]
    message = refused(words, capsys)
    assert 'GX-LB05' in message and 'of 800 rows would lose' in message
    monkeypatch.setattr(loop, 'train', lambda run, profile: (_ for _ in ()).throw(Past))
    with pytest.raises(Past):
        main.main([*words, *commands.paste(message.split('Fix: ')[1])])


@pytest.mark.slow
def test_the_share_of_bases_that_is_cut_stands_in_table_and_report(tmp_path, capsys, pairs):
    cut = '--config.tasks.promoters.data.long_rows=cut'
    main.main([*train('tail.csv.gz', tmp_path / 'run'), *pairs, cut, '--evaluate'])
    main.main(['report', str(tmp_path / 'run')])
    result = json.loads((tmp_path / 'run' / 'evaluation' / 'promoters.test.json').read_text())
    share = result['left_out']['share']
    assert share > 0.1
    words = f'{100 * share:.1f} % of all bases were never read'
    assert words in capsys.readouterr().out
    page = (tmp_path / 'run' / 'report.html').read_text().replace('\N{NO-BREAK SPACE}', ' ')
    assert words in page


def test_an_own_order_of_words_gives_the_vectors_of_the_original(tmp_path, capsys):
    from tests.convert import test_vocabulary

    words, expected = test_vocabulary.ORDERS['alphabetical']
    source = published.write('dnabert', tmp_path / 'source')
    test_vocabulary.as_text(words, source)
    (tmp_path / 'a.fa').write_text(f'>a\n{test_vocabulary.SEQUENCE}\n')
    main.main(['convert', str(source), str(tmp_path / 'converted')])
    assert 'another order' in capsys.readouterr().out
    out = tmp_path / 'x.npz'
    main.main(
        ['embed', str(tmp_path / 'converted'), f'--fasta={tmp_path / "a.fa"}', f'--out={out}']
    )
    with np.load(out) as arrays:
        (vectors,) = (arrays[name] for name in arrays if arrays[name].shape == (1, 12))
    np.testing.assert_allclose(vectors[0], expected, atol=2e-6)
    test_vocabulary.as_text([*words[:9], 'NNN', *words[10:]], source)
    message = refused(['convert', str(source), str(tmp_path / 'other')], capsys)
    assert 'GX-CV06: ' in message and "id 9 is 'NNN'" in message


NAME = 'bert.encoder.layer.1.intermediate.dense.bias'


@pytest.mark.parametrize(
    ('value', 'dtype'),
    [
        (np.nan, np.float32),
        (np.inf, np.float16),
        (1e39, np.float64),
        (1, np.int8),
        (True, bool),
    ],
)
def test_a_tensor_without_weights_is_refused_by_name(value, dtype, tmp_path, capsys):
    source, tensors = tmp_path / 'source', dict(published.oracle('dnabert').tensors)
    published.write('dnabert', source)
    tensors[NAME] = np.full_like(tensors[NAME], value, dtype)
    files.write_tensors(source / 'model.safetensors', tensors)
    message = refused(['convert', str(source), str(tmp_path / 'out')], capsys)
    assert NAME in message and 'GX-CV07' in message
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('prefix', ['module.', '_orig_mod.', 'model.', 'lightning.net.'])
def test_a_common_prefix_is_removed_and_said(prefix, tmp_path, capsys):
    source, tensors = tmp_path / 'source', published.oracle('dnabert').tensors
    published.write('dnabert', source)
    files.write_tensors(source / 'model.safetensors', {prefix + n: x for n, x in tensors.items()})
    main.main(['convert', str(source), str(tmp_path / 'out')])
    assert f'the prefix {prefix!r} of the names was removed' in capsys.readouterr().out


def test_an_encoder_alone_and_a_classifier_are_taken_without_a_head(tmp_path, capsys):
    source = published.write('dnabert', tmp_path / 'source')
    tensors = published.oracle('dnabert').tensors
    encoder = {name: x for name, x in tensors.items() if name.startswith('bert.')}
    files.write_tensors(source / 'model.safetensors', encoder)
    main.main(['convert', str(source), str(tmp_path / 'encoder')])
    assert 'no language-model head' in capsys.readouterr().out
    classifier = encoder | {'classifier.weight': np.ones((2, 12), np.float32)}
    files.write_tensors(source / 'model.safetensors', classifier)
    main.main(['convert', str(source), str(tmp_path / 'classifier')])
    printed = capsys.readouterr().out
    assert 'NOT read' in printed and 'classifier.weight' in printed


def test_an_adapter_is_named_and_merged_with_its_base(tmp_path, capsys):
    from tests.convert.user_weights import test_lora

    base = published.write('dnabert', tmp_path / 'base')
    test_lora.write_adapter(tmp_path / 'adapter')
    words = ['convert', str(tmp_path / 'adapter'), str(tmp_path / 'merged')]
    message = refused(words, capsys)
    assert 'adapter' in message and '--base=' in message
    main.main([*words, f'--base={base}'])
    assert (tmp_path / 'merged').is_dir()


def test_the_head_of_a_fine_tuned_run_is_not_lost_in_silence(tmp_path, capsys):
    table = tmp_path / 'table.csv'
    rng = np.random.default_rng(0)
    rows = [(''.join(rng.choice(list('ACGT'), 40)), i % 2) for i in range(60)]
    fix_inputs.table(table, 'sequence,label', rows)
    path = {fix_inputs.TABLE: str(table)}
    run = fix_inputs.save_run(tmp_path, 'demo_promoters', 'tuned', **path)
    main.main(['convert', str(run), str(tmp_path / 'out')])
    printed = capsys.readouterr()
    text = ' '.join((printed.out + printed.err).split())
    assert 'head' in text and 'promoters' in text, text
    assert shlex.quote('promoters') in text
    assert 'its language-model head is random numbers' in text  # no masked LM, no init_from
