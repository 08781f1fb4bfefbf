"""What a program wastes on a mesh: whole weights gathered, and whole rows on every device.

Read from the compiled program's text. Both are empty in a program that is sharded as meant: only
fsdp gathers weights, and with a sequence axis no device holds the activations of a whole row.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping

import jax
import numpy as np

from genojax.plan import collectives, hlo

_LARGE = 2**16  # elements: smaller weights (norms, biases) are whole on every device
# Bytes per token of a row: ids, masks and weights of a batch are not sharded along a row.
_BATCH_BYTES = 16
_ARRAY = re.compile(r'[a-z]+\d*\w*\[[\d,]*\](?:\{[^{}]*\})?')


def gathered_weights(program: hlo.Program, params, mesh: Mapping[str, int]) -> list[str]:
    """All-gathers of a whole weight that are not fsdp's own, one line per operation.

    fsdp's own are over its axis, or over data and fsdp, which brings no more bytes to a device.

    Args:
        params: the parameters, whose arrays have shapes; those of a scan are stacked.
        mesh: devices along each axis, in order.
    """
    weights = _weight_shapes(params)
    lines: dict[str, int] = {}
    for instruction, _, times in program.executed(into_fusions=True):
        if instruction.opcode.removesuffix('-start') != 'all-gather':
            continue
        axes = group_axes(instruction.attributes, mesh)
        if not axes or ('fsdp' in axes and axes <= {'data', 'fsdp'}):
            continue
        arrays = list(_arrays(instruction.shape))
        if instruction.opcode.endswith('-start'):
            arrays = arrays[len(arrays) // 2 :]  # the first half are its operands
        for text, dims in arrays:
            if _key(dims) in weights:
                line = f'{text} over {" x ".join(sorted(axes))}: {_origin(instruction)}'
                lines[line] = lines.get(line, 0) + times
    return [f'{times} x {line}' for line, times in lines.items()]


def whole_rows(
    program: hlo.Program,
    tokens: int,
    blocks: Iterable[int] = (),
    *,
    rows: int = 1,
    width: int = 1,
    vocab: int = 0,
) -> list[str]:
    """Arrays on one device that hold all features of all tokens of a row, one line per shape.

    Args:
        tokens: of a row; the model may pad it by a tenth.
        blocks: sizes into which the model may divide a row.
        rows: of a batch on one device.
        width: least features of a token; with fewer, an array has a part of the features of a row
            in place of a part of its tokens.
        vocab: features of a token's logits.
    """
    blocks, lines = set(blocks), {}
    for instruction, _, _ in program.executed(into_fusions=False):
        for text, dims in _arrays(instruction.shape):
            if hlo.array_bytes(text, in_memory=False) <= _BATCH_BYTES * tokens:
                continue
            sizes = [n for n in _row_sizes(dims, blocks) if tokens <= n <= 1.1 * tokens]
            features = math.prod(dims) / min(sizes) / rows if sizes else 0
            if features >= width or features == vocab > 0:
                lines.setdefault(text.partition('{')[0], _origin(instruction))
    return [f'{shape}: {origin}' for shape, origin in lines.items()]


def group_axes(attributes: str, mesh: Mapping[str, int]) -> set[str]:
    """Axes of the mesh along which the devices of one group of a collective differ.

    Devices are numbered as in the mesh. Groups that the text does not name are of all devices.
    """
    members = collectives.first_group(attributes)
    if members is None:
        return {axis for axis, size in mesh.items() if size > 1}
    places = np.unravel_index(members, tuple(mesh.values()))
    return {axis for axis, place in zip(mesh, places, strict=True) if len(np.unique(place)) > 1}


def _weight_shapes(params) -> set[tuple[int, ...]]:
    """`_key` of every large weight, of one layer of a stack, and of both with axes merged."""
    keys = set()
    for leaf in jax.tree.leaves(params):
        shapes = [leaf.shape, leaf.shape[1:]] if len(leaf.shape) > 2 else [leaf.shape]
        keys |= {_key(one) for shape in shapes for one in _merged(shape)}
    return {key for key in keys if math.prod(key) >= _LARGE and len(key) > 1}


def _merged(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """A shape, and those in which neighboring axes are one."""
    yield shape
    for axis in range(1, len(shape)):
        yield from _merged((*shape[: axis - 1], shape[axis - 1] * shape[axis], *shape[axis + 1 :]))


def _key(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of a shape in order, without those of 1: the same for any layout."""
    return tuple(sorted(size for size in shape if size > 1))


def _arrays(shape: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(text, sizes) of the arrays of a shape; scalars have no sizes."""
    for match in _ARRAY.finditer(shape):
        sizes = match[0].partition('[')[2].partition(']')[0]
        yield match[0], tuple(map(int, sizes.split(','))) if sizes else ()


def _row_sizes(dims: tuple[int, ...], blocks: set[int]) -> Iterator[int]:
    """Numbers of tokens that an axis of an array may be, or two where a row is in blocks."""
    yield from dims
    for count, size in zip(dims, dims[1:], strict=False):
        if size in blocks:
            yield count * size


def _origin(instruction: hlo.Instruction) -> str:
    match = re.search(r'op_name="([^"]*)"', instruction.attributes)
    return match[1] if match else instruction.opcode
