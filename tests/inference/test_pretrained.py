"""Models on disk: what is a run, provenance, and parameters taken from another model."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import config, errors, models, tokenizers
from genojax.convert import store
from genojax.inference import pretrained
from genojax.models import bert

NETWORK = bert.BertConfig(vocab=69, width=8, depth=1, heads=2, inner=8, max_tokens=32)
TOKENIZER = tokenizers.TokenizerConfig('kmer', 3)


def fresh_params(network=NETWORK, seed=0):
    init = jax.jit(models.build(network).init)
    return meta.unbox(init(jax.random.key(seed), jnp.zeros((1, 8), jnp.int32)))['params']


@pytest.fixture
def converted(tmp_path):
    provenance = {'kind': 'tiny', 'source': 'here', 'origin': 'nowhere'}
    model = store.ConvertedModel(NETWORK, fresh_params(), {}, TOKENIZER, 'MIT', provenance)
    store.write(model, tmp_path / 'model')
    return tmp_path / 'model'


def test_parameters_are_adopted_in_place_and_shapes_are_checked(converted):
    ours = fresh_params(seed=1)
    params, extra = pretrained.adopt(pretrained.read(converted), NETWORK, TOKENIZER, ours, {})
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(fresh_params()), strict=True):
        np.testing.assert_array_equal(a, b)
    assert extra == {}
    wider = bert.BertConfig(vocab=69, width=8, depth=1, heads=2, inner=16, max_tokens=32)
    with pytest.raises(errors.UsageError, match=r'mlp/up/kernel: \(1, 8, 8\) -> \(1, 8, 16\)'):
        pretrained.adopt(pretrained.read(converted), wider, TOKENIZER, fresh_params(wider), {})


def test_another_tokenizer_is_refused_though_no_shape_differs(converted):
    other = tokenizers.TokenizerConfig('kmer', 4)
    with pytest.raises(errors.UsageError, match='k: 3 -> 4'):
        pretrained.adopt(pretrained.read(converted), NETWORK, other, fresh_params(), {})


def test_a_run_passes_on_the_licence_of_its_source_also_when_the_source_is_gone(
    converted, tmp_path
):
    assert pretrained.license_of(converted)['license'] == 'MIT'
    workdir = tmp_path / 'run'
    workdir.mkdir()
    values = {
        'model': config.to_dict(NETWORK),
        'tokenizer': config.to_dict(TOKENIZER),
        'tasks': {},
        'steps': 1,
        'init_from': str(converted),
    }
    (workdir / 'config.json').write_text(json.dumps(values))
    assert pretrained.describe(workdir).provenance['license'] == 'MIT'
    pretrained.save_license(converted, workdir)
    (converted / 'model.json').unlink()
    assert pretrained.describe(workdir).provenance['license'] == 'MIT'
    (workdir / pretrained.LICENSE_FILE).unlink()
    assert 'unknown' in pretrained.describe(workdir).provenance['license']


def test_what_is_neither_a_run_nor_a_model_is_refused(tmp_path):
    assert not pretrained.is_run(tmp_path)
    with pytest.raises(
        errors.UsageError, match='nor a converted model. Fix: genojax demo --small or'
    ):
        pretrained.describe(tmp_path)
    (tmp_path / 'model.safetensors').touch()
    with pytest.raises(errors.UsageError, match=f'Fix: genojax convert {tmp_path} {tmp_path}_2 '):
        pretrained.describe(tmp_path)
    (tmp_path / 'config.json').write_text(json.dumps({'objective': {}, 'model': {}}))
    with pytest.raises(errors.UsageError, match='earlier version of genojax'):
        pretrained.run_config(tmp_path)
    (tmp_path / 'config.json').write_text('[1, 2')
    with pytest.raises(errors.DamageError, match='is not JSON'):
        pretrained.is_run(tmp_path)


RUN = {
    'model': config.to_dict(NETWORK),
    'tokenizer': config.to_dict(TOKENIZER),
    'tasks': {},
    'steps': 1,
}


@pytest.mark.parametrize(
    ('name', 'values', 'words'),
    [
        ('run.json', {'rows': []}, "run.json has a list in the field 'rows'"),
        ('run.json', {'rows': {'tokens': [1]}}, "a list in the field 'rows.tokens'"),
        ('run.json', {'rows': {'tokens': {'a': 'x'}}}, "text in the field 'rows.tokens.a'"),
        ('init_from.json', {'license': 3}, "init_from.json has a number in the field 'license'"),
        ('init_from.json', {'origin': []}, "a list in the field 'origin'"),
        ('config.json', {**RUN, 'tokenizer': [1]}, "config.json has a list in the field 'token"),
        ('config.json', {**RUN, 'model': 3}, "config.json has a number in the field 'model'"),
        ('config.json', {'model': 3}, 'a config.json without steps or tasks or tokenizer. Fix'),
        ('config.json', {}, 'holds checkpoints, but a config.json without model or steps'),
        ('config.json', None, 'holds checkpoints, but neither the config.json of a run nor the mo'),
    ],
)
def test_a_damaged_run_is_damage_and_the_field_is_named(tmp_path, name, values, words):
    (tmp_path / 'checkpoints').mkdir()
    (tmp_path / 'config.json').write_text(json.dumps({**RUN, 'init_from': 'gone'}))
    if values is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_text(json.dumps(values))
    for read in (pretrained.describe, pretrained.read):
        with pytest.raises(errors.DamageError, match=words):
            read(tmp_path)


def test_a_run_that_lost_its_checkpoints_is_damaged_and_a_new_one_has_none_yet(tmp_path):
    (tmp_path / 'config.json').write_text(json.dumps(RUN))
    for make_folder in (False, True):
        if make_folder:
            (tmp_path / 'checkpoints').mkdir()
        (tmp_path / 'run.json').write_text(json.dumps({'rows': {}}))
        with pytest.raises(errors.UsageError, match='holds no finished checkpoint'):
            pretrained.read(tmp_path)
        (tmp_path / 'run.json').write_text(json.dumps({'rows': {}, 'first_checkpoint': 3}))
        with pytest.raises(
            errors.DamageError, match='checkpoints holds no finished checkpoint, an'
        ):
            pretrained.read(tmp_path)


def test_a_run_that_was_killed_while_compiling_is_said_to_continue(tmp_path):
    (tmp_path / 'run.lock').touch()
    with pytest.raises(
        errors.UsageError, match='was stopped before step 1.* the same command continues'
    ):
        pretrained.describe(tmp_path)
