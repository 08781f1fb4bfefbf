"""Rule tables: complete or refused, with every problem in one error."""

import numpy as np
import pytest

from genojax import errors
from genojax.convert import rules

D, H, K, N = 4, 2, 3, 3
SPLIT = rules.reshape((D, H, K), (D, H * K))
TABLE = [
    rules.Rule('layer.{n}.qkv', 'params/layers/query', SPLIT, (0, 3)),
    rules.Rule('layer.{n}.qkv', 'params/layers/key', SPLIT, (1, 3)),
    rules.Rule('layer.{n}.qkv', 'params/layers/value', SPLIT, (2, 3)),
    rules.Rule('gated', 'params/gate', part=(0, 2), axis=1),
    rules.Rule('gated', 'params/up', part=(1, 2), axis=1),
    rules.Rule('words', 'params/words'),
    rules.Rule('mean', 'batch_stats/mean'),
]
TIES = [rules.Tie('decoder', 'words')]


def tensors():
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape).astype(np.float32)

    layers = {f'layer.{n}.qkv': normal(3 * H * K, D) for n in range(N)}
    return {**layers, 'gated': normal(D, 10), 'words': normal(7, D), 'mean': normal(5)}


def abstract():
    heads = np.empty((N, D, H, K), np.float32)
    halves = np.empty((D, 5), np.float32)
    params = {
        'layers': {'query': heads, 'key': heads, 'value': heads},
        'gate': halves,
        'up': halves,
        'words': np.empty((7, D), np.float32),
    }
    return {'params': params, 'batch_stats': {'mean': np.empty(5, np.float32)}}


def test_every_value_is_read_into_its_position():
    source = tensors()
    variables = rules.read(TABLE, source, abstract())
    for i, name in enumerate(('query', 'key', 'value')):
        for n in range(N):
            for h in range(H):
                row = i * H * K + h * K + 1
                np.testing.assert_array_equal(
                    variables['params']['layers'][name][n, :, h, 1], source[f'layer.{n}.qkv'][row]
                )
    np.testing.assert_array_equal(variables['params']['up'], source['gated'][:, 5:])
    np.testing.assert_array_equal(variables['batch_stats']['mean'], source['mean'])


def test_write_is_the_inverse():
    source = tensors()
    back = rules.write(TABLE, rules.read(TABLE, source, abstract()))
    assert back.keys() == source.keys()
    for name in source:
        np.testing.assert_array_equal(back[name], source[name])
        assert back[name].flags.c_contiguous


def test_low_precision_sources_fill_float32_exactly():
    source = {name: x.astype(np.float16) for name, x in tensors().items()}
    variables = rules.read(TABLE, source, abstract())
    words = variables['params']['words']
    assert words.dtype == np.float32
    np.testing.assert_array_equal(words, source['words'].astype(np.float32))


def test_every_problem_is_in_one_error():
    source = tensors()
    del source['layer.1.qkv'], source['layer.2.qkv'], source['mean']
    source['words'] = source['words'][:, :2]
    source['gated'] = source['gated'][:, :9]
    source['layer.3.qkv'] = source['layer.0.qkv']
    source |= {
        'classifier.weight': np.zeros(2),
        'decoder': np.zeros((7, D)),
        'pooler.bias': np.zeros(1),
    }
    target = abstract()
    target['params']['novel'] = np.zeros(2)
    table = [*TABLE, rules.Rule('odd', 'params/odd')]
    with pytest.raises(errors.InputError) as caught:
        rules.read(table, source, target, ['pooler.*'], TIES, 'model.safetensors')
    assert caught.value.code == 'CV01'
    text = str(caught.value)
    for problem in (
        'model.safetensors: ',
        'layer.{n}.qkv is missing for n=1,2',
        'mean is missing',
        'classifier.weight is left over',
        'layer.3.qkv is left over',
        'words: shape (7, 2) gives (7, 2), but params/words is (7, 4)',
        'gated: shape (4, 9) cannot be split into 2 along axis 1',
        'decoder is not equal to words, with which it is tied',
        'no tensor fills params/novel',
        'the model has no params/odd, which odd would fill',
    ):
        assert problem in text, problem
    assert 'pooler' not in text and text.count('layer.{n}.qkv is missing') == 1


def test_a_scalar_or_a_vector_instead_of_a_matrix_is_a_problem_and_not_a_crash():
    for wrong in (np.array(1, np.float32), np.zeros(3, np.float32)):
        source = {**tensors(), 'gated': wrong, 'layer.0.qkv': wrong, 'words': wrong}
        with pytest.raises(errors.InputError, match='gated: shape'):
            rules.read(TABLE, source, abstract())


def test_ties_may_be_absent_and_must_be_equal():
    source = tensors()
    rules.read(TABLE, source, abstract(), ties=TIES)
    rules.read(TABLE, {**source, 'decoder': source['words'].copy()}, abstract(), ties=TIES)
    with pytest.raises(errors.InputError, match='decoder is left over'):
        rules.read(TABLE, {**source, 'decoder': source['words']}, abstract())
    other = source['words'].copy()
    other[-1, -1] = np.nextafter(other[-1, -1], np.inf)
    with pytest.raises(errors.InputError, match='decoder is not equal to words'):
        rules.read(TABLE, {**source, 'decoder': other}, abstract(), ties=TIES)


def test_what_cannot_be_written_is_named():
    variables = rules.read(TABLE, tensors(), abstract())
    variables['params']['novel'] = np.zeros(2)
    del variables['params']['words']
    with pytest.raises(
        errors.InputError, match='there is no params/words; no rule writes params/novel'
    ):
        rules.write(TABLE, variables)


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(errors.InputError, match='are both a.weight'):
        rules.rename({'a.weight': 1, 'a.gamma': 2}, [('gamma$', 'weight')])


def test_names_are_looked_up_without_reading():
    class Unread(dict):
        def __getitem__(self, name):
            raise AssertionError(name)

    view = rules.RenamedTensors(Unread({'a.gamma': 1}), {'a.weight': 'a.gamma'})
    assert 'a.weight' in view and 'a.gamma' not in view and len(view) == 1
