"""Routes of key blocks: each tile has one, rounds are even, and slots find what was sent."""

import numpy as np
import pytest

from genojax.attention import patterns
from genojax.attention.sharded import routes

N, BLOCK = 4, 8
PATTERNS = {
    'bigbird': patterns.bigbird(8 * 64, 8),
    'local': patterns.local(8 * 64, 20),
    'random': patterns.random(8 * 64, 3, 8),
    'strided': patterns.strided(8 * 64, 97),
    'long': patterns.random(8 * 512, 3, 8),
}


def tiles_of(name):
    lists = PATTERNS[name].block_lists(BLOCK)
    return routes.OwnedTiles.of(lists, N), lists


@pytest.mark.parametrize('name', PATTERNS)
def test_a_tile_from_another_device_has_one_route(name):
    tiles, lists = tiles_of(name)
    every = np.ones(len(lists.column), bool)
    route = routes.assign(tiles, every)
    count = route.by_halo.astype(int) + route.gathered + route.sent
    np.testing.assert_array_equal(count, tiles.user != tiles.owner)
    apart = np.abs(tiles.user - tiles.owner)[route.by_halo]
    assert (apart == 1).all()
    distance = np.abs(tiles.row - tiles.column)[route.by_halo]
    assert distance.max(initial=0) < route.halo + tiles.own


@pytest.mark.parametrize('name', PATTERNS)
def test_a_block_is_gathered_if_half_of_the_devices_need_it(name):
    tiles, lists = tiles_of(name)
    route = routes.assign(tiles, np.ones(len(lists.column), bool))
    remote = route.gathered | route.sent
    for column in np.unique(tiles.column[remote]):
        users = np.unique(tiles.user[remote & (tiles.column == column)])
        gathered = route.gathered[remote & (tiles.column == column)]
        assert (gathered == (2 * len(users) >= N)).all()


@pytest.mark.parametrize('rounds', [1, 2, 4])
@pytest.mark.parametrize('name', ['bigbird', 'random'])
def test_slots_find_the_block_that_was_sent(name, rounds):
    tiles, lists = tiles_of(name)
    sent = routes.assign(tiles, np.ones(len(lists.column), bool)).sent
    sends = routes.sends(tiles, sent, rounds)
    blocks = sends.table[tiles.owner[sent], sends.taker[sent], sends.slot_of_tile[sent]]
    np.testing.assert_array_equal(blocks, tiles.column[sent] % tiles.own)
    np.testing.assert_array_equal(sends.taker // rounds, tiles.user)


@pytest.mark.parametrize('rounds', [2, 4, 8])
def test_rounds_are_even_and_hold_each_row_once(rounds):
    tiles, lists = tiles_of('long')
    sent = routes.assign(tiles, np.ones(len(lists.column), bool)).sent
    rows, place = routes.assign_rounds(tiles, sent, rounds)
    assert rows.shape == (N, rounds, tiles.own // rounds)
    for device, of_device in enumerate(rows):
        np.testing.assert_array_equal(np.sort(of_device.ravel()), np.arange(tiles.own))
        flat = of_device.ravel() + device * tiles.own
        np.testing.assert_array_equal(place[flat], np.arange(tiles.own))
    in_order = routes.sends(tiles, sent, 1).table.shape[2]
    longest = routes.sends(tiles, sent, rounds).table.shape[2]
    assert longest <= 2 * -(-in_order // rounds), 'a round collects about its share'


def test_blocks_by_owner():
    tiles, _ = tiles_of('local')
    blocks = np.array([3, 17, 20, 63])
    table, slot = routes.by_owner(blocks, tiles)
    assert table.shape == (N, 2)
    owner = blocks // tiles.own
    np.testing.assert_array_equal(table[owner, slot[blocks]] + owner * tiles.own, blocks)
    empty, _ = routes.by_owner(blocks[:0], tiles)
    assert empty.shape == (N, 0)


def test_relabelled_lists_hold_the_selected_tiles():
    tiles, lists = tiles_of('strided')
    selected = tiles.user == 2
    size = tiles.own
    part = routes.relabel(
        lists, selected, tiles.row - 2 * size, lists.num_kv_blocks - 1 - tiles.column, (1, size, 64)
    )
    assert part.counts().sum() == selected.sum()
    np.testing.assert_array_equal(part.counts()[0], lists.counts()[0, 2 * size : 3 * size])
    for begin, end in zip(part.start[:-1], part.start[1:], strict=True):
        assert (np.diff(part.column[begin:end]) > 0).all()
