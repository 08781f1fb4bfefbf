"""Which axes of the current mesh attention splits over, and how one call is split."""

import contextlib
import contextvars
import dataclasses
from collections.abc import Iterator

import jax

from genojax.attention import patterns

BATCH_AXES, HEAD_AXIS, SEQUENCE_AXIS = ('data', 'fsdp'), 'tensor', 'sequence'
_rows_are_whole = contextvars.ContextVar('rows_are_whole', default=False)


@contextlib.contextmanager
def whole_rows() -> Iterator[None]:
    """Within, the mesh's sequence axis splits rows, as data and fsdp do, never the tokens of one.

    For rows that are pieces of a longer sequence, such as the chunks of a hierarchical model.
    """
    previous = _rows_are_whole.set(True)
    try:
        yield
    finally:
        _rows_are_whole.reset(previous)


def axes() -> dict[str, int]:
    """Sizes of the current mesh's axes that attention splits over; manual axes are left out."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return {}
    names = (*BATCH_AXES, HEAD_AXIS, SEQUENCE_AXIS)
    manual = jax.sharding.AxisType.Manual
    types = dict(zip(mesh.axis_names, mesh.axis_types, strict=False))
    return {x: mesh.shape[x] for x in names if mesh.shape.get(x, 1) > 1 and types[x] != manual}


def sequence_devices(sizes: dict[str, int]) -> int:
    """Devices over which the tokens of a row are split, from the sizes of `axes`."""
    return 1 if _rows_are_whole.get() else sizes.get(SEQUENCE_AXIS, 1)


@dataclasses.dataclass(frozen=True)
class AttentionSplit:
    """How one call is split.

    Attributes:
        batch: mesh axes of the batch.
        head: mesh axis of the heads, or None.
        devices: devices along the sequence.
        heads: number of heads of the whole array, for dropout.
    """

    batch: tuple[str, ...]
    head: str | None
    devices: int
    heads: int

    def spec(self, *letters: str) -> jax.P:
        """A partition spec from the letters B, H, L, and '.' for an axis that is not split."""
        sequence = SEQUENCE_AXIS if self.devices > 1 else None
        axis = {'B': self.batch or None, 'H': self.head, 'L': sequence, '.': None}
        return jax.P(*(axis[x] for x in letters))


def split(sizes: dict[str, int], B: int, H: int, pattern: patterns.Pattern) -> AttentionSplit:
    """The axes that divide what they split; along an axis that does not, devices hold copies."""
    batch, remaining = [], B
    for name in (*BATCH_AXES, SEQUENCE_AXIS) if _rows_are_whole.get() else BATCH_AXES:
        if name in sizes and remaining % sizes[name] == 0:
            batch.append(name)
            remaining //= sizes[name]
    split_heads = pattern.heads == 1 and HEAD_AXIS in sizes and H % sizes[HEAD_AXIS] == 0
    return AttentionSplit(
        tuple(batch), HEAD_AXIS if split_heads else None, sequence_devices(sizes), H
    )
