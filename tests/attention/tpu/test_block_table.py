"""Tables of the Pallas kernels: what an entry says, by row and by column, and what has no room."""

import jax.numpy as jnp
import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.tpu import block_table

PATTERNS = [
    patterns.local(150, 11),
    patterns.causal(100, 61),
    patterns.bigbird(16 * 40, 16),
    patterns.bigbird(200, 8, per_head=2),
    patterns.bigbird(64 * 8, plan='hf_eval'),
    patterns.strided(97, 13) & patterns.causal(97),
]
BITS = 20


def written_out(table, block):
    """exp of the tiles' log multiplicities, [heads, rows, columns]."""
    columns = 1 + max((part.table & (2**BITS - 1))[part.table >= 0].max() for part in table.parts)
    out = np.zeros((table.heads, table.num_rows * block, columns * block))
    for part in table.parts:
        entries = part.table.reshape(table.heads, len(part.rows), part.width)
        for head, r, w in np.ndindex(*entries.shape):
            if (entry := entries[head, r, w]) < 0:
                continue
            tile = np.exp(table.tiles[entry >> BITS])
            tile = tile if table.by_column else tile.T
            row, column = part.rows[r] * block, (entry & (2**BITS - 1)) * block
            out[head, row : row + block, column : column + block] += tile
    return out


@pytest.mark.parametrize('by_column', [False, True])
@pytest.mark.parametrize('pattern', PATTERNS, ids=lambda p: type(p).__name__)
def test_a_table_is_the_pattern(pattern, by_column):
    block = 16
    weights = np.reshape(pattern.weights(), (pattern.heads, pattern.length, pattern.key_length))
    if by_column:
        weights = weights.swapaxes(1, 2)
    out = written_out(block_table.build(pattern, block, by_column), block)
    rows, columns = (min(n, m) for n, m in zip(weights.shape[1:], out.shape[1:], strict=True))
    np.testing.assert_allclose(out[:, :rows, :columns], weights[:, :rows, :columns], atol=1e-6)
    assert not weights[:, :, columns:].any()


@pytest.mark.parametrize('by_column', [False, True])
def test_every_row_is_in_one_part_and_sparse_parts_are_narrow(by_column):
    table = block_table.build(patterns.bigbird(16 * 40, 16), 16, by_column)
    assert np.array_equal(np.sort(np.concatenate([p.rows for p in table.parts])), np.arange(40))
    sparse, dense = table.parts
    assert sparse.width <= block_table.SPARSE_WIDTH < dense.width
    assert set(dense.rows.tolist()) == {0, 39}


def test_whole_blocks_need_no_tiles():
    assert len(block_table.build(patterns.bigbird(16 * 40, 16), 16, False).tiles) == 1
    tiles = block_table.build(patterns.causal(64), 16, False).tiles
    assert len(tiles) == 2 and not tiles[0].any()
    # stored by key and query: of a causal tile the keys above the diagonal are masked
    np.testing.assert_array_equal(tiles[1] == 0, np.triu(np.ones((16, 16), bool)))


def test_results_of_parts_come_back_in_the_order_of_rows():
    table = block_table.build(patterns.bigbird(16 * 40, 16), 16, False)
    results = [[jnp.asarray(part.rows, jnp.float32)[None, :, None, None]] for part in table.parts]
    (joined,) = block_table.gather(table, results)
    np.testing.assert_array_equal(joined.ravel(), np.arange(40))


def test_more_tiles_than_an_entry_can_number_do_not_fit():
    n = 1152
    many = patterns.anchored(n, 1, 37) | patterns.strided(n, 29) | patterns.strided(n, 31)
    many = many | patterns.random(n, 1, 16)
    assert len(many.block_lists(16).tiles) > block_table.MAX_TILES
    assert not block_table.fits(many, 16)
    with pytest.raises(NotImplementedError, match='2,047 different partial tiles'):
        block_table.build(many, 16, False)
    assert block_table.fits(patterns.bigbird(2**20), 64)
