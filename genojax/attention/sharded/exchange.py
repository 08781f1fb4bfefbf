"""Which key blocks travel between devices when the sequence is split over them. numpy only.

Each of n devices holds L / n consecutive tokens, N blocks. A sparse row (few key blocks) is
computed where its queries lie; its keys arrive by one of three routes, by how many devices need
them: blocks within `halo` of the edge from the two neighbours, blocks that half of the devices need
(BigBird's global blocks) gathered by all, others (its random blocks) sent from owner to user alone.
A dense row (a global row) is computed on every device against the keys that lie there.

The rows of a device may be assigned to several rounds, each of which collects what its own rows
need: less is collected at a time, and the edges and the gathered blocks are collected again in
every round.

Bytes that each device receives in a round, for arrays of `size` bytes per block (K and V of one
batch entry and head, say):
    halo       2 * halo * size               collective-permute
    gathered   (n - 1) * gathered * size     all-gather
    sent       (n - 1) * sent * size         all-to-all
    dense rows (n - 1) * rows * size / 2     all-gather of their queries, and of one number per row

The partial outputs of dense rows are summed over all devices (a reduction, not counted here). Two
kinds of pattern use other routes, again for arrays of `size` bytes per block, keys and values
together:
    ring       (n - 1) * own * size              collective-permute, one of n - 1 steps of a loop
    anchored   (n - 1) / n * own * (2 * size + one number per token)
               all-to-all by residue: queries, keys and values there, outputs and log-sum-exps back;
               its window has a halo as above
The backward pass moves what the forward pass did, and the cotangents of it in the other direction.
"""

import dataclasses
import functools

import numpy as np

from genojax import errors
from genojax.attention import patterns
from genojax.attention.patterns import block_lists
from genojax.attention.sharded import routes
from genojax.attention.xla import schedule

MAX_RING_TILES = 2**22  # seconds and a few hundred MiB to list
RING_SHARE = 0.25  # share of dense rows above which all keys visit all devices


@dataclasses.dataclass(frozen=True, eq=False)
class ExchangePlan:
    """Tables for one pattern, number of devices n and block size.

    Attributes:
        devices: n.
        own_blocks: N, blocks per device.
        halo: blocks taken from each neighbour.
        gathered: int32 [n, G], the blocks (own numbering) that each owner gives to all; padded with
            0.
        sent: int32 [n, rounds, n, P], the blocks that an owner sends in a round to a user; padded
            with 0.
        round_rows: int32 [n, rounds, N / rounds], which own rows a round computes.
        sparse_lists: block lists of the sparse rows, n * rounds times the pattern's heads, with
            keys numbered [own N | left halo | right halo | gathered n*G | received n*P].
        dense_lists: block lists of the dense rows against the own keys; None if there are none.
        dense_rows: int32 [n, R], each device's dense rows (own numbering), padded with 0.
        dense_index: int32 [W], where the dense rows lie among the n*R gathered ones.
        dense_home: int32 [n, W], the own row that each dense row is, N on devices that do not own
            it.
        key_blocks: int32 [n, rounds, keys], which block of the whole each key block of
            `sparse_lists` is.
    """

    devices: int
    own_blocks: int
    halo: int
    gathered: np.ndarray
    sent: np.ndarray
    round_rows: np.ndarray
    sparse_lists: block_lists.BlockLists
    dense_lists: block_lists.BlockLists | None
    dense_rows: np.ndarray
    dense_index: np.ndarray
    dense_home: np.ndarray
    key_blocks: np.ndarray


@dataclasses.dataclass(frozen=True)
class ShardPattern:
    """A stand-in for a pattern on one device; its block lists hold the tables of all devices.

    Attributes:
        pattern: of the whole.
        devices: that share the sequence.
        block: tokens per block.
        part: 'sparse' or 'dense' rows of an `ExchangePlan`, or 'ring'.
        rounds: to which the sparse rows are assigned.
    """

    pattern: patterns.Pattern
    devices: int
    block: int
    part: str
    rounds: int = 1

    natural_block = None

    @property
    def length(self) -> int:
        return self.block_lists(self.block).num_q_blocks * self.block

    @property
    def key_length(self) -> int:
        return self.block_lists(self.block).num_kv_blocks * self.block

    def block_lists(self, block: int) -> block_lists.BlockLists:
        """Block lists of devices * rounds * heads; 'ring': devices * devices * heads, by step."""
        if self.part == 'ring':
            return ring(self.pattern, self.devices, block)
        tables = plan(self.pattern, self.devices, block, self.rounds)
        return tables.dense_lists if self.part == 'dense' else tables.sparse_lists


