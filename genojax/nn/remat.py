"""Which activations of a block are kept for the backward pass: policies by name.

The saving is against no rematerialisation with the same attention, in XLA's temporary memory, and holds for layers
under `nn.scan` (unrolled, XLA:CPU plans the same memory with and without). Measured by
`experiments/benchmarks/remat.py`, 12 layers x 512, 4,096 tokens, bigbird: see its results.
"""

import functools
from collections.abc import Callable

import jax
from flax import linen as nn

POLICIES = ('none', 'block', 'dots', 'offload')


def policy(name: str) -> Callable | None:
    """The jax.checkpoint policy of a name.

    'block' keeps the block's input only and computes the block again; 'dots' keeps the results of products without
    batch axes (projections and feed-forward), so attention and elementwise work are done again; 'offload' keeps the
    same in the host's memory (accelerators; XLA:CPU has no other memory to put them in).

    Raises:
        ValueError: another name, or 'none', which is no policy.
    """
    policies = jax.checkpoint_policies
    known = {
        'block': policies.nothing_saveable,
        'dots': policies.dots_with_no_batch_dims_saveable,
        'offload': policies.offload_dot_with_no_batch_dims('device', 'pinned_host'),
    }
    if name not in known:
        raise ValueError(f'remat policy {name!r} is not one of {POLICIES}')
    return known[name]


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


def function(f: Callable, name: str) -> Callable:
    """A function that rematerialises by the named policy; for use under `jax.lax.scan`."""
    if name == 'none':
        return f
    return functools.wraps(f)(jax.checkpoint(f, policy=policy(name), prevent_cse=False))
