"""What trains, what is frozen, and that both together are the model."""

import flax.linen as nn
import jax
import numpy as np
import pytest
from flax.core import meta

from genojax import config, errors, optim
from genojax.cli import flags
from genojax.optim import trainable


def box(*shape, names=None):
    values = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    return nn.LogicallyPartitioned(values, names or ('embed',) * len(shape))


MODEL = {
    'words': {'embedding': box(5, 4)},
    'layers': {
        'attention': {'query': {'kernel': box(2, 4, 4, names=('layers', 'embed', 'embed'))}},
        'attention_norm': {'scale': box(2, 4)},
        'mlp': {'up': {'kernel': box(2, 4, 8, names=('layers', 'embed', 'mlp'))}},
    },
}


def paths(tree):
    return {
        '/'.join(str(step.key) for step in path if isinstance(step, jax.tree_util.DictKey))
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    }


def divide(train):
    params, frozen = trainable.split(train, MODEL, jax.random.key(0))
    return {**params, 'heads': {'task': {'kernel': box(4, 2)}}}, frozen


@pytest.mark.parametrize(
    ('train', 'trained'),
    [
        (trainable.FullTraining(), {f'model/{path}' for path in paths(MODEL)}),
        (trainable.ProbeTraining(), set()),
        (trainable.ProbeTraining(unfreeze='norm|words'), {
            'model/words/embedding', 'model/layers/attention_norm/scale'}),
        (trainable.LoraTraining(rank=2), {
            f'adapters/layers/attention/query/kernel/lora_{x}' for x in 'ab'}),
        (trainable.LoraTraining(rank=2, pattern='', unfreeze='norm'), {
            'model/layers/attention_norm/scale',
            *(f'adapters/layers/{name}/kernel/lora_{x}'
              for x in 'ab' for name in ('attention/query', 'mlp/up'))}),
    ],
)  # fmt: skip
def test_parameters_that_train_and_frozen_ones_are_the_model(train, trained):
    params, frozen = divide(train)
    assert paths(params) == trained | {'heads/task/kernel'}
    own = {path.partition('/')[2] for path in paths(params) if path.startswith('model/')}
    assert own | paths(frozen) == paths(MODEL) and not own & paths(frozen)
    whole = meta.unbox(trainable.compose(train, meta.unbox(params), meta.unbox(frozen)))
    for path, (leaf, expected) in enumerate(
        zip(jax.tree.leaves(whole['model']), jax.tree.leaves(meta.unbox(MODEL)), strict=True)
    ):
        np.testing.assert_array_equal(leaf, expected, err_msg=str(path))
    other = jax.tree.map(lambda leaf: leaf + 1, meta.unbox(MODEL))
    new_params, new_frozen = trainable.replace_base(meta.unbox(params), meta.unbox(frozen), other)
    merged = trainable.merge_on_host(train, new_params, other)
    for leaf, expected in zip(jax.tree.leaves(merged), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(leaf, expected)
    assert paths(new_frozen) == paths(frozen)


@pytest.mark.parametrize(
    ('train', 'words'),
    [
        (
            trainable.LoraTraining(pattern='conv'),
            r"pattern='conv' fits no linear map.*query/kernel",
        ),
        (trainable.ProbeTraining(unfreeze='x'), r"unfreeze='x' fits no parameter.*words/embedding"),
    ],
)
def test_a_pattern_that_fits_nothing_is_refused_with_what_there_is(train, words):
    with pytest.raises(errors.UsageError, match=words):
        divide(train)


def test_a_kind_alone_selects_its_defaults_and_a_pattern_is_checked():
    assert config.from_dict(optim.OptimConfig, {'train': 'lora'}).train == trainable.LoraTraining()
    values = config.to_dict(optim.OptimConfig())
    flags.apply_overrides(values, {'train.rank': '4', 'train': 'lora'})  # in any order
    assert config.from_dict(optim.OptimConfig, values).train == trainable.LoraTraining(rank=4)
    for train, words in (
        ('lorra', "'lorra' is not one of .*did you mean 'lora'"),
        ({'kind': 'lora', 'pattern': '('}, 'is no regular expression'),
        ({'kind': 'probe', 'rank': 4}, 'train.rank: no such field'),
        ({'kind': 'lora', 'rank': 0}, 'rank=0 must be at least 1'),
    ):
        with pytest.raises(errors.UsageError, match=words):
            config.from_dict(optim.OptimConfig, {'train': train})
