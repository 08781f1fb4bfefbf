"""JAX's splash attention for TPU from the same patterns, as a second implementation to check `pallas_tpu` against.

Its own way from mask to blocks looks at every pair: 73 s at 65,536 tokens. Here it asks our block lists, which answer a
full or empty tile with a single element (174,762 tokens: seconds). Its tables grow with the square of the number of
blocks, so at 2^20 tokens they do not fit the scalar memory of a chip; `pallas_tpu` does.
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

from genojax.attention import bias as biases
from genojax.attention import patterns
from genojax.typing import Array, Float, Int

BLOCK = 128  # its key blocks must be a multiple of this
MOST_BLOCKS = 512  # on a side: a table of two bytes per pair of blocks must fit 1 MiB of scalar memory, with others
MOST_TILE_BYTES = 2**30


class _Mask(splash_attention_mask.Mask):
    """A pattern's tiles; equal and hashable by pattern and head, so that heads share tables."""

    def __init__(self, pattern: patterns.Pattern, block: int, head: int):
        self.of = (pattern, block, head if pattern.heads > 1 else 0)
        self.lists = pattern.blocks(block)
        first = self.of[2] * self.lists.tall
        self.start = self.lists.start[first : first + self.lists.tall + 1]
        self.none, self.all = np.zeros((1, 1), bool), np.ones((1, 1), bool)

    @property
    def shape(self) -> tuple[int, int]:
        return self.lists.tall * self.lists.block, self.lists.wide * self.lists.block

    def __getitem__(self, index) -> np.ndarray:
        rows, columns = index
        block, lists = self.lists.block, self.lists
        if (rows.start % block, rows.stop - rows.start) != (0, block) or columns.start % block:
            raise NotImplementedError('splash asked for something other than a tile')
        row, column = rows.start // block, columns.start // block
        begin, end = self.start[row], self.start[row + 1]
        at = begin + np.searchsorted(lists.column[begin:end], column)
        if at == end or lists.column[at] != column:
            return self.none
        return self.all if lists.kind[at] == 0 else lists.tiles[lists.kind[at] - 1] > 0

    def __eq__(self, other) -> bool:
        return isinstance(other, _Mask) and self.of == other.of

    def __hash__(self) -> int:
        return hash(self.of)


def block_of(pattern: patterns.Pattern) -> int:
    """The pattern's own block made a multiple of 128, doubled until the tables fit."""
    block = math.lcm(pattern.natural_block or BLOCK, BLOCK)
    while pattern.length > block * MOST_BLOCKS:
        block *= 2
    return block


def _check(pattern: patterns.Pattern, block: int) -> None:
    lists = pattern.blocks(block)
    if lists.tiles.nbytes > MOST_TILE_BYTES:
        raise NotImplementedError(
            f'splash_tpu would keep {len(lists.tiles)} different partial tiles of {block}; '
            f'give the pattern blocks of {block} or use pallas_tpu'
        )
    if (lists.tiles > 1).any():
        raise NotImplementedError('splash_tpu cannot count a key twice (plans google, hf_eval)')
    row = lists.row_of() % lists.tall
    own = np.flatnonzero(row == lists.column)
    partial = lists.kind[own][lists.kind[own] > 0]
    sees_itself = len(own) == lists.heads * lists.tall and all(
        np.diagonal(lists.tiles[kind - 1]).all() for kind in np.unique(partial)
    )
    if pattern.length != pattern.key_length or not sees_itself:
        # its softmax of a row that sees nothing is not zero; a query that sees itself is never such a row
        raise NotImplementedError(
            'splash_tpu needs as many keys as queries and each query to see its own key'
        )


@functools.lru_cache(maxsize=8)
def _kernel(pattern: patterns.Pattern, block: int, heads: int, interpret: bool):
    mask = splash_attention_mask.MultiHeadMask([_Mask(pattern, block, h) for h in range(heads)])
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
            mask=mask, block_sizes=sizes, head_shards=1, q_seq_shards=1, interpret=interpret
        )


def attend(
    q_BLHK: Float[Array, 'B L H K'],
    k_BMHK: Float[Array, 'B M H K'],
    v_BMHV: Float[Array, 'B M H V'],
    pattern: patterns.Pattern,
    scale: float,
    segments_BL: Int[Array, 'B L'] | None = None,
    key_segments_BM: Int[Array, 'B M'] | None = None,
    bias: biases.Linear | Array | None = None,
    dropout: biases.Dropout | None = None,
    rows: Array | None = None,
) -> tuple[Float[Array, 'B L H V'], None]:
    """Attention; see `attention.attend`. There is no log-sum-exp: splash gives it without gradients only.

    Raises:
        NotImplementedError: a bias, dropout, other segments for keys, or a pattern it cannot do.
    """
    if bias is not None or (dropout is not None and dropout.rate > 0):
        raise NotImplementedError('splash_tpu has neither bias nor attention dropout')
    if key_segments_BM is not None:
        raise NotImplementedError('splash_tpu takes segments_BL only')
    block = block_of(pattern)
    _check(pattern, block)
    B, L, H, K = q_BLHK.shape
    V = v_BMHV.shape[-1]
    total, width = -(-L // block) * block, max(K, V)
    if segments_BL is None and total > L:
        segments_BL = jnp.ones((B, L), jnp.int32)

    def turn(x):
        x = jnp.pad(x, [(0, 0), (0, total - L), (0, 0), (0, width - x.shape[-1])])
        return x.swapaxes(1, 2)

    q, k, v = turn((q_BLHK * scale).astype(q_BLHK.dtype)), turn(k_BMHK), turn(v_BMHV)
    ids = None
    if segments_BL is not None:
        segments_BL = jnp.pad(segments_BL, [(0, 0), (0, total - L)])
        ids = splash_attention_kernel.SegmentIds(segments_BL, segments_BL)

    def run(interpret, q, k, v, ids):
        kernel = _kernel(pattern, block, H, interpret)
        return jax.vmap(lambda q, k, v, ids: kernel(q, k, v, segment_ids=ids))(q, k, v, ids)

    o = jax.lax.platform_dependent(
        q, k, v, ids, cpu=functools.partial(run, True), tpu=functools.partial(run, False)
    )
    o_BLHV = o.swapaxes(1, 2)[:, :L, :, :V]
    if segments_BL is not None:
        # padding attends to padding in there; here it sees nothing
        o_BLHV = jnp.where(segments_BL[:, :L, None, None] > 0, o_BLHV, 0)
    return o_BLHV.astype(q_BLHK.dtype), None
