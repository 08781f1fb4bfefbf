"""Which key blocks travel between devices when the sequence is spread over them: tables only, numpy only.

Each of n devices holds L / n consecutive tokens, N blocks. A row of few key blocks is computed where its queries lie;
its keys come by three ways, by how many devices want them: blocks within `halo` of the edge from the two neighbours,
blocks that half of the devices want (BigBird's global blocks) gathered by all, others (its random blocks) sent from
owner to user alone. A row of many key blocks (a global row) is computed everywhere against the keys that lie there.

The rows of a device may be dealt to several rounds, each of which collects what its own rows want: what is collected at
once is less, and the edges and the gathered blocks come again in every round.

Bytes that each device receives in a round, for arrays of `size` bytes per block (K and V of one batch and head, say):
    halo      2 * halo * size                    collective-permute
    gathered  (n - 1) * gathered * size          all-gather
    sent      (n - 1) * sent * size              all-to-all
    wide rows (n - 1) * rows * size / 2          all-gather of their queries, and of one number a row

The partial outputs of wide rows are added up over all devices (a reduction, not counted here). Two kinds of pattern go
another way, again for arrays of `size` bytes per block, keys and values together:
    ring      (n - 1) * own * size               collective-permute, one step of n - 1 in the program's loop
    anchored  (n - 1) / n * own * (2 * size + one number a token)   all-to-all by residue: queries, keys and values there,
              outputs and log-sum-exps back; its window has a halo as above
The backward pass moves what the forward pass did and the cotangents of it the other way.
"""

import dataclasses
import functools

import numpy as np

from genojax.attention import blocks, patterns, schedule

MOST_RING_TILES = 2**22  # seconds and some hundred MiB to list


@dataclasses.dataclass(frozen=True, eq=False)
class Exchange:
    """Tables for one pattern, number of devices and block.

    Attributes:
        halo: blocks taken from each neighbour.
        gathered: int32 [n, G], the blocks (own numbering) that each owner gives to all; padded with 0.
        sent: int32 [n, rounds, n, P], the blocks that owner sends in a round to user; padded with 0.
        rows: int32 [n, rounds, N / rounds], which own rows a round computes.
        near: block lists of the narrow rows, n * rounds times the pattern's heads, keys numbered
            [own N | left halo | right halo | gathered n*G | received n*P].
        far: block lists of the wide rows against the own keys; None if there are none.
        wide_rows: int32 [n, R], each device's wide rows (own numbering), padded with 0.
        wide_taken: int32 [W], where the wide rows lie among the n*R gathered ones.
        wide_home: int32 [n, W], the own row that each wide row is, N on devices that do not own it.
        key_blocks: int32 [n, rounds, keys], which block of the whole each near key block is.
    """

    devices: int
    own: int
    halo: int
    gathered: np.ndarray
    sent: np.ndarray
    rows: np.ndarray
    near: blocks.Blocks
    far: blocks.Blocks | None
    wide_rows: np.ndarray
    wide_taken: np.ndarray
    wide_home: np.ndarray
    key_blocks: np.ndarray


@dataclasses.dataclass(frozen=True)
class Shard:
    """A stand-in for a pattern on one device; its block lists hold the tables of all devices, one after the other."""

    pattern: patterns.Pattern
    devices: int
    block: int
    part: str  # near, far or ring
    rounds: int = 1  # that the near rows are dealt to

    natural_block = None

    @property
    def length(self) -> int:
        return self.blocks(self.block).tall * self.block

    @property
    def key_length(self) -> int:
        return self.blocks(self.block).wide * self.block

    def blocks(self, block: int) -> blocks.Blocks:
        """The block lists, [devices * rounds * pattern heads] (`ring`: [devices * devices * heads], by step)."""
        if self.part == 'ring':
            return ring(self.pattern, self.devices, block)
        return getattr(plan(self.pattern, self.devices, block, self.rounds), self.part)


