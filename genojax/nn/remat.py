"""Rematerialisation by named policies: which activations are stored for the backward pass.

`module` is for layers under `nn.scan`. `call` is for blocks of different sizes, which no scan can
run: without it XLA:CPU removes the recomputation and plans the same memory as with policy 'none'.
Measured by `experiments/benchmarks/remat.py` (12 layers x 512, 4,096 tokens, BigBird) and
`experiments/benchmarks/enformer_remat.py`, as XLA's temporary memory with and without a policy.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax.core import lift
from flax.linen import transforms

from genojax import config
from genojax.typing import Array

POLICIES = ('none', 'block', 'dots', 'offload')
# Metadata of config fields that change the order of the arithmetic and nothing else.
ON_RESUME = config.ROUNDING


def policy(name: str) -> Callable | None:
    """The `jax.checkpoint` policy of a name.

    - 'block': stores the input of the block only and recomputes the block.
    - 'dots': stores the results of products without batch axes (projections and feed-forward) and
      of convolutions, and recomputes attention and elementwise operations.
    - 'offload': stores those products, without the convolutions, in host memory (accelerators only:
      XLA:CPU has one memory).

    Raises:
        ValueError: another name, or 'none'.
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
    # In a scan the forward and the backward pass cannot share results, so no barrier is needed.
    return nn.remat(block, policy=policy(name), prevent_cse=False, static_argnums=static_argnums)


def call(block: nn.Module, name: str, x: Array, **options: Any) -> Array:
    """`block(x, **options)`, rematerialised by the named policy; for blocks not under `nn.scan`.

    Without a loop the compiler sees that the backward pass recomputes known values and stores the
    first results instead: XLA:CPU drops JAX's barrier against that. So the inputs of the backward
    pass are made to depend on the incoming gradient: zero times one of its elements is added, which
    a compiler may not remove from floating-point code.
    """
    if name == 'none' or block.is_initializing():
        return block(x, **options)
    checkpoint_policy = policy(name)

    def lifted(function, scopes, x):
        def inner(scope_of, repack, variables, rngs, x):
            def apply(variables, rngs, x):
                scope = scope_of(variables, rngs)
                return function(scope, x), repack(scope)

            checkpointed = jax.checkpoint(apply, policy=checkpoint_policy)
            return _wait_for_gradient(checkpointed)(variables, rngs, x)

        return lift.pack(inner, (True,), (True,), (True,), name='remat')(scopes, x)

    return transforms.lift_direct_transform(
        lifted, (lambda block, x: block(x, **options),), block, x, multi_scope=True
    )


def _wait_for_gradient(f: Callable) -> Callable:
    """`f` with a backward pass that depends on the gradient of its first output from the start."""
    wrapped = jax.custom_vjp(f)

    def backward(vjp, cotangents):
        first = cotangents[0]
        zero = first[(0,) * (first.ndim - 1)].max() * 0
        return jax.tree.map(lambda leaf: _plus(leaf, zero), vjp)(cotangents)

    wrapped.defvjp(lambda *arguments: jax.vjp(f, *arguments), backward)
    return wrapped


def _plus(leaf: Array, zero: Array) -> Array:
    if not jnp.issubdtype(leaf.dtype, jnp.floating):
        return leaf
    return leaf + zero.astype(leaf.dtype)


def in_chunks(f: Callable, name: str, x_BLD: Array, chunks: int = 16, min_size: int = 512) -> Array:
    """`f(x)` for an f that is local to parts of the sequence; under the policy 'block', chunk by
    chunk.

    No intermediate of f is stored, and the backward pass recomputes one chunk at a time, so that no
    intermediate has the full length. Chunks have one even length of `min_size` positions or more.
    """
    L = x_BLD.shape[1]
    while chunks > 1 and (L % (2 * chunks) or L // chunks < min_size):
        chunks //= 2
    if name != 'block' or chunks == 1:
        return f(x_BLD)
    size = L // chunks
    pure, closed = jax.closure_convert(f, x_BLD[:, :size])
    part = jax.eval_shape(pure, x_BLD[:, :size], *closed)
    B, M, F = part.shape

    def forward(x_BLD, *closed):
        def step(i, y_BLF):
            y_BMF = pure(jax.lax.dynamic_slice_in_dim(x_BLD, i * size, size, 1), *closed)
            return jax.lax.dynamic_update_slice_in_dim(y_BLF, y_BMF, i * M, 1)

        # Derived from x, though overwritten: constant buffers are allocated when a program starts.
        empty = jnp.full((B, M * chunks, F), x_BLD[0, 0, 0] * 0, part.dtype)
        return jax.lax.fori_loop(0, chunks, step, empty)

    def backward(saved, g_BLF):
        def step(i, state):
            x_BLD, bars = state
            x = jax.lax.dynamic_slice_in_dim(x_BLD, i * size, size, 1)
            g_BMF = jax.lax.dynamic_slice_in_dim(g_BLF, i * M, M, 1)
            x_bar, *more = jax.vjp(pure, x, *saved[1:])[1](g_BMF)
            # A chunk of x is not needed after its step: its gradient overwrites it.
            x_BLD = jax.lax.dynamic_update_slice_in_dim(x_BLD, x_bar, i * size, 1)
            return x_BLD, [a + b for a, b in zip(bars, more, strict=True)]

        zeros = [jnp.zeros_like(a) for a in saved[1:]]
        x_bar, bars = jax.lax.fori_loop(0, chunks, step, (saved[0], zeros))
        return x_bar, *bars

    run = jax.custom_vjp(forward)
    run.defvjp(lambda *arguments: (forward(*arguments), arguments), backward)
    return run(x_BLD, *closed)
