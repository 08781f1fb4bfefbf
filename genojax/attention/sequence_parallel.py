"""Attention on a mesh: batch and heads split as they are, the sequence with the exchange its pattern needs.

`attend` comes here by itself when a mesh is set (`jax.set_mesh`) that has one of the axes below with more than one
device. Windows exchange halos, global blocks are gathered, random blocks are sent to who uses them (`exchange.py` has
the tables and the bytes moved), `anchored` regroups tokens by residue with an all-to-all, dense patterns pass keys and
values around a ring.
"""

import contextlib
import contextvars
import dataclasses
import functools
import math
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from genojax.attention import anchored, block_sparse, collected, exchange, patterns, tiles
from genojax.attention import bias as biases
from genojax.typing import Array

BATCH_AXES, HEAD_AXIS, SEQUENCE_AXIS = ('data', 'fsdp'), 'tensor', 'sequence'
ROUNDS = 4  # that a head's rows are dealt to where a device collects much more than it owns
_rows_are_whole = contextvars.ContextVar('rows_are_whole', default=False)


@contextlib.contextmanager
def whole_rows() -> Iterator[None]:
    """Within, the mesh's sequence axis splits rows, as data and fsdp do, and never the tokens of one.

    For rows that are pieces of a longer sequence, such as the chunks of a hierarchical model.
    """
    before = _rows_are_whole.set(True)
    try:
        yield
    finally:
        _rows_are_whole.reset(before)


