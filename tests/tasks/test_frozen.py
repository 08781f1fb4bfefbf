"""A frozen model is read as in inference: batch statistics stay, a probe has no dropout."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from genojax.tasks import frozen


class _Network(nn.Module):
    """Dropout of its input, and batch normalisation where `norm`."""

    norm: bool
    config: str = 'config'

    @nn.compact
    def __call__(self, tokens_BT, train: bool = False):
        x = nn.Dropout(0.5, deterministic=not train)(tokens_BT + self.param('bias', _zeros, (1, 1)))
        return nn.BatchNorm(use_running_average=not train)(x) if self.norm else x


def _zeros(key, shape):
    return np.zeros(shape, np.float32)


@pytest.mark.parametrize(
    ('norm', 'dropout', 'changes'),
    [(True, True, False), (True, False, False), (False, True, True), (False, False, False)],
)
def test_training_reads_as_inference_but_for_the_dropout_of_adapters(norm, dropout, changes):
    module = _Network(norm)
    model = frozen.FrozenModel(module, dropout)
    x = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
    variables = jax.jit(model.init)(jax.random.key(0), x)
    extra = {name: tree for name, tree in variables.items() if name != 'params'}
    expected = module.apply(variables, x)
    rngs = {'dropout': jax.random.key(1)}
    output, after = model.apply(variables, x, train=True, rngs=rngs, mutable=list(extra))
    assert np.array_equal(output, expected) != changes
    assert bool(extra) == norm and model.config == 'config'
    jax.tree.map(np.testing.assert_array_equal, after, extra)
    np.testing.assert_array_equal(model.apply(variables, x), expected)
    moved = module.apply(variables, x, train=True, rngs=rngs, mutable=list(extra))[1]
    assert norm == any(
        not np.array_equal(a, b)
        for a, b in zip(jax.tree.leaves(moved), jax.tree.leaves(extra), strict=True)
    )
