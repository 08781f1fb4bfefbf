"""Converted directories: they hold the same model, damage is detected, and runs start from them."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from genojax import convert, errors, json_files
from genojax import experiment as experiments
from genojax.cli import flags, main
from genojax.convert import files, store
from genojax.inference import pretrained
from genojax.train import runs
from tests.convert import published


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    return published.write('dnabert', tmp_path_factory.mktemp('published') / 'dnabert')


@pytest.fixture(scope='module')
def converted(source, tmp_path_factory):
    """A directory written by `genojax convert`."""
    out = tmp_path_factory.mktemp('converted') / 'dnabert'
    main.main(['convert', str(source), str(out)])
    return out


def genojax(capsys, *arguments):
    """Exit code, and what was printed on both streams."""
    code = 0
    try:
        main.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        code = stop.code
    return code, ''.join(capsys.readouterr())


def assert_equal(ours, theirs):
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_the_verb_prints_a_summary(source, tmp_path, capsys):
    code, text = genojax(capsys, 'convert', source, tmp_path / 'out')
    assert code == 0
    count = sum(
        x.size for name, x in published.oracle('dnabert').tensors.items() if 'decoder' not in name
    )
    for words in (
        'DNABERT (dnabert)',
        f'{count:,} parameters',
        'kmer, k=3',
        'licence: unknown (the published DNABERT weights: Apache-2.0)',
        'huggingface.co/zhihan1996',
        files.sha256(source / 'model.safetensors'),
        files.sha256(source / 'config.json'),
    ):
        assert words in text, words
    assert 'NON-COMMERCIAL' not in text


def test_the_licence_of_non_commercial_weights_is_printed_and_kept(tmp_path, capsys):
    source = published.write('nt_v1', tmp_path / 'source')
    code, text = genojax(capsys, 'convert', source, tmp_path / 'ours')
    assert code == 0 and 'CC-BY-NC-SA-4.0' in text and 'NON-COMMERCIAL' in text
    assert 'record' in text and '--license=TEXT' in text
    assert 'ignored: esm.contact_head.regression.bias, esm.contact_head.regression.weight' in text
    code, text = genojax(capsys, 'convert', tmp_path / 'ours', tmp_path / 'theirs')
    assert code == 0 and 'NON-COMMERCIAL' in text
    record = json.loads((tmp_path / 'theirs' / 'provenance.json').read_text())
    assert record['kind'] == 'nt_v1'
    expected = 'unknown (the published Nucleotide Transformer v1 weights: CC-BY-NC-SA-4.0)'
    assert record['license'] == expected
    assert pretrained.read(tmp_path / 'ours').provenance['license'] == expected
    assert convert.load(tmp_path / 'theirs').license == expected


def test_licence_and_origin_can_be_set(source, tmp_path, capsys):
    out = tmp_path / 'out'
    options = ('--license=MIT', '--origin=our own weights')
    assert genojax(capsys, 'convert', source, out, *options)[0] == 0
    stored = store.describe(out)
    assert stored.license == 'MIT' and stored.provenance['origin'] == 'our own weights'


def test_a_converted_model_is_the_loaded_one(source, converted):
    loaded, opened = convert.load(source), pretrained.read(converted)
    assert opened.model == loaded.config and opened.tokenizer == loaded.tokenizer
    assert_equal(opened.params, loaded.params)
    assert opened.provenance['sha256'] == {
        path.name: files.sha256(path) for path in sorted(source.iterdir())
    }


def test_converting_there_and_back_gives_the_source(source, converted, tmp_path, capsys):
    out = tmp_path / 'theirs'
    assert genojax(capsys, 'convert', converted, out)[0] == 0
    before, after = (files.open_source(path).tensors for path in (source, out))
    for name in after:
        np.testing.assert_array_equal(after[name], before[name])
    assert convert.load(out).config == convert.load(source).config
    words = (out / 'vocab.txt').read_text().split('\n')
    # DNABERT's file: special tokens, then k-mers in the order A, T, C, G.
    assert words[:9] == ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'AAA', 'AAT', 'AAC', 'AAG']
    assert len(words) == 69 + 1


def test_a_tokenizer_file_is_copied(tmp_path, capsys):
    source = published.write('dnabert2', tmp_path / 'source')
    assert genojax(capsys, 'convert', source, tmp_path / 'ours')[0] == 0
    before = (source / 'tokenizer.json').read_bytes()
    (source / 'tokenizer.json').unlink()
    (tmp_path / 'ours').rename(tmp_path / 'moved')
    opened = pretrained.read(tmp_path / 'moved')
    assert opened.tokenizer.file == str(tmp_path / 'moved' / 'tokenizer.json')
    assert genojax(capsys, 'convert', tmp_path / 'moved', tmp_path / 'theirs')[0] == 0
    assert (tmp_path / 'theirs' / 'tokenizer.json').read_bytes() == before


def test_a_flipped_bit_is_damage(source, tmp_path):
    out = tmp_path / 'out'
    store.write(convert.load(source), out)
    path = max((out / 'checkpoints' / '0').rglob('*'), key=lambda path: path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(errors.DamageError, match='differs from what was written'):
        pretrained.read(out)


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda text: text[:40], 'is not JSON'),
        (lambda text: text.replace('"version": 2', '"version": 1'), 'changed after it was written'),
        (lambda text: text.replace('"license"', '"lizenz"'), 'changed after it was written'),
        (lambda text: text.replace('"sha256": "', '"sha257": "'), "has no field 'sha256'"),
        (lambda text: text.replace('1e-12', '1e-02'), 'changed after it was written'),
    ],
)
def test_a_damaged_description_is_damage(converted, tmp_path, change, words):
    path = tmp_path / 'model.json'
    path.write_text(change((converted / 'model.json').read_text()))
    with pytest.raises(errors.DamageError, match=words):
        store.describe(tmp_path)


def test_descriptions_of_other_versions(converted, tmp_path):
    """Version 1 had no hash and is read; a newer one is refused."""
    values = json_files.read_hashed(converted / 'model.json')
    json_files.write(tmp_path / 'model.json', {**values, 'version': 1})
    assert store.describe(tmp_path).config == store.describe(converted).config
    json_files.write_hashed(tmp_path / 'model.json', {**values, 'version': 3})
    with pytest.raises(errors.DamageError, match='is of version 3. Fix: convert the source again'):
        store.describe(tmp_path)
    del values['license']
    json_files.write_hashed(tmp_path / 'model.json', values)
    with pytest.raises(errors.DamageError, match='lacks license'):
        store.describe(tmp_path)


def test_exit_codes(source, converted, tmp_path, capsys):
    """2 for an invalid command, 3 for a bad source, 4 for a damaged one; one line each."""
    broken = tmp_path / 'broken.safetensors'
    broken.write_bytes((source / 'model.safetensors').read_bytes()[:-9])
    (tmp_path / 'a.pkl').write_bytes(b'')
    new = tmp_path / 'new'
    for code, arguments in (
        (3, (tmp_path / 'absent', new)),
        (2, (source, new, '--kind=dnabrt')),
        (2, (source, new, '--format=safetensors')),
        (2, (converted, new, '--format=tarball')),
        (2, (converted, new, '--kind=dnabert2')),
        (2, (source, converted)),
        (3, (tmp_path / 'a.pkl', new)),
        (4, (broken, new)),
    ):
        exit_code, text = genojax(capsys, 'convert', *arguments)
        assert exit_code == code, text
        assert text.startswith('genojax: error ') and text.count('\n') == 1


def make_experiment(tmp_path, converted, **overrides):
    rng = np.random.default_rng(0)
    table = tmp_path / 'task.tsv'
    sequences = (''.join(rng.choice(list('ACGT'), 24)) for _ in range(60))
    lines = [f'{sequence}\t{i % 2}\n' for i, sequence in enumerate(sequences)]
    table.write_text('sequence\tlabel\n' + ''.join(lines))
    values = flags.load('demo_promoters')
    values['model'] = json.loads((converted / 'model.json').read_text())['model']
    values['tokenizer'] = {'kind': 'kmer', 'k': 3}
    data = {'path': str(table), 'test': '0.3', 'validation': '0.3'}
    changes = {f'tasks.promoters.data.{name}': text for name, text in data.items()}
    for name, text in {'init_from': str(converted), **changes, **overrides}.items():
        flags.override(values, name, text)
    return experiments.from_config(values)


def test_a_run_starts_from_a_converted_model(converted, tmp_path, capsys):
    run = runs.open_run(make_experiment(tmp_path, converted), tmp_path / 'run', jax.devices()[:1])
    state = run.start()
    opened = pretrained.read(converted)
    assert_equal(jax.device_get(state.params['model']), opened.params)
    assert 'promoters' in state.params['heads']
    run.save(state, 1.0)
    run.close()
    # The run's own model goes out without the task's head, under the licence of its source.
    code, text = genojax(capsys, 'convert', tmp_path / 'run', tmp_path / 'theirs')
    assert code == 0 and 'DNABERT weights: Apache-2.0)' in text
    assert 'origin: trained by genojax (run) from: unknown (the published DNABERT' in text
    assert 'does not compute the heads of the tasks (promoters)' in text
    heads = files.open_weights(tmp_path / 'theirs' / 'heads.safetensors')
    kernel = state.params['heads']['promoters']['linear']['kernel']
    np.testing.assert_array_equal(heads['promoters/linear/kernel'], kernel)
    assert_equal(convert.load(tmp_path / 'theirs').params, opened.params)


def test_a_licence_is_kept_when_the_weights_it_came_with_are_gone(converted, tmp_path, capsys):
    source = tmp_path / 'source'
    shutil.copytree(converted, source)
    run = runs.open_run(make_experiment(tmp_path, source), tmp_path / 'run', jax.devices()[:1])
    run.save(run.start(), 1.0)
    run.close()
    source.rename(tmp_path / 'elsewhere')
    code, text = genojax(capsys, 'convert', tmp_path / 'run', tmp_path / 'theirs')
    assert code == 0 and 'DNABERT weights: Apache-2.0)' in text
    (tmp_path / 'run' / pretrained.LICENSE_FILE).unlink()  # as a run of an older version
    code, text = genojax(capsys, 'convert', tmp_path / 'run', tmp_path / 'others')
    assert code == 0 and 'licence: unknown' in text and 'does not exist' in text


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'model.epsilon': '1e-5'}, 'model.epsilon: 1e-12 -> 1e-05'),
        ({'model.feed_forward': 'gelu_tanh'}, "model.feed_forward: 'gelu' -> 'gelu_tanh'"),
        ({'tokenizer.k': '4', 'model.vocab': '261'}, 'k: 3 -> 4'),
    ],
)
def test_differences_without_another_shape_are_refused_before_anything_is_read(
    converted, tmp_path, change, words
):
    experiment = make_experiment(tmp_path, converted, **change)
    with pytest.raises(errors.UsageError, match=words):
        pretrained.check_source(converted, experiment.model, experiment.tokenizer)


def test_other_shapes_are_refused(converted, tmp_path):
    wider = make_experiment(tmp_path, converted, **{'model.inner': '24'})
    run = runs.open_run(wider, tmp_path / 'run', jax.devices()[:1])
    with pytest.raises(errors.UsageError, match=r'mlp/up/kernel: \(3, 12, 20\) -> \(3, 12, 24\)'):
        run.start()
    run.close()


def test_nothing_is_overwritten(source, converted):
    with pytest.raises(errors.UsageError, match='is not empty'):
        store.write(convert.load(source), converted)
    with pytest.raises(errors.UsageError, match='is not empty'):
        convert.save(convert.load(source), converted)


def test_a_model_of_no_family_is_not_saved(source, tmp_path):
    loaded = convert.load(source)
    ours = dataclasses.replace(loaded, config=dataclasses.replace(loaded.config, block='pre_norm'))
    with pytest.raises(errors.UsageError, match='no published class computes this'):
        convert.save(ours, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
