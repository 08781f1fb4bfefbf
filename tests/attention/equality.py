"""Equality in these tests: values and VJPs against float64, relative to the largest value."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from genojax import attention

TOLERANCE = {'float32': 2e-5, 'bfloat16': 2e-2}
EPSILON = 2.0**-23  # of float32
ROUNDINGS = 2  # times the effect of single roundings is what an implementation may differ by


@dataclasses.dataclass(frozen=True)
class Case:
    """One comparison.

    `segments` is none, padding, packed, empty or keys; `bias` is none, linear, linear_negative or
    array.
    """

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


def cotangents(case, seed):
    """Cotangents of output and log-sum-exp, as float64 arrays of values of the case's dtype."""
    random = np.random.default_rng(seed + 1)
    shape = (case.batch, case.pattern.length, case.heads)
    weight_o = jnp.asarray(random.standard_normal((*shape, case.value_width)), case.dtype)
    weight_lse = jnp.asarray(random.standard_normal(shape), jnp.float32)
    return np.asarray(weight_o, np.float64), np.asarray(weight_lse, np.float64)


def run(case, implementation, seed=0):
    """Values and gradients of a random linear functional of them, as a dict of float64 arrays.

    The reference computes in float32 whatever the case's dtype, on the same inputs and cotangents:
    rounded to bf16 they are what the others get, and what they make of them is what is measured.
    """
    arrays, more = arguments(case, seed)
    if implementation == 'reference':
        arrays = {name: x.astype(jnp.float32) for name, x in arrays.items()}
    coordinates = more.pop('coordinates', None)
    weight_o, weight_lse = (jnp.asarray(x, jnp.float32) for x in cotangents(case, seed))

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
        total = (o.astype(jnp.float32) * weight_o).sum()
        if case.lse:
            total += (jnp.where(jnp.isfinite(lse), lse, 0.0) * weight_lse).sum()
        return total, {'o': o, **({'lse': lse} if gives_lse else {})}

    (_, values), gradients = jax.jit(jax.value_and_grad(loss, has_aux=True))(arrays)
    out = {**values, **{f'd{name}': g for name, g in gradients.items()}}
    return {name: np.asarray(x, np.float64) for name, x in out.items()}


def exact(case, seed=0, noise=None):
    """What `run` returns, in float64 from the formulas: independent of the code under test.

    Dropped pairs come from `Dropout.keep`, which defines them.

    Args:
        noise: a generator that adds what one rounding to float32 may add to scores, probabilities
            and their gradients; None for exact values.
    """

    def rounded(x, size):
        return x if noise is None else x + EPSILON * size * noise.uniform(-1, 1, x.shape)

    arrays, more = arguments(case, seed)
    q, k, v = (np.asarray(arrays[name], np.float64) for name in 'qkv')
    B, L, H, K = q.shape
    s = np.einsum('blhk,bmhk->bhlm', q, k) / np.sqrt(K)
    distance = 0.0
    if 'slopes' in arrays:
        q_coord, k_coord = (np.asarray(x, np.float64) for x in more['coordinates'])
        distance = np.abs(q_coord[:, None, :, None] - k_coord[:, None, None, :])
        s -= np.asarray(arrays['slopes'], np.float64)[:, None, None] * distance
    s += np.asarray(arrays.get('bias', 0.0), np.float64)
    s = rounded(s, np.abs(s))
    weights = np.reshape(case.pattern.weights(), (-1, L, k.shape[1]))[None]
    weights = weights.astype(np.float64) * segment_mask(more, B)
    with np.errstate(divide='ignore', invalid='ignore'):
        s += np.log(weights)
        top = np.nan_to_num(s.max(-1, keepdims=True), neginf=0.0)
        lse = (np.log(np.exp(s - top).sum(-1, keepdims=True)) + top)[..., 0]
        p = np.nan_to_num(np.exp(s - lse[..., None]))
    keep = keep_factors(more.get('dropout'), s.shape)
    weight_o, weight_lse = cotangents(case, seed)
    do = weight_o.transpose(0, 2, 1, 3)
    p = rounded(p, p)
    size = np.einsum('bhlv,bmhv->bhlm', np.abs(do), np.abs(v)) * keep
    dp = rounded(np.einsum('bhlv,bmhv->bhlm', do, v) * keep, size)
    delta = rounded((p * dp).sum(-1, keepdims=True), (p * size).sum(-1, keepdims=True))
    ds = p * (dp - delta)
    if case.lse:
        ds += p * weight_lse.transpose(0, 2, 1)[..., None]
    return {
        'o': np.einsum('bhlm,bmhv->blhv', p * keep, v),
        'lse': lse.transpose(0, 2, 1),
        'dq': np.einsum('bhlm,bmhk->blhk', ds, k) / np.sqrt(K),
        'dk': np.einsum('bhlm,blhk->bmhk', ds, q) / np.sqrt(K),
        'dv': np.einsum('bhlm,bhlv->bmhv', p * keep, do),
        'dslopes': -(ds * distance).sum((0, 2, 3)),
        'dbias': ds.sum(0, keepdims=True),
    }


