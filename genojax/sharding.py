"""Shardings on a device mesh: four mesh axes, and one table from logical axis names to them.

Every parameter names its axes in terms of the model ('embed', 'heads'); `RULES` maps each name to
the mesh axes that may shard it. `jax.jit` with input and output shardings (formerly pjit) does the
rest. An axis whose size is not divisible by its mesh axes is replicated, so published vocabularies
keep their published size on any mesh.
"""

import dataclasses
import math
from typing import Any

import jax
import numpy as np
from flax import linen as nn
from flax.core import meta
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec

from genojax import typing

AnyMesh = Mesh | AbstractMesh  # shapes need no devices
AXES = ('data', 'fsdp', 'tensor', 'sequence')

# Logical axis -> mesh axis or axes. The only place that maps one to the other.
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
    'rank': None,
}


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Number of devices along each mesh axis; `data=-1` uses all devices the other axes leave.

    Raises:
        ValueError: a size is below 1.
    """

    data: int = -1  # devices that divide the rows of a batch; -1: all that the others leave
    fsdp: int = 1  # devices that divide rows and parameters
    tensor: int = 1  # devices that divide heads and feed-forward layers
    sequence: int = 1  # devices that divide the tokens of a row

    def __post_init__(self):
        for axis in AXES:
            size = getattr(self, axis)
            if size < 1 and not (axis == 'data' and size == -1):
                raise ValueError(
                    f'mesh axis {axis}={size} must be at least 1 (data may be -1: all devices)'
                )


def make_mesh(config: MeshConfig, devices: list | None = None) -> Mesh:
    """A mesh over `devices` (by default all devices of the job).

    Raises:
        ValueError: the product of the axis sizes is not the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    shape = [getattr(config, axis) for axis in AXES]
    if shape[0] == -1:
        shape[0] = len(devices) // math.prod(shape[1:])
    if math.prod(shape) != len(devices):
        sizes = ' x '.join(f'{axis} {size}' for axis, size in zip(AXES, shape, strict=True))
        fix = '--config.mesh.data=-1'
        if len(devices) % math.prod(shape[1:]):
            others = zip(AXES[1:], shape[1:], strict=True)
            fix += ''.join(f' --config.mesh.{axis}=1' for axis, size in others if size > 1)
        raise ValueError(f'the mesh {sizes} does not use {len(devices)} devices. Fix: {fix}')
    return Mesh(np.array(devices).reshape(shape), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def _spec(names: tuple[str | None, ...], shape: tuple[int, ...], mesh: AnyMesh) -> PartitionSpec:
    """The partition of an array by the logical names of its axes; each mesh axis is used once."""
    used: set[str] = set()
    axes = []
    for name, size in zip(names, shape, strict=True):
        if name is not None and name not in RULES:
            raise ValueError(f'logical axis {name!r} has no entry in sharding.RULES')
        rule = RULES[name] if name is not None else None
        mesh_axes = () if rule is None else (rule,) if isinstance(rule, str) else rule
        free = tuple(axis for axis in mesh_axes if axis not in used)
        if not free or size % math.prod(mesh.shape[axis] for axis in free):
            axes.append(None)
            continue
        used.update(free)
        axes.append(free if len(free) > 1 else free[0])
    return PartitionSpec(*axes)


def variable_shardings(boxed, mesh: AnyMesh):
    """NamedShardings of a tree of abstract arrays boxed by flax's logical partitioning.

    Leaves without a box (the step, optimizer counts) are replicated.

    Raises:
        ValueError: a logical axis name has no entry in `RULES`.
    """

    def leaf_sharding(leaf):
        if isinstance(leaf, nn.LogicallyPartitioned):
            return NamedSharding(mesh, _spec(leaf.names, leaf.value.shape, mesh))
        return NamedSharding(mesh, PartitionSpec())

    return jax.tree.map(
        leaf_sharding, boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)
    )


def without_axes(boxed) -> list[str]:
    """Paths of the arrays in a tree that no box names the axes of; scalars have none."""
    leaves = jax.tree_util.tree_leaves_with_path(
        boxed, is_leaf=lambda leaf: isinstance(leaf, meta.AxisMetadata)
    )
    return [
        jax.tree_util.keystr(path, simple=True, separator='/')
        for path, leaf in leaves
        if not isinstance(leaf, nn.LogicallyPartitioned) and leaf.ndim
    ]


def with_logical_constraint(x: jax.Array, *names: str | None) -> jax.Array:
    """`x` with a sharding constraint, by one logical axis name per axis; None: not sharded.

    Without a current mesh, `x` unchanged.

    Raises:
        ValueError: a name has no entry in `RULES`.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return x
    return jax.lax.with_sharding_constraint(x, _spec(names, x.shape, mesh))


def constrain_rows(x_BTD: jax.Array) -> jax.Array:
    """Activations with rows over data and fsdp, tokens over sequence, and all features together.

    Without this the compiler may leave the features on the axis that shards a weight: it then adds
    up partial products over fsdp, for the rows of all its devices, where it should gather the
    weight. Tokens that the sequence axis does not divide stay where the compiler puts them.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return x_BTD
    rows, tokens, _ = _spec(('batch', 'length', None), x_BTD.shape, mesh)
    if tokens is None and mesh.shape[RULES['length']] > 1:
        tokens = PartitionSpec.UNCONSTRAINED
    return jax.lax.with_sharding_constraint(x_BTD, PartitionSpec(rows, tokens, None))


def batch_sharding(mesh: AnyMesh) -> NamedSharding:
    """Sharding of every array of a batch: the first axis (rows) is sharded over data and fsdp."""
    return NamedSharding(mesh, PartitionSpec(RULES['batch']))


def shard_batch(batch: typing.Batch, mesh: Mesh) -> typing.Batch:
    """This host's rows of a batch as arrays of the global batch, sharded over the mesh.

    Args:
        batch: numpy arrays whose first axis holds the rows of this host; every host passes equally
            many rows, and their total is divisible by data x fsdp.
    """
    placement = batch_sharding(mesh)
    # On purpose, also in the training loop: of several processes jax counts it as not explicit.
    with jax.transfer_guard_host_to_device('allow'):
        return {
            name: jax.make_array_from_process_local_data(placement, value)
            for name, value in batch.items()
        }


def platform() -> str:
    """'cpu', 'gpu' or 'tpu': of the current mesh's devices, else of JAX's default backend.

    A program that is compiled ahead of time for a TPU runs on another platform than the default.
    """
    mesh = jax.sharding.get_abstract_mesh()
    device = None if mesh.empty else mesh.abstract_device
    return jax.default_backend() if device is None else device.platform


def replicated(mesh: AnyMesh) -> NamedSharding:
    """Sharding of an array that is copied to every device."""
    return NamedSharding(mesh, PartitionSpec())


def placed_like(tree: Any, arrays: Any) -> Any:
    """Arrays on the devices of `arrays`, a tree of the same structure; those in it stay."""
    return jax.tree.map(
        lambda value, array: value if value is array else jax.device_put(value, array.sharding),
        tree,
        arrays,
    )