def mesh_axes() -> dict[str, int]:
    """The axes of the current mesh that attention splits over and that are not taken apart already."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return {}
    names = (*BATCH_AXES, HEAD_AXIS, SEQUENCE_AXIS)
    manual = jax.sharding.AxisType.Manual
    kinds = dict(zip(mesh.axis_names, mesh.axis_types, strict=False))
    return {x: mesh.shape[x] for x in names if mesh.shape.get(x, 1) > 1 and kinds[x] != manual}


def sequence_devices(axes: dict[str, int]) -> int:
    """Devices that the tokens of a row are spread over."""
    return 1 if _rows_are_whole.get() else axes.get(SEQUENCE_AXIS, 1)


@dataclasses.dataclass(frozen=True)
class Split:
    """How one call is split: mesh axes of batch and heads, devices along the sequence."""

    batch: tuple[str, ...]
    head: str | None
    devices: int
    heads: int  # of the whole, for dropout

    def spec(self, *letters: str) -> jax.P:
        """A partition spec from letters B, H, L and '.' for an axis that is whole."""
        sequence = SEQUENCE_AXIS if self.devices > 1 else None
        axes = {'B': self.batch or None, 'H': self.head, 'L': sequence, '.': None}
        return jax.P(*(axes[x] for x in letters))


def split(axes: dict[str, int], B: int, H: int, pattern: patterns.Pattern) -> Split:
    """Axes that divide what they split; an axis that does not divide it holds copies."""
    batch, room = [], B
    for name in (*BATCH_AXES, SEQUENCE_AXIS) if _rows_are_whole.get() else BATCH_AXES:
        if name in axes and room % axes[name] == 0:
            batch.append(name)
            room //= axes[name]
    whole = pattern.heads == 1 and HEAD_AXIS in axes and H % axes[HEAD_AXIS] == 0
    return Split(tuple(batch), HEAD_AXIS if whole else None, sequence_devices(axes), H)


def attend(
    axes, local, q, k, v, pattern, scale, segments, key_segments, bias, dropout
) -> tuple[Array, Array]:
    """`local` is the implementation used where the sequence is whole; output and log-sum-exp.

    Raises:
        NotImplementedError: an array bias with a split sequence.
        ValueError: tokens that do not make whole blocks on every device.
    """
    B, _, H, _ = q.shape
    how = split(axes, B, H, pattern)
    if how.devices > 1:
        exchange.check(pattern, how.devices, _block(pattern))
    if segments is not None and key_segments is None:
        key_segments = segments

    def whole(x):
        return None if x is None else jnp.broadcast_to(x, (B, *x.shape[1:]))

    tokens, specs = {}, {}
    for name, x in (('segments', segments), ('key_segments', key_segments)):
        tokens[name], specs[name] = whole(x), how.spec('B', 'L')
    if isinstance(bias, biases.Linear):
        tokens['bias'] = biases.Linear(
            bias.slopes_H, whole(bias.q_coord_BL), whole(bias.k_coord_BM)
        )
        specs['bias'] = biases.Linear(how.spec('H'), how.spec('B', 'L'), how.spec('B', 'L'))
    elif bias is not None:
        if how.devices > 1:
            raise NotImplementedError('an array bias and a split sequence; give a Linear bias')
        tokens['bias'] = bias
        specs['bias'] = how.spec(
            'B' if bias.shape[0] > 1 else '.', 'H' if bias.shape[1] > 1 else '.', '.', '.'
        )
    if dropout is not None:
        tokens['dropout'], specs['dropout'] = dropout, biases.Dropout(dropout.rate, jax.P())
    specs = {name: specs[name] for name in tokens if tokens[name] is not None}
    tokens = {name: x for name, x in tokens.items() if x is not None}

    def body(q, k, v, tokens):
        with jax.named_scope('attention'):
            run = _run(how, local, pattern)
            return run(
                q, k, v, pattern, scale, *(tokens.get(x) for x in _NAMES), _first_rows(how, q)
            )

    _NAMES = ('segments', 'key_segments', 'bias', 'dropout')
    x = how.spec('B', 'L', 'H', '.')
    mapped = jax.shard_map(
        body, in_specs=(x, x, x, specs), out_specs=(x, how.spec('B', 'L', 'H')), check_vma=False
    )
    return mapped(q, k, v, tokens)


def _run(how: Split, local, pattern):
    if how.devices == 1:
        return local
    if anchored.match(pattern) is not None:
        return functools.partial(_anchored, how.devices)
    block = _block(pattern)
    if exchange.wants_ring(pattern, how.devices, block):
        return functools.partial(
            _ring, how.devices, exchange.ring_block(pattern, how.devices, block)
        )
    return functools.partial(_blocks, how.devices, block)


def _block(pattern) -> int:
    return pattern.natural_block or block_sparse.DEFAULT_BLOCK


def _first_rows(how: Split, q: Array) -> Array:
    """batch * heads + head of the whole, for each batch and head here: dropout is a function of it."""
    B, H = q.shape[0], q.shape[2]
    batch = jnp.arange(B) + (jax.lax.axis_index(how.batch) * B if how.batch else 0)
    head = jnp.arange(H) + (jax.lax.axis_index(how.head) * H if how.head else 0)
    return (batch[:, None] * how.heads + head[None, :]).reshape(-1)


def _extras(shard, static, tokens, dropout, place) -> tiles.Extras:
    """Extras of a shard: segments and coordinates already lie as its queries and keys do."""
    q_segment, k_segment, slopes, q_coord, k_coord = tokens

    def rows(x):
        return None if x is None else x.reshape(-1, static.block)

    return tiles.Extras(
        rows(q_segment),
        rows(k_segment),
        slopes,
        rows(q_coord),
        rows(k_coord),
        None,
        _words(static, dropout),
        place,
    )


def _words(static, dropout):
    return dropout.words() if static.dropout_rate else None


def _places(place: tiles.Place):
    return place.rows, place.q_blocks, place.k_blocks


def _tokens(q, segments, key_segments, bias):
    if segments is None and key_segments is not None:
        segments, key_segments = (
            jnp.ones(q.shape[:2], jnp.int32),
            (key_segments > 0).astype(jnp.int32),
        )
    if bias is None:
        return segments, key_segments, None, None, None
    q_coord, k_coord = (x.astype(jnp.float32) for x in (bias.q_coord_BL, bias.k_coord_BM))
    return segments, key_segments, bias.slopes_H.astype(jnp.float32), q_coord, k_coord


def _static(shard, q, scale, dropout, shards, part=True) -> tiles.Static:
    rate = dropout.rate if dropout is not None else 0.0
    chunk = block_sparse.default_chunk()
    return tiles.Static(
        shard, shard.block, chunk, scale, q.shape[0], q.shape[2], rate, shards, part
    )


def _blocks(
    devices, block, q, k, v, pattern, scale, segments, key_segments, bias, dropout, rows, part=False
):
    """Mostly narrow rows: keys are collected here; wide rows are computed everywhere and merged.

    Args:
        part: the pattern is a part of a larger one: the output stays float32.
    """
    plan, me = exchange.plan(pattern, devices, block), jax.lax.axis_index(SEQUENCE_AXIS)
    q_segment, k_segment, slopes, q_coord, k_coord = _tokens(q, segments, key_segments, bias)
    q_blocks = me * plan.own + jnp.arange(plan.own)
    near = (q_segment, k_segment, slopes, q_coord, k_coord)
    if plan.far is None:
        return _near(plan, pattern, block, q, k, v, scale, near, dropout, rows, part)

    def wide(x):
        return None if x is None else _gather_rows(plan, x, block)

    shard = exchange.Shard(pattern, devices, block, 'far')
    static = _static(shard, q, scale, dropout, devices)
    numbers = np.repeat(
        np.arange(devices), plan.wide_rows.shape[1]
    ) * plan.own + plan.wide_rows.reshape(-1)
    place = tiles.Place(me, rows, jnp.asarray(numbers[plan.wide_taken]), q_blocks)
    far = (wide(q_segment), k_segment, slopes, wide(q_coord), k_coord)
    if _one_by_one(plan, pattern, q):
        which = collected.Which(static, SEQUENCE_AXIS)
        far_tokens = collected.Tokens(*far, _words(static, dropout), *_places(place))
        *found, k, v = collected.by_head(which, wide(q), k, v, far_tokens)
    else:
        extras = _extras(shard, static, far, dropout, place)
        found = block_sparse.sparse(static, wide(q), k, v, extras)
    o, lse = _near(plan, pattern, block, q, k, v, scale, near, dropout, rows, part)
    o_wide, lse_wide = _merge_all(*found)
    home = jnp.asarray(plan.wide_home)[me]

    # Rows that lie on another device are beyond the end and dropped. The narrow part left zeros in the wide rows, and
    # to add is cheaper to differentiate than to set, which would need to remember where it wrote.
    blocked = lambda x: x.reshape(x.shape[0], -1, block, *x.shape[2:])  # noqa: E731
    o_wide, lse_wide = blocked(o_wide).astype(o.dtype), blocked(lse_wide)
    o = blocked(o).at[:, home].add(o_wide, mode='drop').reshape(o.shape)
    lse = blocked(lse).at[:, home].set(lse_wide, mode='drop').reshape(lse.shape)
    return o, lse


def _one_by_one(plan: exchange.Exchange, pattern, q: Array) -> bool:
    """Whether heads go one by one: where a device collects much more than it owns."""
    return plan.near.wide > 1.5 * plan.own and pattern.heads == 1 and q.shape[2] > 1


def _near(plan, pattern, block, q, k, v, scale, tokens, dropout, rows, part) -> tuple[Array, Array]:
    """The narrow rows, against keys collected from where they lie."""
    me = jax.lax.axis_index(SEQUENCE_AXIS)
    q_blocks = me * plan.own + jnp.arange(plan.own)
    if _one_by_one(plan, pattern, q):
        rounds = math.gcd(plan.own, ROUNDS)
        shard = exchange.Shard(pattern, plan.devices, block, 'near', rounds)
        static = _static(shard, q, scale, dropout, plan.devices * rounds, part)
        near = collected.Tokens(*tokens, _words(static, dropout), rows, q_blocks, None)
        o, lse, _, _ = collected.by_head(collected.Which(static, SEQUENCE_AXIS), q, k, v, near)
        return o, lse
    q_segment, k_segment, slopes, q_coord, k_coord = tokens
    k_segment, k_coord, keys, values = (
        None if x is None else collected.collect(plan, SEQUENCE_AXIS, x, block)
        for x in (k_segment, k_coord, k, v)
    )
    shard = exchange.Shard(pattern, plan.devices, block, 'near')
    static = _static(shard, q, scale, dropout, plan.devices, part)
    place = tiles.Place(me, rows, q_blocks, jnp.asarray(plan.key_blocks)[me, 0])
    near = (q_segment, k_segment, slopes, q_coord, k_coord)
    return block_sparse.sparse(
        static, q, keys, values, _extras(shard, static, near, dropout, place)
    )


def _gather_rows(plan: exchange.Exchange, x: Array, block: int) -> Array:
    """The wide rows of all devices, [B, W * block, ...]."""
    mine = collected.take_blocks(
        x, jnp.asarray(plan.wide_rows)[jax.lax.axis_index(SEQUENCE_AXIS)], block
    )
    every = jax.lax.all_gather(mine, SEQUENCE_AXIS, axis=1)
    every = every.reshape(x.shape[0], -1, block, *x.shape[2:])[:, jnp.asarray(plan.wide_taken)]
    return every.reshape(x.shape[0], -1, *x.shape[2:])


def _merge_all(o: Array, lse: Array) -> tuple[Array, Array]:
    """Partial results of the same rows on all devices made one."""
    every = jax.lax.all_gather(lse, SEQUENCE_AXIS)
    top = jnp.maximum(jax.lax.stop_gradient(every).max(0), tiles.LOWEST)
    total = jnp.exp(every - top[None]).sum(0)
    some = total > 0
    safe = jnp.where(some, total, 1.0)
    weight = jnp.exp(lse - top) / safe
    o = jax.lax.psum(o * weight[..., None], SEQUENCE_AXIS)
    return o, jnp.where(some, top + jnp.log(safe), -jnp.inf)


def _ring(devices, block, q, k, v, pattern, scale, segments, key_segments, bias, dropout, rows):
    """Keys and values pass by every device; each step's part is merged by its log-sum-exp."""
    me = jax.lax.axis_index(SEQUENCE_AXIS)
    q_segment, k_segment, slopes, q_coord, k_coord = _tokens(q, segments, key_segments, bias)
    shard = exchange.Shard(pattern, devices, block, 'ring')
    static = _static(shard, q, scale, dropout, devices * devices)
    own = q.shape[1] // block
    onward = [(d, (d + 1) % devices) for d in range(devices)]

    @jax.checkpoint
    def part(q, moving, slopes, step):
        k, v, k_segment, k_coord = moving
        key_blocks = (me - step) % devices * own + jnp.arange(own)
        place = tiles.Place(step * devices + me, rows, me * own + jnp.arange(own), key_blocks)
        extras = _extras(
            shard, static, (q_segment, k_segment, slopes, q_coord, k_coord), dropout, place
        )
        return block_sparse.sparse(static, q, k, v, extras)

    def turn(carry, step):
        moving, so_far = carry
        moving = jax.tree.map(lambda x: jax.lax.ppermute(x, SEQUENCE_AXIS, onward), moving)
        return (moving, anchored.merge(so_far, part(q, moving, slopes, step))), None

    moving = (k, v, k_segment, k_coord)
    first = part(q, moving, slopes, jnp.int32(0))
    (_, (o, lse)), _ = jax.lax.scan(turn, (moving, first), jnp.arange(1, devices))
    return o.astype(q.dtype), lse


