"""block_sparse equals the definition, for every kind of pattern, input and option."""

import pytest

from genojax.attention import patterns
from tests.attention import equality
from tests.attention.equality import Case

pytestmark = pytest.mark.usefixtures('frees_compiled')

CASES = [
    Case(patterns.bigbird(64 * 12), heads=2),
    Case(patterns.bigbird(61 * 8 + 5, 61), segments='packed', value_width=5),
    Case(patterns.bigbird(203, 8, per_head=3), heads=3, dtype='bfloat16'),
    Case(patterns.bigbird(640, plan='hf_eval'), batch=1, segments='padding', lse=True),
    Case(patterns.bigbird(160, 8, mode='etc'), bias='linear'),
    Case(patterns.local(331, 37), segments='empty', lse=True),
    Case(patterns.local(131, 20, 97), segments='keys', bias='linear'),
    Case(patterns.causal(197), bias='array', segments='packed'),
    Case(patterns.full(67, 211), dropout=0.3, value_width=3),
    Case(patterns.full(1031), batch=1),
    Case(patterns.longformer(307, 19, [0, 5, 300]), segments='padding', dtype='bfloat16'),
    Case(patterns.anchored(523, 16, 64), bias='linear', lse=True),
    Case(patterns.strided(211, 13) & patterns.causal(211)),
    # scores without a bound, in the rows that fill up the last block too
    Case(patterns.local(300, 30), bias='linear_negative'),
    Case(patterns.longformer(1024, 64) | patterns.anchored(1024, 200, 128, 'columns'), batch=1),
    # steep slopes and distant keys: what rounding leaves is multiplied by distances
    Case(patterns.strided(331, 30), segments='packed', bias='linear', dtype='bfloat16'),
    Case(
        patterns.local(401, 30) | patterns.bigbird(401, 16) | patterns.strided(401, 29), dropout=0.2
    ),
]


@pytest.mark.parametrize('case', CASES, ids=str)
def test_equals_the_definition(case):
    equality.check(case, 'block_sparse')
