"""No command line and no config value leads to a traceback: exit codes 0, 2, 3, 4 and 75 only."""

import collections
import os
import random
import re
import sys

import pytest

from genojax import config, config_fields, errors
from genojax import experiment as experiments
from genojax.cli import flags, main
from tests.cli import test_text_inputs

VALUES = [
    '0', '-1', '1', '3', '7', '1e3', '1.5', '-1e9', 'nan', 'inf', '-inf', '1e400', '9' * 400, '9' * 5000,
    '-' + '9' * 400, str(2**31), str(2**63), str(2**64), 'True', 'None', '', ' ', "''", '[]', '[1]', '()', '{}',
    "{'a': 1}", "{1: None}", '{[]: 1}', "{'*': float('nan')}", '(1, (2, 3))', "b'x'", '1+2j', '...', '((((', '(' * 3000,
    "__import__('os')", '\\d', 'é', '\u2603', "{'kind': 'bert'}", "{'kind': 3}", "['kind']", '0x10', '1_000',
]  # fmt: skip
CODES = {0, 2, 3, 4, 75}


def paths(name):
    values = flags.load(name)
    rows = [row.path for row in config_fields.describe(experiments.from_config(values))]
    parts = [path.rpartition('.')[0] for path in rows if '.' in path]
    wrong = [
        'nope',
        'model.nope',
        'tasks.nope.weight',
        'steps.x',
        '.',
        'model.',
        '..a',
        'model.attention.nope.x',
    ]
    return rows + sorted(set(parts)) + wrong


def check_config(name, changes):
    """The config with its changes, or a `GenojaxError`."""
    values = flags.load(name)
    try:
        for path, text in changes.items():
            flags.override(values, path, text)
        experiment = experiments.from_config(values)
        assert experiments.from_config(config.to_dict(experiment)) == experiment
    except errors.GenojaxError as error:
        assert error.exit_code in CODES
        assert len(str(error)) < 20_000


def sweep(count, seed):
    rng = random.Random(seed)
    known = {
        name: paths(name)
        for name in ('debug_cpu', 'demo_promoters', 'enformer_small', 'baselines', 'hierarchical')
    }
    for _ in range(count):
        name = rng.choice(list(known))
        changes = {rng.choice(known[name]): rng.choice(VALUES) for _ in range(rng.randint(1, 3))}
        try:
            check_config(name, changes)
        except Exception as error:
            raise AssertionError(f'{name} {changes}') from error


def test_config_values_are_accepted_or_refused():
    sweep(60, seed=1)


@pytest.mark.slow
def test_two_thousand_config_values_are_accepted_or_refused():
    sweep(2_500, seed=2)


FLAGS = ['--help', '--workdir', '--workdir=', '--config', '--config=', '--config=debug_cpu', '--config=x:y', '--json', '--limit=0',
         '--limit=' + '9' * 5000, '--config.=1', '--config.steps', '-x', '--', '-', '', 'a', '--config=debug_cpu:x', '--task=é', '--split=no',
         '--config=a\tb.py', '--config=' + 'x' * 5000, '--config=' + 'x' * 300 + '.py', '--out=', '--=']  # fmt: skip
VERBS = [
    'train',
    'evaluate',
    'configs',
    'check',
    'ingest',
    'explain',
    'report',
    'simulate',
    'trian',
    '',
]


