"""Keys of JAX's random bits, drawn fast on a CPU: the bits of `jax.random.key`, another program.

On a CPU, JAX writes the twenty rounds of threefry as a loop. XLA runs that as many passes over
memory, and takes long to compile every draw (experiments/benchmarks/random_bits.py has figures).
Here the rounds are written out, so that a draw is one pass. JAX does the same on accelerators, and
there the keys are its own.

The cipher is threefry-2x32 (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3,
section 5), and the bits of an array are those of JAX: word i is the exclusive or of both words of
the encrypted i.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import random as extend

from genojax.typing import Array

_NAME = 'threefry2x32'  # of JAX's own implementation
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = np.uint32(0x1BD11BDA)


def key(seed: int, mesh: jax.sharding.Mesh | jax.sharding.AbstractMesh | None = None) -> Array:
    """The key of a seed, whose draws equal those of `jax.random.key(seed)` to the bit.

    Args:
        mesh: of the devices that draw; by default JAX's own.
    """
    platform = jax.default_backend()
    if isinstance(mesh, jax.sharding.Mesh):
        platform = mesh.devices.flat[0].platform
    if platform != 'cpu' or not jax.config.jax_threefry_partitionable:
        return jax.random.key(seed)
    return jax.random.key(seed, impl=_WRITTEN_OUT)


def _seed(seed: Array) -> Array:
    return jax.random.key_data(jax.random.key(seed, impl=_NAME))


def _own(data_2: Array) -> Array:
    """JAX's own key of the same data."""
    return jax.random.wrap_key_data(data_2, impl=_NAME)


def _split(data_2: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.key_data(jax.random.split(_own(data_2), shape))


def _fold_in(data_2: Array, number: Array) -> Array:
    return jax.random.key_data(jax.random.fold_in(_own(data_2), number))


def _random_bits(data_2: Array, bit_width: int, shape: tuple[int, ...]) -> Array:
    """Bits of an array; one of 32-bit words of fewer than 2^32 is written out."""
    if bit_width != 32 or math.prod(shape) >= 2**32:
        return jax.random.bits(_own(data_2), shape, f'uint{bit_width}')
    index = jnp.zeros(shape, jnp.uint32)
    for axis, size in enumerate(shape):
        stride = np.uint32(math.prod(shape[axis + 1 :]))
        if size > 1:
            index += jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * stride
    first, second = _encrypt(data_2[0], data_2[1], jnp.zeros(shape, jnp.uint32), index)
    return first ^ second


def _encrypt(key_0: Array, key_1: Array, word_0: Array, word_1: Array) -> tuple[Array, Array]:
    """Twenty rounds of threefry-2x32."""
    keys = (key_0, key_1, key_0 ^ key_1 ^ _PARITY)
    word_0, word_1 = word_0 + keys[0], word_1 + keys[1]
    for group in range(5):
        for turn in _ROTATIONS[group % 2]:
            word_0 = word_0 + word_1
            word_1 = (word_1 << np.uint32(turn)) | (word_1 >> np.uint32(32 - turn))
            word_1 = word_0 ^ word_1
        word_0 = word_0 + keys[(group + 1) % 3]
        word_1 = word_1 + keys[(group + 2) % 3] + np.uint32(group + 1)
    return word_0, word_1


_WRITTEN_OUT = extend.define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name='threefry2x32_written_out',
    tag='two',
)
