"""Low-rank adapters of linear maps (LoRA; Hu et al., ICLR 2022, arXiv 2106.09685, section 4.1).

A kernel W that is frozen is read as W + (alpha / rank) * A B, and only A [in, rank] and
B [rank, out] train. B starts at zero, so that the first step computes what the base computes.

No module knows of it. A kernel with an adapter is a box (`AdaptedKernel`) in the parameter tree,
as flax has them for metadata: a scan over layers slices what is in the box, and a module that asks
for its kernel gets the sum, one layer at a time. So a step holds neither all summed kernels at once
nor their gradients. Dropout of the adapter's input, which peft has, is not possible with a summed
kernel, and is left out.

Axes: A has the kernel's stacked layers (if it has), its input axes and the rank; B has the layers,
the rank and the output axes. Heads stay separate axes, so that a mesh shards the factors as it
shards the kernel.
"""

import math
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from flax.core import meta
from flax.linen import LogicallyPartitioned

from genojax import errors
from genojax.typing import Array

A, B = 'lora_a', 'lora_b'  # names of the factors, below the path of their kernel
_STACK = 'layers'  # logical axis of a scan over layers
_HEADS = ('heads', 'head_width')  # two axes that are one side of a linear map
Path = tuple[str, ...]
Axes = tuple[str | None, ...]


class AdaptedKernel(struct.PyTreeNode, meta.AxisMetadata):
    """A frozen kernel and its two factors, as one value of a parameter tree.

    Attributes:
        base: the frozen kernel.
        a, b: the factors; both have the stacked axes of the kernel, if it has.
        scale: alpha / rank.
    """

    base: Any
    a: Any
    b: Any
    scale: float = struct.field(pytree_node=False)

    def unbox(self) -> Array:
        """The kernel that a module reads."""
        return self.base + self.scale * _product(self.a, self.b, self.base.shape)

    def replace_boxed(self, val):
        raise NotImplementedError('a kernel with an adapter is only read')

    def add_axis(self, index: int, params: dict) -> 'AdaptedKernel':
        return self

    def remove_axis(self, index: int, params: dict) -> 'AdaptedKernel':
        return self


def init(
    kernels: Mapping[Path, LogicallyPartitioned], rank: int, key: Array
) -> dict[Path, LogicallyPartitioned]:
    """The factors of kernels: A normal with variance 1 / inputs, B zero.

    Args:
        kernels: by path, boxed with their logical axes.

    Raises:
        UsageError: the rank is larger than that of a kernel.
    """
    factors = {}
    for number, (path, kernel) in enumerate(sorted(kernels.items())):
        stack, inputs, outputs = _axes(kernel.names)
        shape = kernel.value.shape
        n, m = len(stack), len(stack) + len(inputs)
        fan_in = math.prod(shape[n:m])
        largest = min(fan_in, math.prod(shape[m:]))
        if rank > largest:
            raise errors.UsageError(
                f'optim.train.rank={rank} is more than {largest}, the rank of the linear map '
                f'{"/".join(path)}. Fix: --config.optim.train.rank={min(8, largest)}'
            )
        values = jax.random.normal(jax.random.fold_in(key, number), (*shape[:m], rank))
        a_axes, b_axes = (*stack, *inputs, 'rank'), (*stack, 'rank', *outputs)
        factors[*path, A] = LogicallyPartitioned(values * fan_in**-0.5, a_axes)
        factors[*path, B] = LogicallyPartitioned(jnp.zeros((*shape[:n], rank, *shape[m:])), b_axes)
    return factors


def adapted(
    kernels: Mapping[Path, Any], factors: Mapping[Path, Any], scale: float
) -> dict[Path, AdaptedKernel]:
    """The boxes of all kernels that have factors, by path."""
    paths = {path[:-1] for path in factors}
    return {
        path: AdaptedKernel(kernels[path], factors[*path, A], factors[*path, B], scale)
        for path in paths
    }


def merge_on_host(kernel: np.ndarray, a: np.ndarray, b: np.ndarray, scale: float) -> np.ndarray:
    """W + scale * A B in float64, rounded once; the same bits on every machine.

    Added rank by rank, because a library's matrix product may sum in another order elsewhere.
    """
    a_NIR, b_NRO = _as_matrices(a.astype(np.float64), b.astype(np.float64), kernel.shape)
    total_NIO = kernel.astype(np.float64).reshape(len(a_NIR), a_NIR.shape[1], -1)
    for number in range(a_NIR.shape[-1]):
        total_NIO += scale * (a_NIR[:, :, number, None] * b_NRO[:, number, None, :])
    return total_NIO.reshape(kernel.shape).astype(kernel.dtype)


def _axes(names: Axes) -> tuple[Axes, Axes, Axes]:
    """The logical axes of a kernel: those of its stack, of its inputs and of its outputs."""
    stack = names[:1] if names[0] == _STACK else ()
    rest = names[len(stack) :]
    outputs = 2 if rest[-2:] == _HEADS and len(rest) > 2 else 1
    return stack, rest[:-outputs], rest[-outputs:]


def _product(a: Array, b: Array, shape: tuple[int, ...]) -> Array:
    """A B as an array of a kernel's shape, in float32 on every device."""
    a_NIR, b_NRO = _as_matrices(a, b, shape)
    return jnp.matmul(a_NIR, b_NRO, precision=jax.lax.Precision.HIGHEST).reshape(shape)


def _as_matrices(a, b, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """A [N, I, R] and B [N, R, O] of N stacked kernels of a shape together; a single one has N = 1.

    Both have the kernel's stacked axes, and the rank besides: that gives their number.
    """
    count, rank = math.prod(shape[: a.ndim + b.ndim - 2 - len(shape)]), a.shape[-1]
    return a.reshape(count, -1, rank), b.reshape(count, rank, -1)
