"""The command line: help is quick, errors are one line with an exit code, every verb has help."""

import os
import signal
import subprocess
import sys

import pytest

from genojax import errors
from genojax.cli import flags, interpret, main
from tests import commands


def genojax(*arguments, **options):
    return subprocess.run(
        [sys.executable, '-m', 'genojax', *arguments], capture_output=True, text=True, **options
    )


def fails(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main.main(list(arguments))
    return stop.value.code, capsys.readouterr().err


def test_help_lists_every_verb_and_does_not_wait_for_jax():
    """At most half a second of processor time; a wall clock would measure the other tests."""
    before = os.times()
    done = genojax('--help')
    after = os.times()
    assert done.returncode == 0
    for verb in main.VERBS:
        assert f'  {verb} ' in done.stdout
    used = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    assert used <= 0.5


def test_every_verb_that_reads_rows_says_their_limit():
    helps = {verb: ' '.join(text.split()) for verb, text in commands.helps().items()}
    cutting = [verb for verb, text in helps.items() if flags.WINDOW in text]
    assert cutting == ['embed', 'predict', *(f'interpret {verb}' for verb in interpret.VERBS)]
    assert 'nothing is cut' in helps['embed'] and 'a warning: they extrapolate' in helps['embed']
    assert (
        'longest row of the training' in helps['predict'] and 'nothing is cut' in helps['predict']
    )
    assert 'is an error that names the limit' in helps['score'] and "'too_long'" in helps['score']


def test_help_does_not_import_anything_heavy():
    code = 'import sys; from genojax.cli import main; main.usage(); print(*sys.modules)'
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert not {'jax', 'numpy', 'flax', 'tensorflow'} & set(done.stdout.split())


@pytest.mark.parametrize('verb', main.VERBS)
def test_every_verb_has_help(verb, capsys):
    try:
        main.main([verb, '--help'])
    except SystemExit as stop:
        assert stop.code == 0
    assert verb in capsys.readouterr().out


@pytest.mark.parametrize(
    ('arguments', 'words'),
    [
        ('trian', "no verb 'trian'; did you mean 'train'?"),
        ('train', 'required: --workdir, --config'),
        ('train --config=nonsense --workdir=x', 'neither a file nor one of the named configs'),
        ('train --config=dnabret --workdir=x', "(did you mean 'dnabert'?)"),
        ('train --config=dnabert:k9 --workdir=x', "no variant 'k9'; dnabert is one of k6, k5"),
        ('train --config=absent.py --workdir=x', 'no such file'),
        ('train --config=debug_cpu --wrkdir=x', 'no flag --wrkdir; did you mean --workdir?'),
        ('train --config=debug_cpu', 'required: --workdir'),
        ('train debug_cpu --config=debug_cpu --workdir=x', 'no argument debug_cpu'),
        ('train --config=debug_cpu --workdir', '--workdir: expected one argument'),
        ('train --config=debug_cpu --workdir=x --config.steps', '--config.steps has no value'),
        ('train --config=debug_cpu --config.steps.x=1 --workdir=x', "'steps' has no fields"),
        ('demo --pretrain.steps.x=1', "--pretrain.steps.x: 'steps' has no fields"),
        ('demo --gnomes=x', 'no flag --gnomes; did you mean --genomes?'),
        ('explain GX-FA99', "no error code 'GX-FA99'"),
        ('evaluate', 'required: workdir'),
    ],
)
def test_an_invalid_command_is_one_line_and_exit_code_2(arguments, words, capsys):
    code, text = fails(capsys, *arguments.split())
    assert code == errors.UsageError.exit_code
    assert words in text
    assert text.startswith('genojax: error ')
    assert text.count('\n') == 1


def test_a_config_with_mistakes_lists_them_all(capsys, tmp_path):
    mistakes = ('--config.stesp=1', '--config.seed=x')
    code, text = fails(capsys, 'train', '--config=debug_cpu', *mistakes, f'--workdir={tmp_path}')
    assert code == 2
    assert 'stesp: no such field' in text
    assert "seed: 'x' is not an integer" in text


def test_shards_without_a_manifest_are_damage_with_a_code_that_explain_knows(capsys, tmp_path):
    (tmp_path / 'genes.json').write_text('{}')
    shards = f'--config.tasks.masked_lm.data.shards={tmp_path}'
    code, text = fails(capsys, 'train', '--config=debug_cpu', shards, f'--workdir={tmp_path}/w')
    assert code == errors.DamageError.exit_code
    assert 'GX-AR' in text
    name = text.split('GX-')[1][:4]
    main.main(['explain', f'GX-{name}'])
    assert f'GX-{name}' in capsys.readouterr().out


def test_explain_lists_every_code(capsys):
    main.main(['explain'])
    listed = capsys.readouterr().out
    assert all(f'GX-{code}  ' in listed for code in errors.EXPLANATIONS)
    assert len(errors.EXPLANATIONS) > 40


def test_doctor_names_the_packages_and_the_devices(capsys):
    main.main(['doctor'])
    words = capsys.readouterr().out
    for expected in ('genojax', 'jax', 'orbax-checkpoint', 'devices', 'memory', 'free disk'):
        assert expected in words


def test_overrides_are_separated_from_other_flags():
    rest, overrides = flags.split_overrides(
        ['--workdir', 'x', '--a.b=1', '--b.c.d', '2', '--a.b=3', '--c.d=4'], ['a', 'b']
    )
    assert rest == ['--workdir', 'x', '--c.d=4']
    assert overrides == {'a': {'b': '3'}, 'b': {'c.d': '2'}}  # the last value counts


def test_overrides_are_literals_and_never_evaluated():
    values = {'a': 1, 'b': {'c': 'text'}}
    flags.override(values, 'a', "__import__('os').getcwd()")
    flags.override(values, 'b.c', '12')
    flags.override(values, 'b.d', '[1, 2]')
    assert values == {'a': "__import__('os').getcwd()", 'b': {'c': '12', 'd': [1, 2]}}


def test_a_json_config_is_only_data(tmp_path):
    path = tmp_path / 'config.json'
    path.write_text('{"steps": 3}')
    assert flags.load(str(path)) == {'steps': 3}
    for text, words in (('import os', 'is not JSON'), ('[1, 2]', 'is not a JSON object')):
        path.write_text(text)
        with pytest.raises(errors.UsageError, match=words):
            flags.load(str(path))


def test_a_workdir_s_config_names_the_tokenizer_file_beside_it(tmp_path):
    path = tmp_path / 'config.json'
    path.write_text('{"tokenizer": {"kind": "bpe", "file": "tokenizer.json"}}')
    assert flags.load(str(path))['tokenizer']['file'] == 'tokenizer.json'  # no such file beside it
    (tmp_path / 'tokenizer.json').write_text('{}')
    assert flags.load(str(path))['tokenizer']['file'] == str(tmp_path / 'tokenizer.json')


FAILED_SAVES = """
import pathlib, resource, sys
import numpy as np
from genojax import checkpoint, errors
from genojax.cli import main
main.quiet_checkpoints()
main.quiet_checkpoints()
state = {f'a{n}': np.random.default_rng(n).normal(size=60_000) for n in range(150)}
resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
for n in range(3):
    store = checkpoint.Checkpoints(pathlib.Path(sys.argv[1]) / str(n))
    try:
        store.save(1, state, {})
        store.wait()
    except errors.UsageError as error:
        print(error)
    store.close()
"""


def test_a_failed_save_is_one_line_and_the_process_ends(tmp_path):
    command = [sys.executable, '-c', FAILED_SAVES, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stderr) == (0, '')
    lines = run.stdout.splitlines()
    assert len(lines) == 3 and all('File too large; no step is complete' in x for x in lines)


def test_a_verb_stopped_by_sigterm_ends_with_the_code_of_the_list(capsys, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(main, '_run', lambda argv: signal.raise_signal(signal.SIGTERM))
    code, text = fails(capsys, 'demo')
    assert code == 75 and text.startswith('genojax: stopped by SIGTERM; the same command')
    assert text.count('\n') == 1 and signal.getsignal(signal.SIGTERM) is before
