"""What 'equal to the reference' means: values, log-sum-exp and VJPs, relative to the largest reference value."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from genojax import attention

TOLERANCE = {'float32': 2e-5, 'bfloat16': 2e-2}


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison; `segments` is none, padding, packed or keys, `bias` none, linear, linear_negative or array."""

    pattern: object
    batch: int = 2
    heads: int = 2
    width: int = 8
    value_width: int = 8
    dtype: str = 'float32'
    segments: str = 'none'
    bias: str = 'none'
    dropout: float = 0.0
    lse: bool = False

    def __str__(self):
        p = self.pattern
        words = [type(p).__name__, f'{p.length}x{p.key_length}', self.dtype]
        words += [x for x in (self.segments, self.bias) if x != 'none']
        return '-'.join(words)


def segments(kind, batch, length, random):
    """Ids [batch, length]; 0 is padding."""
    if kind == 'packed':
        ids = np.sort(random.integers(1, 4, (batch, length)), axis=1)
        ids[:, length - length // 7 :] = 0
        return jnp.asarray(ids)
    ids = np.ones((batch, length), np.int32)
    for row in ids:
        row[random.integers(length // 2, length + 1) :] = 0
    ids[0] = 0 if kind == 'empty' else ids[0]
    return jnp.asarray(ids)


def arguments(case, seed=0):
    """Arrays, then keyword arguments of `attend`."""
    random = np.random.default_rng(seed)
    p, B, H = case.pattern, case.batch, case.heads
    L, M = p.length, p.key_length

    def make(*shape):
        return jnp.asarray(random.standard_normal(shape), case.dtype)

    arrays = {
        'q': make(B, L, H, case.width),
        'k': make(B, M, H, case.width),
        'v': make(B, M, H, case.value_width),
    }
    more = {}
    if case.segments == 'keys':
        more['key_segments_BM'] = segments('padding', B, M, random)
    elif case.segments != 'none':
        more['segments_BL'] = segments(case.segments, B, L, random)
        if L != M:
            more['key_segments_BM'] = segments(case.segments, B, M, random)
    if case.bias.startswith('linear'):
        slopes = random.uniform(0.05, 1, H)
        slopes[-1] *= -1 if case.bias == 'linear_negative' else 1
        arrays['slopes'] = jnp.asarray(slopes, jnp.float32)
        more['coordinates'] = [
            jnp.asarray(np.cumsum(random.uniform(0.3, 2, (B, n)), 1), jnp.float32) for n in (L, M)
        ]
    if case.bias == 'array':
        arrays['bias'] = jnp.asarray(random.standard_normal((1, H, L, M)), jnp.float32)
    if case.dropout:
        more['dropout'] = attention.Dropout(case.dropout, jax.random.key(seed))
    return arrays, more


def run(case, implementation, seed=0):
    """Values and gradients of a random linear functional of them, as a dict of float64 arrays.

    The reference computes in float32 whatever the case's dtype, on the same inputs and cotangents: rounded to bf16 they
    are what the others get, and what they make of them is what is measured.
    """
    arrays, more = arguments(case, seed)
    if implementation == 'reference':
        arrays = {name: x.astype(jnp.float32) for name, x in arrays.items()}
    coordinates = more.pop('coordinates', None)
    random = np.random.default_rng(seed + 1)
    B, L, H = arrays['q'].shape[:3]
    weight_o = jnp.asarray(random.standard_normal((B, L, H, case.value_width)), case.dtype)
    weight_lse = jnp.asarray(random.standard_normal((B, L, H)), jnp.float32)

    def loss(arrays):
        bias = arrays.get('bias')
        if coordinates is not None:
            bias = attention.LinearBias(arrays['slopes'], *coordinates)
        gives_lse = implementation != 'splash_tpu'
        values = attention.attend(
            arrays['q'],
            arrays['k'],
            arrays['v'],
            case.pattern,
            bias=bias,
            return_lse=gives_lse,
            implementation=implementation,
            **more,
        )
        o, lse = values if gives_lse else (values, None)
        total = (o.astype(jnp.float32) * weight_o.astype(jnp.float32)).sum()
        if case.lse:
            total += (jnp.where(jnp.isfinite(lse), lse, 0.0) * weight_lse).sum()
        return total, {'o': o, **({'lse': lse} if gives_lse else {})}

    (_, values), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(arrays)
    out = {**values, **{f'd{name}': g for name, g in gradients.items()}}
    return {name: np.asarray(x, np.float64) for name, x in out.items()}


def compare(case, want, got):
    """Raises AssertionError naming what differs and by how much."""
    tolerance = TOLERANCE[case.dtype]
    empty = np.isneginf(want['lse'])
    assert (got['o'][empty] == 0).all() and (got['dq'][empty] == 0).all()
    if 'lse' in got:
        assert np.array_equal(empty, np.isneginf(got['lse'])), 'other rows see nothing'
        got['lse'][empty] = 0
        want['lse'][empty] = 0
    want = {name: want[name] for name in got}
    for name, x in want.items():
        assert np.isfinite(got[name]).all(), f'{name} is not finite'
        # inputs and cotangents are of size 1; where their terms cancel to 0 (a row that sees one key) rounding is left
        scale = max(np.abs(x).max(), 0.1)
        error = np.abs(got[name] - x).max() / scale
        assert error <= tolerance, f'{name} differs by {error:.1e} of {scale:.3g} ({case})'


def check(case, implementation, seed=0):
    """The implementation against the reference."""
    compare(case, run(case, 'reference', seed), run(case, implementation, seed))
