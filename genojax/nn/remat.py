"""Which activations of a block are kept for the backward pass: policies by name.

The saving is against no rematerialisation with the same attention, in XLA's temporary memory. Layers under `nn.scan`
take `module`; blocks of different sizes, which no scan can run, take `call`, for XLA:CPU alone plans the same memory for
them with and without. Measured by `experiments/benchmarks/remat.py` (12 layers x 512, 4,096 tokens, bigbird) and
`experiments/benchmarks/enformer_remat.py`: see their results.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core import lift
from flax.linen import transforms

from genojax.typing import Array

POLICIES = ('none', 'block', 'dots', 'offload')


def policy(name: str) -> Callable | None:
    """The jax.checkpoint policy of a name.

    'block' keeps the block's input only and computes the block again; 'dots' keeps the results of products without
    batch axes (projections and feed-forward) and of convolutions, so attention and elementwise work are done again; 'offload' keeps those
    products, without the convolutions, in the host's memory (accelerators; XLA:CPU has no other memory to put them in).

    Raises:
        ValueError: another name, or 'none', which is no policy.
    """
    policies = jax.checkpoint_policies
    known = {
        'block': policies.nothing_saveable,
        'dots': policies.save_from_both_policies(
            policies.dots_with_no_batch_dims_saveable, _convolutions
        ),
        'offload': policies.offload_dot_with_no_batch_dims('device', 'pinned_host'),
    }
    if name not in known:
        raise ValueError(f'remat policy {name!r} is not one of {POLICIES}')
    return known[name]


def _convolutions(primitive, *_, **__) -> bool:
    return primitive.name == 'conv_general_dilated'


def module(
    block: type[nn.Module], name: str, static_argnums: tuple[int, ...] = ()
) -> type[nn.Module]:
    """A Linen module class that rematerialises by the named policy; for use under `nn.scan`.

    Args:
        static_argnums: arguments of `__call__` that are Python values, counted with `self` as 0.
    """
    if name == 'none':
        return block
    # Inside a scan nothing can be shared between forward and backward, so the barrier against it is not needed.
    return nn.remat(block, policy=policy(name), prevent_cse=False, static_argnums=static_argnums)


def call(block: nn.Module, name: str, x: Array, **told: Any) -> Array:
    """`block(x, **told)`, rematerialised by the named policy; for a block that is not under `nn.scan`.

    Without a loop a compiler sees that the backward pass computes the same again, and keeps the first result instead:
    XLA:CPU drops JAX's barrier against that. So what the backward pass starts from is made to depend on the gradient
    that arrives, by adding zero times one of its elements, which no compiler may remove from floats.
    """
    if name == 'none' or block.is_initializing():
        return block(x, **told)
    chosen = policy(name)

    def lifted(function, scopes, x):
        def inner(scope_of, repack, variables, rngs, x):
            def plain(variables, rngs, x):
                scope = scope_of(variables, rngs)
                return function(scope, x), repack(scope)

            return _again(jax.checkpoint(plain, policy=chosen))(variables, rngs, x)

        return lift.pack(inner, (True,), (True,), (True,), name='remat')(scopes, x)

    return transforms.lift_direct_transform(
        lifted, (lambda block, x: block(x, **told),), block, x, multi_scope=True
    )


def _again(f: Callable) -> Callable:
    """`f`, whose backward pass starts when the gradient of its first output has come."""
    tied = jax.custom_vjp(f)

    def backward(pull, bars):
        first = bars[0]
        zero = first[(0,) * (first.ndim - 1)].max() * 0
        return jax.tree.map(lambda leaf: _plus(leaf, zero), pull)(bars)

    tied.defvjp(lambda *arguments: jax.vjp(f, *arguments), backward)
    return tied


def _plus(leaf: Array, zero: Array) -> Array:
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    return leaf + zero.astype(leaf.dtype)


def function(f: Callable, name: str) -> Callable:
    """A function that rematerialises by the named policy; for use under `jax.lax.scan`."""
    if name == 'none':
        return f
    return functools.wraps(f)(jax.checkpoint(f, policy=policy(name), prevent_cse=False))


def in_chunks(f: Callable, name: str, x_BLD: Array, chunks: int = 16, least: int = 512) -> Array:
    """`f(x)` for an f that is local to short stretches of the sequence; under the policy 'block', chunk by chunk.

    Nothing of f's inside is kept, and the backward pass computes one chunk again at a time, so that f's intermediates
    are never alive at full length. Chunks are of one even length, of `least` positions or more.
    """
    L = x_BLD.shape[1]
    while chunks > 1 and (L % (2 * chunks) or L // chunks < least):
        chunks //= 2
    if name != 'block' or chunks == 1:
        return f(x_BLD)
    size = L // chunks
    pure, closed = jax.closure_convert(f, x_BLD[:, :size])
    part = jax.eval_shape(pure, x_BLD[:, :size], *closed)
    B, made, F = part.shape

    def forward(x_BLD, *closed):
        def step(i, y_BMF):
            y = pure(jax.lax.dynamic_slice_in_dim(x_BLD, i * size, size, 1), *closed)
            return jax.lax.dynamic_update_slice_in_dim(y_BMF, y, i * made, 1)

        # From x, though it is overwritten: buffers of constants are made, and held, from a program's start.
        empty = jnp.full((B, made * chunks, F), x_BLD[0, 0, 0] * 0, part.dtype)
        return jax.lax.fori_loop(0, chunks, step, empty)

    def backward(saved, g_BMF):
        def step(i, state):
            x_BLD, bars = state
            x = jax.lax.dynamic_slice_in_dim(x_BLD, i * size, size, 1)
            g = jax.lax.dynamic_slice_in_dim(g_BMF, i * made, made, 1)
            x_bar, *more = jax.vjp(pure, x, *saved[1:])[1](g)
            # A chunk of x is not needed after its turn: its gradient takes its place.
            x_BLD = jax.lax.dynamic_update_slice_in_dim(x_BLD, x_bar, i * size, 1)
            return x_BLD, [a + b for a, b in zip(bars, more, strict=True)]

        zeros = [jnp.zeros_like(a) for a in saved[1:]]
        x_bar, bars = jax.lax.fori_loop(0, chunks, step, (saved[0], zeros))
        return x_bar, *bars

    run = jax.custom_vjp(forward)
    run.defvjp(lambda *arguments: (forward(*arguments), arguments), backward)
    return run(x_BLD, *closed)