def check(pattern: patterns.Pattern, devices: int, block: int) -> None:
    """Refuses patterns that do not make whole blocks on every device.

    Raises:
        UsageError: with a length that does.
        NotImplementedError: queries and keys are not the same tokens.
    """
    if pattern.length != pattern.key_length:
        raise NotImplementedError('a sequence split over devices needs as many keys as queries')
    if pattern.length % (devices * block):
        whole = -(-pattern.length // (devices * block)) * devices * block
        raise errors.UsageError(
            f'{pattern.length} tokens do not make whole blocks of {block} on {devices} devices of '
            f'the sequence axis. Fix: rows of {whole} tokens (pad with segment id 0), a smaller '
            'model.attention.block, or --config.mesh.sequence=1'
        )


def ring_block(pattern: patterns.Pattern, devices: int, block: int) -> int:
    """The block size, doubled until the tiles can be listed while devices hold whole blocks."""
    while pattern.candidate_count(block) > MAX_RING_TILES and not pattern.length % (
        2 * block * devices
    ):
        block *= 2
    return block


def needs_ring(pattern: patterns.Pattern, devices: int, block: int) -> bool:
    """Whether so many rows are dense that all keys must visit all devices anyway."""
    if pattern.candidate_count(block) > block_lists.MAX_TILES:
        return True
    counts = pattern.block_lists(block).counts().max(0)
    return bool((counts > schedule.MAX_SLOTS).mean() > RING_SHARE)


@functools.lru_cache(maxsize=16)
def plan(pattern: patterns.Pattern, devices: int, block: int, rounds: int = 1) -> ExchangePlan:
    """Exchange tables of mostly sparse rows; `rounds` must divide a device's blocks."""
    lists = pattern.block_lists(block)
    is_dense = lists.counts().max(0) > schedule.MAX_SLOTS
    tiles = routes.OwnedTiles.of(lists, devices)
    route = routes.assign(tiles, ~is_dense[tiles.row])
    gathered, gather_slot = routes.by_owner(np.unique(tiles.column[route.gathered]), tiles)
    sends = routes.sends(tiles, route.sent, rounds)
    local = _local_columns(tiles, route, gathered, gather_slot, sends)
    num_keys = tiles.own + 2 * route.halo + devices * (gathered.shape[1] + sends.table.shape[2])

    share = tiles.own // rounds
    row = (sends.taker * lists.heads + tiles.head) * share + sends.place[tiles.row] % share
    sparse = ~is_dense[tiles.row]
    sent = np.swapaxes(sends.table.reshape(devices, devices, rounds, -1), 1, 2)
    dense = np.flatnonzero(is_dense)
    dense_rows, dense_slot = routes.by_owner(dense, tiles)
    owner = dense // tiles.own
    home = np.full((devices, len(dense)), tiles.own)
    home[owner, np.arange(len(dense))] = dense % tiles.own
    return ExchangePlan(
        devices=devices,
        own_blocks=tiles.own,
        halo=route.halo,
        gathered=gathered,
        sent=sent,
        round_rows=sends.rows,
        sparse_lists=routes.relabel(
            lists, sparse, row, local, (devices * rounds * lists.heads, share, num_keys)
        ),
        dense_lists=_dense_lists(lists, tiles, sparse, dense) if len(dense) else None,
        dense_rows=dense_rows,
        dense_index=(owner * dense_rows.shape[1] + dense_slot[dense]).astype(np.int32),
        dense_home=home.astype(np.int32),
        key_blocks=_key_blocks(tiles, route.halo, gathered, sent),
    )


def _local_columns(
    tiles: routes.OwnedTiles, route: routes.Routes, gathered, gather_slot, sends
) -> np.ndarray:
    """The number of each tile's key block among the key blocks collected on its device."""
    own, halo, column = tiles.own, route.halo, tiles.column
    local = np.where(tiles.user == tiles.owner, column % own, 0)
    right = own + halo + column % own
    left = own + column % own - (own - halo)
    local = np.where(route.by_halo, np.where(column > tiles.row, right, left), local)
    base = own + 2 * halo
    slot = base + tiles.owner * gathered.shape[1] + gather_slot[column]
    local = np.where(route.gathered, slot, local)
    base += tiles.devices * gathered.shape[1]
    if len(sends.slot):
        slot = base + tiles.owner * sends.table.shape[2] + sends.slot_of_tile
        local = np.where(route.sent, slot, local)
    return local


def _dense_lists(lists, tiles: routes.OwnedTiles, sparse, dense) -> block_lists.BlockLists:
    """Dense rows against the keys of each device."""
    row = (tiles.owner * lists.heads + tiles.head) * len(dense) + np.searchsorted(dense, tiles.row)
    shape = (tiles.devices * lists.heads, len(dense), tiles.own)
    return routes.relabel(lists, ~sparse, row, tiles.column % tiles.own, shape)


def _key_blocks(tiles: routes.OwnedTiles, halo: int, gathered, sent) -> np.ndarray:
    """Which block of the whole each collected key block is, by device and round."""
    n, own = tiles.devices, tiles.own
    device = np.arange(n)[:, None]
    every_round = [
        device * own + np.arange(own),
        (device - 1) % n * own + np.arange(own - halo, own),
        (device + 1) % n * own + np.arange(halo),
        np.tile((device * own + gathered).reshape(1, -1), (n, 1)),
    ]
    every_round = np.concatenate(every_round, axis=1)[:, None]
    every_round = np.repeat(every_round, sent.shape[1], axis=1)
    # [owner, round, user, P] to [user, round, owner, P]
    received = np.moveaxis(sent + np.arange(n)[:, None, None, None] * own, 2, 0)
    received = np.swapaxes(received, 1, 2).reshape(n, sent.shape[1], -1)
    return np.concatenate([every_round, received], axis=2).astype(np.int32)


@functools.lru_cache(maxsize=8)
def ring(pattern: patterns.Pattern, devices: int, block: int) -> block_lists.BlockLists:
    """Block lists by step s and device d: own queries against the keys of device (d - s) % n."""
    lists = pattern.block_lists(block)
    tiles = routes.OwnedTiles.of(lists, devices)
    step = (tiles.user - tiles.owner) % devices
    row = ((step * devices + tiles.user) * lists.heads + tiles.head) * tiles.own
    row = row + tiles.row % tiles.own
    shape = (devices * devices * lists.heads, tiles.own, tiles.own)
    every = np.ones(len(row), bool)
    return routes.relabel(lists, every, row, tiles.column % tiles.own, shape)
