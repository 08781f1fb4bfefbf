"""A pattern's tiles against its dense matrix, by brute force."""

import numpy as np


def check(pattern, block):
    """Candidates cover what is not empty, in order; tiles of equal signature are equal."""
    num_q_blocks, num_kv_blocks = pattern.num_blocks(block)
    i, j = np.arange(num_q_blocks * block)[:, None], np.arange(num_kv_blocks * block)[None]
    contents = {}
    for head in range(pattern.heads):
        whole = np.broadcast_to(pattern.multiplicity(i, j, head), (i.size, j.size))
        content = whole.reshape(num_q_blocks, block, num_kv_blocks, block).swapaxes(1, 2)
        # Beyond the length the content of a tile is arbitrary, and a tile needs no candidate for
        # it.
        inside = (i < pattern.length) & (j < pattern.key_length)
        needed = (whole > 0) & inside
        needed = needed.reshape(num_q_blocks, block, num_kv_blocks, block).any((1, 3))
        rows, columns = pattern.candidates(block, head)
        number = rows.astype(int) * num_kv_blocks + columns
        assert rows.dtype == columns.dtype == np.int32
        assert (np.diff(number) > 0).all(), 'not ascending'
        assert len(rows) <= pattern.candidate_count(block)
        listed = np.zeros((num_q_blocks, num_kv_blocks), bool)
        listed[rows, columns] = True
        assert not (needed & ~listed).any(), 'a tile is missing'
        signature = pattern.signature(block, rows, columns, head)
        assert signature.dtype == np.int64 and signature.shape == rows.shape
        for value, row, column in zip(signature.tolist(), rows, columns, strict=True):
            tile = contents.setdefault(value, content[row, column])
            np.testing.assert_array_equal(tile, content[row, column])


def dense(lists, length, key_length):
    """A block list written out, uint8 [heads, L, M]."""
    b = lists.block
    out = np.zeros((lists.heads, lists.num_q_blocks * b, lists.num_kv_blocks * b), np.uint8)
    for row, column, kind in zip(lists.row_of(), lists.column, lists.kind, strict=True):
        h, r = divmod(int(row), lists.num_q_blocks)
        tile = lists.tiles[kind - 1] if kind else 1
        out[h, r * b : (r + 1) * b, column * b : (column + 1) * b] = tile
    return out[:, :length, :key_length]