def float32_limit(case, seed=0):
    """The largest change of the exact values by roundings to float32, over three draws."""
    expected, limit = exact(case, seed), {}
    for draw in range(3):
        for name, x in exact(case, seed, np.random.default_rng(draw)).items():
            with np.errstate(invalid='ignore'):  # -inf of rows without keys
                change = np.nan_to_num(np.abs(x - expected[name]))
            limit[name] = max(limit.get(name, 0.0), change.max())
    return limit


def segment_mask(more, batch):
    """Pairs in one segment that is not padding, [batch, 1, L or 1, M or 1]."""
    queries, keys = more.get('segments_BL'), more.get('key_segments_BM')
    if queries is None and keys is None:
        return np.ones((batch, 1, 1, 1))
    keys = np.asarray(queries if keys is None else keys)[:, None, None, :]
    if queries is None:
        return keys > 0
    return (np.asarray(queries)[:, None, :, None] == keys) & (keys > 0)


def keep_factors(dropout, shape):
    """0 for dropped pairs and 1 / (1 - rate) for the others, [B, H, L, M]; 1.0 without dropout."""
    if dropout is None:
        return 1.0
    B, H, L, M = shape
    row, i, j = np.ogrid[: B * H, :L, :M]
    keep = jax.jit(dropout.keep)(row, i, j)
    return np.asarray(keep, np.float64).reshape(shape) / (1 - dropout.rate)


def compare(case, got, seed=0):
    """Raises AssertionError naming what differs from the exact values and by how much.

    An error above the tolerance is accepted only where float32 itself is the limit: if it is at
    most `ROUNDINGS` times what single roundings to float32 do to the exact values. So it is for
    slopes of rows that effectively attend to one distant key: their gradient is a difference of
    equal numbers times a distance.
    """
    tolerance = TOLERANCE[case.dtype]
    expected = exact(case, seed)
    empty = np.isneginf(expected['lse'])
    assert (got['o'][empty] == 0).all() and (got['dq'][empty] == 0).all()
    if 'lse' in got:
        assert np.array_equal(empty, np.isneginf(got['lse'])), 'other rows are without keys'
        got['lse'][empty] = expected['lse'][empty] = 0
    limit = None
    for name, x in got.items():
        assert np.isfinite(x).all(), f'{name} is not finite'
        # Inputs and cotangents are of size 1; where their terms cancel to 0 (a row with one key)
        # rounding is left.
        scale = max(np.abs(expected[name]).max(), 0.1)
        error = np.abs(x - expected[name]).max() / scale
        if error > tolerance:
            limit = limit or float32_limit(case, seed)
            allowed = ROUNDINGS * limit[name] / scale
            assert error <= allowed, (
                f'{name} differs by {error:.1e} of {scale:.3g}, allowed {allowed:.1e} ({case})'
            )


def check(case, implementation, seed=0):
    """The implementation against the exact values."""
    compare(case, run(case, implementation, seed), seed)
