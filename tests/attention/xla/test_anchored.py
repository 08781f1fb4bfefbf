"""The anchored implementation equals the definition, and refuses what it cannot do."""

import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')

CASES = [
    Case(patterns.anchored(523, 16, 64), segments='packed', value_width=5),
    Case(patterns.anchored(523, 16, 64, 'columns'), bias='linear', lse=True),
    Case(patterns.anchored(197, 64, 8), bias='linear', dropout=0.2, segments='padding'),
    Case(patterns.anchored(301, 5, 40), bias='linear_negative'),
    Case(patterns.anchored(301, 3, 40, keys=211), dtype='bfloat16', segments='keys'),
    Case(patterns.anchored(211, 3, 41, 'columns', keys=301), segments='empty'),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_equals_the_definition(case):
    equality.check(case, 'anchored')


@pytest.mark.slow
def test_float32_is_the_limit_of_steep_slopes_only():
    """Everything else must stay within the tolerance on any machine; see `equality.compare`."""
    for case in CASES:
        expected = equality.exact(case)
        for name, change in equality.float32_limit(case).items():
            finite = expected[name][np.isfinite(expected[name])]
            beyond = change / max(np.abs(finite).max(), 0.1) > equality.TOLERANCE['float32']
            assert beyond == (name == 'dslopes' and case.bias == 'linear_negative'), (name, case)


def test_what_it_cannot_do_is_refused():
    x = jnp.zeros((1, 64, 1, 8))
    with pytest.raises(NotImplementedError, match='window'):
        attention.attend(x, x, x, patterns.full(64), implementation='anchored')
    with pytest.raises(NotImplementedError, match='array'):
        attention.attend(
            x,
            x,
            x,
            patterns.anchored(64, 4, 16),
            implementation='anchored',
            bias=jnp.zeros((1, 1, 64, 64)),
        )
