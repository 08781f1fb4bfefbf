"""The anchored pattern exactly, in L * window + L^2 / period work.

`(i + j) % period == 0` pairs every query of residue r with every key of residue -r: regrouped by
residue, these are dense squares (`stripes.py`). Pairs that the window contains are left out there,
so each pair counts once, and the two softmaxes are merged by their log-sum-exp. In the backward
pass both parts use the merged log-sum-exp, so one VJP serves both. `kind='columns'` (`j % period ==
0`) is the case of a single group: all queries against the anchor keys.
"""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from genojax.attention import inputs, patterns
from genojax.attention.patterns import algebra, elementary
from genojax.attention.xla import block_sparse, operands, stripes
from genojax.typing import Array, Float


def match(pattern: patterns.Pattern) -> tuple[elementary.Local, elementary.Residue] | None:
    """The window and the stripes of an anchored pattern; None for any other pattern."""
    if not isinstance(pattern, algebra.Either):
        return None
    for window, residue in ((pattern.left, pattern.right), (pattern.right, pattern.left)):
        matches = isinstance(window, elementary.Local) and isinstance(residue, elementary.Residue)
        if matches and (residue.a, residue.b) in ((1, 1), (0, 1)):
            return window, residue
    return None


@dataclasses.dataclass(frozen=True)
class _AnchoredSpec:
    window: operands.BlockSparseSpec
    stripes: stripes.StripesSpec


class _AnchoredResiduals(NamedTuple):
    """What the backward pass needs; output and log-sum-exp are the merged ones, float32."""

    q_BLHK: Any
    k_BMHK: Any
    v_BMHV: Any
    block_inputs: Any
    stripes_inputs: Any
    o_BLHV: Any
    lse_BLH: Any


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention and log-sum-exp; see `attention.attend`.

    Raises:
        NotImplementedError: a pattern that is not anchored, or an array bias (block_sparse supports
            both).
    """
    if match(pattern) is None:
        raise NotImplementedError(f'anchored computes window + stripes only, not {pattern}')
    if modifiers.array_bias is not None:
        raise NotImplementedError('anchored supports a LinearBias, not an array bias')
    B, L, H, _ = q_BLHK.shape
    window, residue = match(pattern)
    block = min(operands.DEFAULT_BLOCK, max(L, k_BMHK.shape[1]))
    window_spec = operands.make_spec(
        window, q_BLHK, modifiers, scale=scale, block=block, partial=True
    )
    stripes_spec = stripes.StripesSpec(window, residue, scale, H, modifiers.dropout_rate)
    block_inputs = operands.make_inputs(window_spec, modifiers)
    stripes_inputs = stripes.StripesInputs(
        tokens=modifiers.token_inputs(B, L),
        dropout_words=block_inputs.dropout_words,
        origin=jnp.int32(0),
        row_ids=modifiers.row_ids,
    )
    spec = _AnchoredSpec(window_spec, stripes_spec)
    return _anchored(spec, q_BLHK, k_BMHK, v_BMHV, (block_inputs, stripes_inputs))


def merge(
    first: tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']],
    second: tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']],
) -> tuple[Float[Array, 'B L H V'], Float[Array, 'B L H']]:
    """Attention over two disjoint sets of keys as attention over both, f32.

    Args:
        first, second: output and log-sum-exp over each set.
    """
    (o_one, lse_one), (o_two, lse_two) = first, second
    max_BLH = jnp.maximum(jnp.maximum(lse_one, lse_two), operands.MIN_SCORE)
    e_one, e_two = jnp.exp(lse_one - max_BLH), jnp.exp(lse_two - max_BLH)
    total_BLH = e_one + e_two
    safe_BLH = jnp.where(total_BLH > 0, total_BLH, 1.0)
    o_BLHV = o_one * (e_one / safe_BLH)[..., None] + o_two * (e_two / safe_BLH)[..., None]
    return o_BLHV, jnp.where(total_BLH > 0, max_BLH + jnp.log(safe_BLH), -jnp.inf)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _anchored(spec: _AnchoredSpec, q_BLHK, k_BMHK, v_BMHV, both_inputs):
    return _anchored_fwd(spec, q_BLHK, k_BMHK, v_BMHV, both_inputs)[0]


def _anchored_fwd(spec: _AnchoredSpec, q_BLHK, k_BMHK, v_BMHV, both_inputs):
    block_inputs, stripes_inputs = both_inputs
    window = block_sparse.forward(spec.window, q_BLHK, k_BMHK, v_BMHV, block_inputs)
    striped = stripes.forward(spec.stripes, q_BLHK, k_BMHK, v_BMHV, stripes_inputs)
    o_BLHV, lse_BLH = merge(window, striped)
    # Not rounded to the inputs' dtype: both parts of the backward pass must agree on it.
    residuals = _AnchoredResiduals(
        q_BLHK=q_BLHK,
        k_BMHK=k_BMHK,
        v_BMHV=v_BMHV,
        block_inputs=block_inputs,
        stripes_inputs=stripes_inputs,
        o_BLHV=o_BLHV,
        lse_BLH=lse_BLH,
    )
    return (o_BLHV.astype(q_BLHK.dtype), lse_BLH), residuals


def _anchored_bwd(spec: _AnchoredSpec, residuals: _AnchoredResiduals, cotangents):
    arrays = residuals._asdict()
    block_inputs, stripes_inputs = arrays.pop('block_inputs'), arrays.pop('stripes_inputs')
    window = block_sparse.backward(
        spec.window, block_sparse.Residuals(**arrays, block_inputs=block_inputs), cotangents
    )
    striped = stripes.backward(
        spec.stripes,
        stripes.StripesResiduals(**arrays, stripes_inputs=stripes_inputs),
        cotangents,
    )
    dq, dk, dv = (
        (a.astype(jnp.float32) + b).astype(a.dtype)
        for a, b in zip(window[:3], striped[:3], strict=True)
    )
    # Slopes are inputs of both parts, and each returns its share of their gradient.
    dstripes_inputs = stripes.zero_inputs(stripes_inputs, striped.dslopes)
    return dq, dk, dv, (window.block_inputs, dstripes_inputs)


_anchored.defvjp(_anchored_fwd, _anchored_bwd)
