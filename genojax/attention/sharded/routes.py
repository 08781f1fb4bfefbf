"""Routes of key blocks from owner to user, and rows of rounds. numpy only; see `exchange`."""

import dataclasses
from typing import NamedTuple

import numpy as np

from genojax.attention.patterns import block_lists


@dataclasses.dataclass(frozen=True, eq=False)
class OwnedTiles:
    """All tiles of a pattern, int64 [n] each, with the devices that own their queries and keys.

    Attributes:
        devices: that share the sequence.
        own: blocks per device.
        head, row, column: of each tile; rows and columns are blocks of the whole.
        user: the device that holds the tile's queries.
        owner: the device that holds its keys.
    """

    devices: int
    own: int
    head: np.ndarray
    row: np.ndarray
    column: np.ndarray
    user: np.ndarray
    owner: np.ndarray

    @classmethod
    def of(cls, lists: block_lists.BlockLists, devices: int) -> 'OwnedTiles':
        own = lists.num_q_blocks // devices
        head, row = np.divmod(lists.row_of().astype(np.int64), lists.num_q_blocks)
        column = lists.column.astype(np.int64)
        return cls(
            devices=devices,
            own=own,
            head=head,
            row=row,
            column=column,
            user=row // own,
            owner=column // own,
        )


class Routes(NamedTuple):
    """Number of halo blocks, and which tiles' keys arrive by which route, bool [n] each."""

    halo: int
    by_halo: np.ndarray
    gathered: np.ndarray
    sent: np.ndarray


