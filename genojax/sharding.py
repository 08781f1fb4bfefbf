"""How arrays lie on a device mesh: four mesh axes and one table from logical axis names to them.

Every parameter names its axes with words of the model ('embed', 'heads'); `RULES` says where each word may be split.
Pure `jax.jit` with in and out shardings does the rest (what used to be called pjit). An axis that the mesh does not
divide is replicated, so published vocabularies keep their published size on any mesh.
"""

import dataclasses
import math

import jax
import numpy as np
from flax import linen as nn
from flax.core import meta
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

AXES = ('data', 'fsdp', 'tensor', 'sequence')

# Logical axis -> mesh axis or axes. The only place where the two vocabularies meet.
RULES = {
    'batch': ('data', 'fsdp'),
    'length': 'sequence',
    'chunks': 'sequence',
    'embed': 'fsdp',
    'mlp': 'tensor',
    'heads': 'tensor',
    'vocab': 'tensor',
    'head_width': None,
    'layers': None,
    'positions': None,
    'classes': None,
}


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Devices along each mesh axis; `data=-1` takes all that the other axes leave."""

    data: int = -1
    fsdp: int = 1
    tensor: int = 1
    sequence: int = 1

    def __post_init__(self):
        for axis in AXES:
            size = getattr(self, axis)
            if size < 1 and not (axis == 'data' and size == -1):
                raise ValueError(
                    f'mesh axis {axis}={size} must be at least 1 (data may be -1: all)'
                )


def make_mesh(config: MeshConfig, devices: list | None = None) -> Mesh:
    """A mesh over `devices` (all of this job's by default).

    Raises:
        ValueError: the axes do not multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    shape = [getattr(config, axis) for axis in AXES]
    if shape[0] == -1:
        shape[0] = len(devices) // math.prod(shape[1:])
    if math.prod(shape) != len(devices):
        sizes = ' x '.join(f'{axis} {size}' for axis, size in zip(AXES, shape, strict=True))
        raise ValueError(f'the mesh {sizes} does not use {len(devices)} devices')
    return Mesh(np.array(devices).reshape(shape), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def _spec(
    names: tuple[str | None, ...], shape: tuple[int, ...], mesh: Mesh | AbstractMesh
) -> PartitionSpec:
    used: set[str] = set()
    axes = []
    for name, size in zip(names, shape, strict=True):
        if name is not None and name not in RULES:
            raise ValueError(f'logical axis {name!r} has no entry in sharding.RULES')
        rule = RULES[name] if name is not None else None
        wanted = () if rule is None else (rule,) if isinstance(rule, str) else rule
        free = tuple(axis for axis in wanted if axis not in used)
        if not free or size % math.prod(mesh.shape[axis] for axis in free):
            axes.append(None)
            continue
        used.update(free)
        axes.append(free if len(free) > 1 else free[0])
    return PartitionSpec(*axes)


def of_variables(boxed, mesh: Mesh):
    """NamedShardings of a tree of abstract arrays whose boxes (flax logical partitioning) name their axes.

    Leaves without a box (the step, optimizer counts) are replicated.
    """

    def one(leaf):
        if isinstance(leaf, nn.LogicallyPartitioned):
            return NamedSharding(mesh, _spec(leaf.names, leaf.value.shape, mesh))
        return NamedSharding(mesh, PartitionSpec())

    return jax.tree.map(one, boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata))


def lay(x: jax.Array, *names: str | None) -> jax.Array:
    """`x`, told to the compiler to lie on the current mesh as the names of its axes say; without a mesh, `x`."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return x
    return jax.lax.with_sharding_constraint(x, _spec(names, x.shape, mesh))


def of_batch(mesh: Mesh) -> NamedSharding:
    """The first axis of every array of a batch is rows, split over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(RULES['batch']))


def replicated(mesh: Mesh) -> NamedSharding:
    return NamedSharding(mesh, PartitionSpec())
