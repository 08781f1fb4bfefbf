"""The TPU kernels, interpreted on CPU, equal the definition; and they lower for TPU."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')

CASES = [
    Case(patterns.bigbird(16 * 20, 16), batch=1, lse=True),
    Case(
        patterns.bigbird(203, 16, per_head=2),
        segments='packed',
        value_width=16,
        bias='linear',
        dtype='bfloat16',
    ),
    Case(patterns.local(331, 37), segments='empty', bias='linear', batch=1),
    Case(patterns.causal(197, 131), batch=1, segments='keys'),
    Case(patterns.local(150, 20), batch=1, bias='linear_negative'),
    # steep slopes: most rows see one key in effect
    Case(
        patterns.strided(113, 19),
        batch=1,
        heads=1,
        width=12,
        value_width=3,
        dtype='bfloat16',
        bias='linear',
        segments='padding',
    ),
    Case(patterns.bigbird(320, 64, plan='hf_eval'), batch=1),
    Case(patterns.anchored(300, 10, 32), batch=1, segments='packed', bias='linear'),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_equals_the_definition(case):
    equality.check(case, 'pallas_tpu')


@pytest.mark.parametrize('make', [lambda n: patterns.bigbird(n), lambda n: patterns.anchored(n)])
def test_lowers_for_tpu(make):
    pattern = make(8192)
    x = jax.ShapeDtypeStruct((1, 8192, 2, 64), jnp.bfloat16)

    def f(q, k, v):
        return attention.attend(q, k, v, pattern, implementation='pallas_tpu')

    def both(q, k, v):
        return jax.vjp(f, q, k, v)[1](q)

    text = jax.export.export(jax.jit(both), platforms=['tpu'])(x, x, x).mlir_module()
    assert text.count('tpu_custom_call') >= 3


def test_segment_ids_may_be_large():
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, 64, 1, 8)), jnp.float32)
    ids = jnp.asarray(np.repeat([[2**24, 2**24 + 1]], 32, 1).reshape(1, 64), jnp.int32)
    got, expected = (
        attention.attend(x, x, x, patterns.full(64), segments_BL=ids, implementation=name)
        for name in ('pallas_tpu', 'reference')
    )
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_more_tiles_than_an_entry_numbers_are_refused_and_auto_takes_another_way():
    n = 1152
    pattern = patterns.anchored(n, 1, 37) | patterns.strided(n, 29) | patterns.strided(n, 31)
    pattern = pattern | patterns.random(n, 1, 16)
    assert len(pattern.block_lists(16).tiles) > 2048
    x = jnp.zeros((1, n, 1, 8))
    with pytest.raises(NotImplementedError, match='different partial tiles'):
        attention.attend(x, x, x, pattern, implementation='pallas_tpu')
    assert attention.choose(pattern, 'tpu') == 'block_sparse'


def test_what_it_cannot_do_is_refused():
    x = jnp.zeros((1, 64, 1, 8))
    for more in (
        {'bias': jnp.zeros((1, 1, 64, 64))},
        {'dropout': attention.Dropout(0.1, jax.random.key(0))},
    ):
        with pytest.raises(NotImplementedError):
            attention.attend(x, x, x, patterns.full(64), implementation='pallas_tpu', **more)