def test_command_lines_end_with_a_code(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = random.Random(3)
    for _ in range(120):
        arguments = [rng.choice(VERBS[:6]), *rng.sample(FLAGS, rng.randint(0, 3))]
        try:
            main.main(arguments)
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        assert code in CODES, arguments
        assert 'Traceback' not in capsys.readouterr().err


# Commands that stop when the flags have been read: nothing that they name is there.
BASES = {
    'check': 'check nothing',
    'configs': 'configs nothing',
    'convert': 'convert nothing out',
    'demo': 'demo --genomes=nothing --workdir=demo',
    'doctor': 'doctor x',
    'embed': 'embed nothing --fasta=nothing.fa --out=x.npz',
    'evaluate': 'evaluate nothing',
    'explain': 'explain nothing',
    'finetune': 'finetune nothing nothing.tsv --workdir=run',
    'ingest': 'ingest nothing --out=shards',
    'plan': 'plan --config=debug_cpu --topology=nothing',
    'predict': 'predict nothing --fasta=nothing.fa --out=x.tsv',
    'report': 'report nothing',
    'score': 'score nothing --vcf=nothing.vcf --fasta=nothing.fa --out=x.vcf',
    'simulate': 'simulate full',
    'sweep': 'sweep nothing.py --workdir=run',
    'train': 'train --config=debug_cpu --workdir=full/file',
}


def flag_sweep(count, seed, capsys, folder, monkeypatch):
    """Every verb with random values of its own flags."""
    (folder / 'full').mkdir()
    (folder / 'full' / 'file').write_text('')
    monkeypatch.chdir(folder)
    with pytest.MonkeyPatch.context() as patch:
        flags_of = {
            verb: [a.option_strings[-1] for a in parser._actions if a.option_strings]
            for verb, parser in test_text_inputs.parsers(patch)
        }
    rng = random.Random(seed)
    codes = collections.Counter()
    for number in range(count):
        verb = sorted(flags_of)[number % len(flags_of)]
        base = BASES.get(verb, f'{verb} nothing --fasta=nothing.fa --out=x')
        known = [flag for flag in flags_of[verb] if flag not in base]  # the base must stop
        chosen = rng.sample(known, rng.randint(0, min(3, len(known))))
        values = [f'{flag}={rng.choice(VALUES)}' for flag in chosen if flag not in ('-h', '--help')]
        arguments = [*base.split(), *values]
        try:
            main.main(arguments)
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except Exception as error:
            raise AssertionError(arguments) from error
        assert code in CODES, arguments
        error = capsys.readouterr().err
        assert error.count('\n') <= 1 and len(error) < 20_000 or code == 0, arguments
        codes[code] += 1
    return codes


def test_flags_of_every_verb_end_with_a_code(capsys, tmp_path, monkeypatch):
    codes = flag_sweep(80, 4, capsys, tmp_path, monkeypatch)
    assert codes[2] > 40


@pytest.mark.slow
def test_two_thousand_command_lines_end_with_a_code(capsys, tmp_path, monkeypatch):
    codes = flag_sweep(2_000, 5, capsys, tmp_path, monkeypatch)
    assert codes[2] > 1_000


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('def get_config(:\n', 'own.py:1: SyntaxError'),
        ('\n\nraise KeyError(3)\n', 'own.py:3: KeyError'),
        ('import sys\nsys.exit(7)\n', 'own.py:2: SystemExit'),
        ('def get_config():\n    return 1 / 0\n', 'own.py:2: ZeroDivisionError'),
        ('def get_config():\n    return None\n', 'AttributeError'),
        ('get_config = 3\n', 'defines no get_config'),
        ('import nosuchmodule\n', 'own.py:1: ModuleNotFoundError.*Fix: install the package'),
        ('\x00', 'SyntaxError|ValueError'),
    ],
)
def test_a_python_config_that_fails_is_named_with_its_line(tmp_path, capsys, text, words):
    path = tmp_path / 'own.py'
    path.write_text(text)
    with pytest.raises(SystemExit) as stop:
        main.main(['train', f'--config={path}', f'--workdir={tmp_path}/run'])
    assert stop.value.code == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / 'run').exists()


OWN = '''"""The smallest run with a wider model."""

import dataclasses

from configs import debug_cpu
from genojax import configs, experiment


def get_config():
    base = experiment.from_config(debug_cpu.get_config())
    model = dataclasses.replace(base.model, width=32)
    return experiment.to_config(dataclasses.replace(base, model=model))
'''


def test_an_own_config_from_outside_the_package_builds_on_a_named_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'own.py').write_text(OWN)
    own = experiments.from_config(flags.load('own.py'))
    base = experiments.from_config(flags.load('debug_cpu'))
    assert own.model.width == 32 and own.tasks == base.tasks
    (tmp_path / 'own.py').write_text(OWN.replace('width=32', 'width=33'))
    with pytest.raises(errors.UsageError, match='own.py:11: ValueError: self.width=33 must be'):
        flags.load('own.py')


def test_an_edit_that_changes_neither_size_nor_time_is_read(tmp_path, monkeypatch):
    """Kept bytecode would say that nothing has changed."""
    monkeypatch.setattr(sys, 'dont_write_bytecode', False)
    path = tmp_path / 'own.py'
    for width in (32, 48):
        path.write_text(OWN.replace('width=32', f'width={width}'))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert flags.load(str(path))['model']['width'] == width
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('model.heads', '0', 'heads=0 must be at least 1'),
        ('seed', '9' * 400, 'seed: 9999.* is too large'),
        ('seed', '-1', 'seed=-1 must be in'),
        ('optim.peak', 'nan', "'nan' is not a number"),
        ('optim.peak', '-1', 'peak=-1.0 must be above 0'),
        ('optim.warmup', '31', 'steps=30.*warmup=31 steps: the run would end.*optim.warmup=3 '),
        ('steps', '1e12', 'steps=1000000000000 is more than'),
        ('optm.peak', '1', "'optm' has no fields; did you mean 'optim'"),
        ('model.atention.window', '1', "'model.atention' has no fields; did you mean 'attention'"),
        ('tasks.masked_lm.data.mixture.weights.humn', 'None', "there is no 'humn' to remove"),
    ],
)
def test_a_wrong_value_names_its_field(name, text, words):
    values = flags.load('debug_cpu')
    with pytest.raises(errors.UsageError, match=words):
        flags.override(values, name, text)
        experiments.from_config(values)


def test_a_species_can_be_removed_from_the_weights():
    values = flags.load('debug_cpu')
    where = 'tasks.masked_lm.data.mixture.weights'
    flags.override(values, f'{where}.human', '0.3')
    flags.override(values, f'{where}.*', 'None')
    assert experiments.from_config(values).tasks['masked_lm'].data.mixture.weights == {'human': 0.3}
    flags.override(values, where, "{'mouse': 1}")
    assert experiments.from_config(values).tasks['masked_lm'].data.mixture.weights == {'mouse': 1.0}