def _anchored(devices, q, k, v, pattern, scale, segments, key_segments, bias, dropout, rows):
    """The window by halo; the stripes by an all-to-all that gives each device whole residue classes."""
    window, stripes = anchored.match(pattern)
    block, period = block_sparse.DEFAULT_BLOCK, stripes.period
    if q.shape[1] % period or (stripes.a and period % devices):
        raise ValueError(
            f'anchored over {devices} devices needs {devices * period} to divide {pattern.length} tokens'
            f' and {devices} to divide the period {period}'
        )
    near = _blocks(
        devices, block, q, k, v, window, scale, segments, key_segments, bias, dropout, rows, True
    )
    me = jax.lax.axis_index(SEQUENCE_AXIS)
    static = _static(exchange.Shard(window, devices, block, 'near'), q, scale, dropout, devices)
    q_segment, k_segment, slopes, q_coord, k_coord = _tokens(q, segments, key_segments, bias)
    words = _words(static, dropout)
    if stripes.a:
        flip = np.arange(period) * -1 % period
        to = functools.partial(_by_residue, devices, period, None)
        to_flipped = functools.partial(_by_residue, devices, period, flip)
        origin = me * (period // devices)
    else:

        def to(x):
            return x

        def to_flipped(x):
            return _anchors(x, period)

        origin = me * q.shape[1]

    def turn(x, f):
        return None if x is None else f(x)

    tokens = (
        turn(q_segment, to),
        turn(k_segment, to_flipped),
        turn(q_coord, to),
        turn(k_coord, to_flipped),
    )
    tokens = (*tokens, slopes, words, origin, rows)
    o, lse = anchored.stripes_only((static, pattern), to(q), to_flipped(k), to_flipped(v), tokens)
    if stripes.a:
        o, lse = (_by_token(devices, period, x) for x in (o, lse))
    o, lse = anchored.merge(near, (o, lse))
    return o.astype(q.dtype), lse


def _by_residue(n: int, period: int, order: np.ndarray | None, x: Array) -> Array:
    """[B, L/n, ...] of consecutive tokens to [B, L/n, ...] of whole residue classes, token m * (period/n) + residue."""
    B, L, *rest = x.shape
    x = x.reshape(B, L // period, period, *rest)
    if order is not None:
        x = x[:, :, order]
    x = x.reshape(B, L // period, n, period // n, *rest)
    x = jax.lax.all_to_all(
        jnp.moveaxis(x, 2, 1), SEQUENCE_AXIS, 1, 1
    )  # [B, n from, L/n/period, period/n, ...]
    return x.reshape(B, L, *rest)


def _by_token(n: int, period: int, x: Array) -> Array:
    """The inverse of `_by_residue` without an order."""
    B, L, *rest = x.shape
    x = x.reshape(B, n, L // period, period // n, *rest)
    x = jnp.moveaxis(jax.lax.all_to_all(x, SEQUENCE_AXIS, 1, 1), 1, 2)
    return x.reshape(B, L, *rest)


def _anchors(x: Array, period: int) -> Array:
    """The anchor keys of all devices, [B, anchors, ...]."""
    every = jax.lax.all_gather(x[:, ::period], SEQUENCE_AXIS, axis=1)
    return every.reshape(x.shape[0], -1, *x.shape[2:])
