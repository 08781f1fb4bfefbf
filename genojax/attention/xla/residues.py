"""Tokens regrouped by residue modulo a period, which makes a pattern's stripes dense squares."""

import dataclasses

import jax.numpy as jnp

from genojax.attention.patterns import elementary
from genojax.typing import Array

STEP_SCORES = 2**17  # scores computed at once: 512 KiB in f32 stay in a core's second-level cache
QUERY_CHUNK = 256


@dataclasses.dataclass(frozen=True)
class ResidueGroups:
    """Sizes of stripes regrouped by residue: `groups` squares of `queries` x `keys`.

    Attributes:
        a: 1 for anti-diagonal stripes, (i + j) % period == 0; 0 for columns, j % period == 0, which
            are a single group.
        period: of the stripes, in tokens.
        groups: number of squares.
        queries, keys: tokens per square; `queries` is a multiple of `chunk`.
        chunk: queries per step.
        groups_per_step: squares per step.
        keys_grouped: whether the keys come regrouped: group r holds the keys of residue -r already
            (or the anchor keys only).
    """

    a: int
    period: int
    groups: int
    queries: int
    keys: int
    chunk: int
    groups_per_step: int
    keys_grouped: bool = False

    @property
    def chunks(self) -> int:
        """Steps per square."""
        return self.queries // self.chunk

    @property
    def steps(self) -> int:
        """Steps per batch entry and head."""
        return self.groups // self.groups_per_step * self.chunks


def sizes(stripes: elementary.Residue, shards: int = 1) -> ResidueGroups:
    """The groups of a pattern's stripes on each of `shards` devices that share the sequence."""
    keys = -(-stripes.key_length // stripes.period)
    groups = stripes.period // shards if stripes.a else 1
    queries = -(-stripes.length // shards // groups)
    chunk = min(queries, QUERY_CHUNK)
    fitting = [
        n for n in range(1, groups + 1) if groups % n == 0 and n * chunk * keys <= STEP_SCORES
    ]
    return ResidueGroups(
        a=stripes.a,
        period=stripes.period,
        groups=groups,
        queries=-(-queries // chunk) * chunk,
        keys=keys,
        chunk=chunk,
        groups_per_step=max(fitting, default=1),
        keys_grouped=shards > 1,
    )


def group_queries(x_BLX: Array, groups: ResidueGroups) -> Array:
    """[B, L, ...] to [B, steps, groups_per_step, chunk, ...], by residue; padded with zeros."""
    total = groups.groups * groups.queries
    x = jnp.pad(x_BLX, [(0, 0), (0, total - x_BLX.shape[1])] + [(0, 0)] * (x_BLX.ndim - 2))
    rest = x.shape[2:]
    # token m * groups + r is query m of group r
    x = x.reshape((x.shape[0], groups.chunks, groups.chunk, -1, groups.groups_per_step, *rest))
    x = jnp.moveaxis(x, (3, 1, 4, 2), (1, 2, 3, 4))
    return x.reshape(x.shape[0], -1, groups.groups_per_step, groups.chunk, *rest)


def ungroup_queries(x: Array, groups: ResidueGroups, length: int) -> Array:
    """The inverse of `group_queries`."""
    rest = x.shape[4:]
    x = x.reshape((x.shape[0], -1, groups.chunks, groups.groups_per_step, groups.chunk, *rest))
    x = jnp.moveaxis(x, (1, 2, 3, 4), (3, 1, 4, 2))
    return x.reshape(x.shape[0], -1, *rest)[:, :length]


def group_keys(x_BMX: Array, groups: ResidueGroups) -> Array:
    """[B, M, ...] to [B, groups / groups_per_step, groups_per_step, keys, ...].

    Group r holds the keys of residue -r.
    """
    total, rest = groups.keys * groups.period, x_BMX.shape[2:]
    if groups.keys_grouped:
        x = x_BMX.reshape(x_BMX.shape[0], groups.keys, groups.groups, *rest)
    elif groups.a == 0:
        x = x_BMX[:, :: groups.period][:, :, None]
    else:
        x = jnp.pad(x_BMX, [(0, 0), (0, total - x_BMX.shape[1])] + [(0, 0)] * len(rest))
        x = x.reshape(x.shape[0], groups.keys, groups.period, *rest)
        x = x[:, :, (-jnp.arange(groups.period)) % groups.period]
    x = jnp.swapaxes(x, 1, 2)
    return x.reshape(x.shape[0], -1, groups.groups_per_step, groups.keys, *rest)


def ungroup_keys(x: Array, groups: ResidueGroups, length: int) -> Array:
    """The transpose of `group_keys`: cotangents back to their tokens."""
    rest = x.shape[4:]
    x = jnp.swapaxes(x.reshape(x.shape[0], groups.groups, groups.keys, *rest), 1, 2)
    if groups.keys_grouped:
        return x.reshape(x.shape[0], -1, *rest)
    if groups.a == 0:
        full = jnp.zeros((x.shape[0], length, *rest), x.dtype)
        return full.at[:, :: groups.period].set(x[:, :, 0])
    x = x[:, :, (-jnp.arange(groups.period)) % groups.period]
    return x.reshape(x.shape[0], -1, *rest)[:, :length]


def heads_first(x: Array) -> Array:
    """[B, S, ..., H, K] to [B * H * S, ..., K]."""
    x = jnp.moveaxis(x, -2, 1)
    return x.reshape(-1, *x.shape[3:])


def heads_last(x: Array, B: int, H: int) -> Array:
    """The inverse of `heads_first`."""
    x = x.reshape(B, H, -1, *x.shape[1:])
    return jnp.moveaxis(x, 1, -2)
