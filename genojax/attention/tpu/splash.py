"""The implementation 'splash_tpu': JAX's splash attention with our patterns, to check `pallas_tpu`.

Its own conversion of a mask to blocks inspects every pair: 73 s at 65,536 tokens. Here it reads our
block lists, which answer a full or empty tile with a single element (174,762 tokens: seconds). Its
tables grow with the square of the number of blocks, so at 2^20 tokens they do not fit the scalar
memory of a chip; those of `pallas_tpu` do.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas.ops.tpu.splash_attention import (
    splash_attention_kernel,
    splash_attention_mask,
)

from genojax.attention import inputs, patterns
from genojax.typing import Array, Float

MIN_BLOCK = 128  # its key blocks must be a multiple of this
# On a side: a table of two bytes per pair of blocks must fit 1 MiB of scalar memory, with others.
MAX_BLOCKS = 512
MAX_TILE_BYTES = 2**30


class _PatternMask(splash_attention_mask.Mask):
    """A pattern's tiles; equal and hashable by pattern and head, so that heads share tables."""

    def __init__(self, pattern: patterns.Pattern, block: int, head: int):
        self.key = (pattern, block, head if pattern.heads > 1 else 0)
        self.lists = pattern.block_lists(block)
        first = self.key[2] * self.lists.num_q_blocks
        self.start = self.lists.start[first : first + self.lists.num_q_blocks + 1]
        self.empty, self.full = np.zeros((1, 1), bool), np.ones((1, 1), bool)

    @property
    def shape(self) -> tuple[int, int]:
        block = self.lists.block
        return self.lists.num_q_blocks * block, self.lists.num_kv_blocks * block

    def __getitem__(self, index) -> np.ndarray:
        rows, columns = index
        block, lists = self.lists.block, self.lists
        if (rows.start % block, rows.stop - rows.start) != (0, block) or columns.start % block:
            raise NotImplementedError('splash attention requested something other than a tile')
        row, column = rows.start // block, columns.start // block
        begin, end = self.start[row], self.start[row + 1]
        at = begin + np.searchsorted(lists.column[begin:end], column)
        if at == end or lists.column[at] != column:
            return self.empty
        return self.full if lists.kind[at] == 0 else lists.tiles[lists.kind[at] - 1] > 0

    def __eq__(self, other) -> bool:
        return isinstance(other, _PatternMask) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


def block_size(pattern: patterns.Pattern) -> int:
    """The pattern's own block as a multiple of 128, doubled until the tables fit."""
    block = math.lcm(pattern.natural_block or MIN_BLOCK, MIN_BLOCK)
    while pattern.length > block * MAX_BLOCKS:
        block *= 2
    return block


def _check(pattern: patterns.Pattern, block: int) -> None:
    lists = pattern.block_lists(block)
    if lists.tiles.nbytes > MAX_TILE_BYTES:
        raise NotImplementedError(
            f'splash_tpu would store {len(lists.tiles)} different partial tiles of {block}; '
            f'use a pattern with blocks of {block}, or pallas_tpu'
        )
    if (lists.tiles > 1).any():
        raise NotImplementedError('splash_tpu cannot count a key twice (plans google, hf_eval)')
    row = lists.row_of() % lists.num_q_blocks
    diagonal = np.flatnonzero(row == lists.column)
    partial = lists.kind[diagonal][lists.kind[diagonal] > 0]
    reflexive = len(diagonal) == lists.heads * lists.num_q_blocks and all(
        np.diagonal(lists.tiles[kind - 1]).all() for kind in np.unique(partial)
    )
    if pattern.length != pattern.key_length or not reflexive:
        # Its softmax of a row without keys is not zero; a query that attends to itself has a key.
        raise NotImplementedError(
            'splash_tpu needs as many keys as queries, and each query to attend to its own key'
        )


@functools.lru_cache(maxsize=8)
def _kernel(pattern: patterns.Pattern, block: int, heads: int, interpret: bool):
    masks = [_PatternMask(pattern, block, h) for h in range(heads)]
    sizes = splash_attention_kernel.BlockSizes(
        block_q=block,
        block_kv=block,
        block_kv_compute=block,
        block_q_dkv=block,
        block_kv_dkv=block,
        block_kv_dkv_compute=block,
        block_q_dq=block,
        block_kv_dq=block,
    )
    with jax.ensure_compile_time_eval():
        return splash_attention_kernel.make_splash_mha(
            mask=splash_attention_mask.MultiHeadMask(masks),
            block_sizes=sizes,
            head_shards=1,
            q_seq_shards=1,
            interpret=interpret,
        )


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    modifiers: inputs.Modifiers,
    *,
    scale: float,
) -> tuple[Float[Array, 'B L H V'], None]:
    """Attention; see `attention.attend`. No log-sum-exp: splash returns it without gradients only.

    Raises:
        NotImplementedError: a bias, dropout, separate segments of keys, or an unsupported pattern.
    """
    if modifiers.bias is not None or modifiers.dropout_rate > 0:
        raise NotImplementedError('splash_tpu supports neither bias nor attention dropout')
    if modifiers.key_segments_BM is not None:
        raise NotImplementedError('splash_tpu supports segments_BL only')
    block = block_size(pattern)
    _check(pattern, block)
    B, L, H, K = q_BLHK.shape
    V, segments_BL = v_BMHV.shape[-1], modifiers.segments_BL
    total, width = -(-L // block) * block, max(K, V)
    if segments_BL is None and total > L:
        segments_BL = jnp.ones((B, L), jnp.int32)

    def heads_second(x):
        x = jnp.pad(x, [(0, 0), (0, total - L), (0, 0), (0, width - x.shape[-1])])
        return x.swapaxes(1, 2)

    q, k, v = (heads_second(x) for x in ((q_BLHK * scale).astype(q_BLHK.dtype), k_BMHK, v_BMHV))
    ids = None
    if segments_BL is not None:
        segments_BL = jnp.pad(segments_BL, [(0, 0), (0, total - L)])
        ids = splash_attention_kernel.SegmentIds(segments_BL, segments_BL)

    def run(interpret, q, k, v, ids):
        kernel = _kernel(pattern, block, H, interpret)
        return jax.vmap(lambda q, k, v, ids: kernel(q, k, v, segment_ids=ids))(q, k, v, ids)

    on_cpu, on_tpu = functools.partial(run, True), functools.partial(run, False)
    o = jax.lax.platform_dependent(q, k, v, ids, cpu=on_cpu, tpu=on_tpu)
    o_BLHV = o.swapaxes(1, 2)[:, :L, :, :V]
    if segments_BL is not None:
        # In splash padding attends to padding; here it attends to nothing.
        o_BLHV = jnp.where(segments_BL[:, :L, None, None] > 0, o_BLHV, 0)
    return o_BLHV.astype(q_BLHK.dtype), None