def check(pattern: patterns.Pattern, devices: int, block: int) -> None:
    """Whole blocks on every device, or an error that says what would do."""
    if pattern.length != pattern.key_length:
        raise NotImplementedError('a sequence spread over devices needs as many keys as queries')
    if pattern.length % (devices * block):
        whole = -(-pattern.length // (devices * block)) * devices * block
        raise ValueError(
            f'{pattern.length} tokens do not make whole blocks of {block} on {devices} devices; '
            f'pad to {whole} tokens with segment id 0'
        )


def ring_block(pattern: patterns.Pattern, devices: int, block: int) -> int:
    """The block doubled until the tiles of a dense pattern can be listed, as far as devices hold whole blocks."""
    while pattern.candidate_count(block) > MOST_RING_TILES and not pattern.length % (
        2 * block * devices
    ):
        block *= 2
    return block


def wants_ring(pattern: patterns.Pattern, devices: int, block: int) -> bool:
    """Whether most rows see many blocks, so that all keys must pass by every device anyway."""
    if pattern.candidate_count(block) > blocks.MOST_TILES:
        return True
    counts = pattern.blocks(block).counts().max(0)
    return bool((counts > schedule.MOST_SLOTS).mean() > 0.25)


@functools.lru_cache(maxsize=16)
def plan(pattern: patterns.Pattern, devices: int, block: int, rounds: int = 1) -> Exchange:
    """The exchange tables of a pattern of mostly narrow rows; `rounds` must divide the blocks of a device."""
    lists = pattern.blocks(block)
    n, own, heads = devices, lists.tall // devices, lists.heads
    head, row = np.divmod(lists.row_of().astype(np.int64), lists.tall)
    column = lists.column.astype(np.int64)
    is_wide = lists.counts().max(0) > schedule.MOST_SLOTS
    narrow = ~is_wide[row]
    user, owner = row // own, column // own
    away = narrow & (user != owner)

    halo = _halo(row[away], column[away], own, lists.tall)
    by_halo = away & (np.abs(user - owner) == 1)
    by_halo &= np.where(column > row, column % own < halo, own - column % own <= halo)
    rest = away & ~by_halo
    wanted = np.unique(column[rest] * n + user[rest])
    popular = np.bincount(wanted // n, minlength=lists.tall) * 2 >= n
    by_all = rest & popular[column]
    by_owner = rest & ~popular[column]

    gathered, slot_of = _table(np.unique(column[by_all]), own, n)
    rows, place = _deal(row[by_owner], owner[by_owner], n, own, rounds)
    taker = user * rounds + place[row] // (
        own // rounds
    )  # the device's round that the row is computed in
    pairs = np.unique((taker * lists.tall + column)[by_owner])
    sent, place_of = _sent(pairs // lists.tall, pairs % lists.tall, own, (n, n * rounds))

    local = np.where(user == owner, column % own, 0)
    right = own + halo + column % own
    left = own + column % own - (own - halo)
    local = np.where(by_halo, np.where(column > row, right, left), local)
    base = own + 2 * halo
    local = np.where(by_all, base + owner * gathered.shape[1] + slot_of[column], local)
    base += n * gathered.shape[1]
    if len(pairs):
        at = place_of[np.searchsorted(pairs, taker * lists.tall + column).clip(0, len(pairs) - 1)]
        local = np.where(by_owner, base + owner * sent.shape[2] + at, local)
    keys = base + n * sent.shape[2]

    share = own // rounds
    where = (taker * heads + head) * share + place[row] % share
    near = _lists(lists, narrow, where, local, n * rounds * heads, share, keys)
    wide = np.flatnonzero(is_wide)
    wide_rows, wide_slot = _table(wide, own, n)
    far, home = None, np.full((n, len(wide)), own)
    if len(wide):
        index = np.searchsorted(wide, row)
        where = (owner * heads + head) * len(wide) + index
        far = _lists(lists, ~narrow, where, column % own, n * heads, len(wide), own)
        home[wide // own, np.arange(len(wide))] = wide % own
    taken = (wide // own) * wide_rows.shape[1] + wide_slot[wide]
    sent = np.swapaxes(sent.reshape(n, n, rounds, -1), 1, 2)
    return Exchange(
        n,
        own,
        halo,
        gathered,
        sent,
        rows,
        near,
        far,
        wide_rows,
        taken.astype(np.int32),
        home.astype(np.int32),
        _origin(n, own, halo, gathered, sent),
    )


def _halo(row: np.ndarray, column: np.ndarray, own: int, tall: int) -> int:
    """The reach of the offsets that at least half of the rows next to a border have."""
    offset = column - row
    offset = offset[np.abs(offset) <= own]
    if not len(offset):
        return 0
    value, count = np.unique(offset, return_counts=True)
    usual = value[count * 2 >= np.minimum(np.abs(value), own) * max(tall // own - 1, 1)]
    return int(np.abs(usual).max(initial=0))


def _table(block: np.ndarray, own: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Blocks listed by owner, [n, most], and the slot of each block of the whole."""
    owner = block // own
    most = int(np.bincount(owner, minlength=n).max(initial=0)) if len(block) else 0
    table, slot_of = np.zeros((n, most), np.int32), np.zeros(n * own, np.int64)
    for device in range(n):
        mine = block[owner == device]
        table[device, : len(mine)] = mine % own
        slot_of[mine] = np.arange(len(mine))
    return table, slot_of


def _deal(
    row: np.ndarray, owner: np.ndarray, n: int, own: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each device's rows dealt to rounds so that no owner sends much more in one of them than in another.

    Args:
        row, owner: for each block that is sent, the row that wants it and the device that has it.

    Returns:
        The rows of each round, own numbering, [n, rounds, own / rounds]; each row's place among its device's rows in
        this order, [n * own].
    """
    wants = np.zeros((n * own, n), np.int64)
    np.add.at(wants, (row, owner), 1)
    rows = np.zeros((n, rounds, own // rounds), np.int32)
    for device in range(n):
        mine, sent = wants[device * own : (device + 1) * own], np.zeros((rounds, n), np.int64)
        members: list[list[int]] = [[] for _ in range(rounds)]
        for r in np.argsort(-mine.sum(1), kind='stable').tolist():
            full = np.array([len(member) >= own // rounds for member in members])
            after = sent + mine[r]
            # There must be room for the most that any owner sends, so high powers.
            price = (after**4).sum(1) + np.where(full, np.inf, 0)
            best = int(np.argmin(price))
            members[best].append(r)
            sent[best] += mine[r]
        rows[device] = np.sort(members, axis=1)
    place = np.zeros(n * own, np.int64)
    flat = rows.reshape(n, own) + np.arange(n)[:, None] * own
    place[flat.reshape(-1)] = np.tile(np.arange(own), n)
    return rows, place


def _sent(
    taker: np.ndarray, column: np.ndarray, own: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Blocks by owner and taker, [*shape, most], and each pair's slot there."""
    count = shape[0] * shape[1]
    pair = (column // own) * shape[1] + taker
    order = np.argsort(pair, kind='stable')
    counts = np.bincount(pair, minlength=count)
    slot = np.empty(len(pair), np.int64)
    slot[order] = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.zeros((count, int(counts.max(initial=0))), np.int32)
    table[pair, slot] = column % own
    return table.reshape(*shape, -1), slot


def _lists(lists: blocks.Blocks, keep, where, local, heads, tall, wide) -> blocks.Blocks:
    where, local, kind = where[keep], local[keep], lists.kind[keep]
    order = np.lexsort((local, where))
    start = np.concatenate([[0], np.cumsum(np.bincount(where, minlength=heads * tall))])
    return blocks.Blocks(
        lists.block,
        tall,
        wide,
        heads,
        start,
        local[order].astype(np.int32),
        kind[order],
        lists.tiles,
    )


def _origin(n: int, own: int, halo: int, gathered: np.ndarray, sent: np.ndarray) -> np.ndarray:
    """Which block of the whole each near key block is, by device and round."""
    device = np.arange(n)[:, None]
    same = [
        device * own + np.arange(own),
        (device - 1) % n * own + np.arange(own - halo, own),
        (device + 1) % n * own + np.arange(halo),
        np.tile((device * own + gathered).reshape(1, -1), (n, 1)),
    ]
    same = np.repeat(np.concatenate(same, axis=1)[:, None], sent.shape[1], axis=1)
    received = np.moveaxis(
        sent + np.arange(n)[:, None, None, None] * own, 2, 0
    )  # [user, owner, round, P]
    received = np.swapaxes(received, 1, 2).reshape(n, sent.shape[1], -1)
    return np.concatenate([same, received], axis=2).astype(np.int32)


@functools.lru_cache(maxsize=8)
def ring(pattern: patterns.Pattern, devices: int, block: int) -> blocks.Blocks:
    """Block lists by step s and device d: own queries against the keys of device (d - s) % n."""
    lists = pattern.blocks(block)
    n, own, heads = devices, lists.tall // devices, lists.heads
    head, row = np.divmod(lists.row_of().astype(np.int64), lists.tall)
    column = lists.column.astype(np.int64)
    user, owner = row // own, column // own
    where = (((user - owner) % n * n + user) * heads + head) * own + row % own
    return _lists(lists, np.ones(len(row), bool), where, column % own, n * n * heads, own, own)