def assign(tiles: OwnedTiles, sparse: np.ndarray) -> Routes:
    """The route of each sparse tile's keys; those on the own device have none."""
    n, own, row, column = tiles.devices, tiles.own, tiles.row, tiles.column
    away = sparse & (tiles.user != tiles.owner)
    halo = _halo(row[away], column[away], own, n)
    by_halo = away & (np.abs(tiles.user - tiles.owner) == 1)
    by_halo &= np.where(column > row, column % own < halo, own - column % own <= halo)
    rest = away & ~by_halo
    needed = np.unique(column[rest] * n + tiles.user[rest])
    popular = np.bincount(needed // n, minlength=n * own) * 2 >= n
    return Routes(halo, by_halo, rest & popular[column], rest & ~popular[column])


def _halo(row: np.ndarray, column: np.ndarray, own: int, devices: int) -> int:
    """The largest offset that at least half of the rows next to a border have."""
    offset = column - row
    offset = offset[np.abs(offset) <= own]
    if not len(offset):
        return 0
    value, count = np.unique(offset, return_counts=True)
    usual = value[count * 2 >= np.minimum(np.abs(value), own) * max(devices - 1, 1)]
    return int(np.abs(usual).max(initial=0))


def by_owner(blocks: np.ndarray, tiles: OwnedTiles) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of the whole listed by owner, [n, longest], and the slot of each block, [n * own]."""
    n, own = tiles.devices, tiles.own
    owner = blocks // own
    longest = int(np.bincount(owner, minlength=n).max(initial=0)) if len(blocks) else 0
    table, slot_of = np.zeros((n, longest), np.int32), np.zeros(n * own, np.int64)
    for device in range(n):
        owned = blocks[owner == device]
        table[device, : len(owned)] = owned % own
        slot_of[owned] = np.arange(len(owned))
    return table, slot_of


class Sends(NamedTuple):
    """Blocks sent from owner to user, by round.

    Attributes:
        rows: int32 [n, rounds, own / rounds], the own rows that each round computes.
        place: int64 [n * own], each row's place among its device's rows in the order of `rows`.
        taker: int64 [tiles], device * rounds + round in which a tile's row is computed.
        table: int32 [n, n * rounds, longest], blocks (own numbering) by owner and taker.
        slot: int64 [pairs], the slot of each distinct pair of taker and block.
        slot_of_tile: int64 [tiles], the slot of each sent tile's block; arbitrary for others.
    """

    rows: np.ndarray
    place: np.ndarray
    taker: np.ndarray
    table: np.ndarray
    slot: np.ndarray
    slot_of_tile: np.ndarray


def sends(tiles: OwnedTiles, sent: np.ndarray, rounds: int) -> Sends:
    """Assigns rows to rounds; lists the blocks that each owner sends to each device and round."""
    rows, place = assign_rounds(tiles, sent, rounds)
    num_blocks = tiles.devices * tiles.own
    taker = tiles.user * rounds + place[tiles.row] // (tiles.own // rounds)
    pair = taker * num_blocks + tiles.column
    pairs = np.unique(pair[sent])
    shape = (tiles.devices, tiles.devices * rounds)
    table, slot = _send_table(pairs // num_blocks, pairs % num_blocks, tiles.own, shape)
    slot_of_tile = slot
    if len(pairs):
        slot_of_tile = slot[np.searchsorted(pairs, pair).clip(0, len(pairs) - 1)]
    return Sends(
        rows=rows, place=place, taker=taker, table=table, slot=slot, slot_of_tile=slot_of_tile
    )


def assign_rounds(
    tiles: OwnedTiles, sent: np.ndarray, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Assigns each device's rows to rounds so that an owner sends about equally much in each.

    Args:
        sent: which tiles' keys are sent.

    Returns:
        The rows of each round, own numbering, int32 [n, rounds, own / rounds]; each row's place
        among its device's rows in this order, int64 [n * own].
    """
    n, own = tiles.devices, tiles.own
    needs = np.zeros((n * own, n), np.int64)
    np.add.at(needs, (tiles.row[sent], tiles.owner[sent]), 1)
    rows = np.zeros((n, rounds, own // rounds), np.int32)
    for device in range(n):
        rows[device] = _balanced(needs[device * own : (device + 1) * own], rounds)
    place = np.zeros(n * own, np.int64)
    flat = rows.reshape(n, own) + np.arange(n)[:, None] * own
    place[flat.reshape(-1)] = np.tile(np.arange(own), n)
    return rows, place


def _balanced(needs: np.ndarray, rounds: int) -> np.ndarray:
    """Rows [rounds, own / rounds] of one device, from blocks needed per row and owner, [own, n]."""
    size = len(needs) // rounds
    total = np.zeros((rounds, needs.shape[1]), np.int64)
    members: list[list[int]] = [[] for _ in range(rounds)]
    for r in np.argsort(-needs.sum(1), kind='stable').tolist():
        full = np.array([len(member) >= size for member in members])
        after = total + needs[r]
        # A buffer must hold the most that any owner sends, hence a high power.
        cost = (after**4).sum(1) + np.where(full, np.inf, 0)
        best = int(np.argmin(cost))
        members[best].append(r)
        total[best] += needs[r]
    return np.sort(members, axis=1)


def _send_table(
    taker: np.ndarray, column: np.ndarray, own: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks by owner and taker, [*shape, longest], and each pair's slot there."""
    count = shape[0] * shape[1]
    pair = (column // own) * shape[1] + taker
    order = np.argsort(pair, kind='stable')
    counts = np.bincount(pair, minlength=count)
    slot = np.empty(len(pair), np.int64)
    slot[order] = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.zeros((count, int(counts.max(initial=0))), np.int32)
    table[pair, slot] = column % own
    return table.reshape(*shape, -1), slot


def relabel(
    lists: block_lists.BlockLists,
    selected: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    shape: tuple[int, int, int],
) -> block_lists.BlockLists:
    """The selected tiles as block lists with new rows and columns.

    Args:
        selected: bool [n].
        row, column: new numbers of all tiles; row is head * num_q_blocks + query block.
        shape: new (heads, num_q_blocks, num_kv_blocks).
    """
    row, column, kind = row[selected], column[selected], lists.kind[selected]
    heads, num_q_blocks, num_kv_blocks = shape
    order = np.lexsort((column, row))
    counts = np.bincount(row, minlength=heads * num_q_blocks)
    return block_lists.BlockLists(
        block=lists.block,
        num_q_blocks=num_q_blocks,
        num_kv_blocks=num_kv_blocks,
        heads=heads,
        start=np.concatenate([[0], np.cumsum(counts)]),
        column=column[order].astype(np.int32),
        kind=kind[order],
        tiles=lists.tiles,
    )
