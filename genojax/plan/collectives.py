"""Communication between chips: the collectives of a compiled program, and their least time."""

import dataclasses
import math
import re
from collections import Counter

import numpy as np

from genojax.plan import hlo

KINDS = (
    *('all-reduce', 'all-gather', 'reduce-scatter', 'all-to-all', 'collective-permute'),
    *('ragged-all-to-all', 'collective-broadcast'),
)


@dataclasses.dataclass(frozen=True)
class Collective:
    """Collectives of one kind over groups of one size.

    Attributes:
        kind: as in HLO.
        group: devices that take part in each.
        count: how many run in a step.
        bytes: of all of them, per device: the larger of what goes in and what comes out.
        largest: bytes of the largest one.
        origin: the operation of the model that the largest one belongs to.
    """

    kind: str
    group: int
    count: int
    bytes: int
    largest: int
    origin: str

    @property
    def link_bytes(self) -> float:
        """Bytes that a device must send: an all-reduce twice, as a ring does it."""
        share = (self.group - 1) / self.group
        factor = {'all-reduce': 2 * share, 'collective-permute': 1.0}.get(self.kind, share)
        return factor * self.bytes


def of_program(program: hlo.Program) -> list[Collective]:
    """The collectives of a step, most bytes first; those within one device do not count."""
    count: Counter = Counter()
    total: Counter = Counter()
    largest: dict[tuple[str, int], tuple[int, str]] = {}
    for instruction, name, times in program.executed(into_fusions=True):
        kind = instruction.opcode.removesuffix('-start')
        group = group_size(instruction.attributes) if kind in KINDS else 1
        if group < 2:
            continue
        computation = program.computations[name]
        operands = sum(
            hlo.array_bytes(computation[operand].shape, in_memory=False)
            for operand in instruction.operands
        )
        result = hlo.array_bytes(instruction.shape, in_memory=False)
        if instruction.opcode.endswith('-start'):
            result -= operands  # the result of a start also holds the operands
        size = max(operands, result)
        count[kind, group] += times
        total[kind, group] += times * size
        best = largest.get((kind, group), (-1, ''))
        largest[kind, group] = max(best, (size, _origin(instruction.attributes)))
    rows = [
        Collective(kind, group, count[kind, group], size, *largest[kind, group])
        for (kind, group), size in total.items()
    ]
    return sorted(rows, key=lambda row: -row.bytes)


def group_size(attributes: str) -> int:
    """Devices of a group; 2 for a permutation between pairs, 1 where none are named."""
    if pairs := re.search(r'source_target_pairs=\{\{(\d+),(\d+)\}', attributes):
        return 2 if pairs[1] != pairs[2] or '},{' in attributes else 1
    members = first_group(attributes)
    return 1 if members is None else len(members)


def first_group(attributes: str) -> np.ndarray | None:
    """Numbers of the devices of the first group; None where no groups are named."""
    if groups := re.search(r'replica_groups=\{\{([\d,]+)\}', attributes):
        return np.array(_numbers(groups[1]))
    tiles = re.search(r'replica_groups=\[(\d+),(\d+)\]<=\[([\d,]+)\](?:T\(([\d,]+)\))?', attributes)
    if tiles:
        return _tiled(tiles[3], tiles[4]).reshape(int(tiles[1]), int(tiles[2]))[0]
    named = re.search(
        r'replica_groups=mesh\[([^\]]*)\]'
        r'(?:, device_ids=\(\[([\d,]+)\](?:T\(([\d,]+)\))?\))? \{([^}]*)\}',
        attributes,
    )
    if named is None:
        return None
    sizes = {name: int(size) for name, size in re.findall(r"'([^']+)'=(\d+)", named[1])}
    numbers = _tiled(named[2] or str(math.prod(sizes.values())), named[3])
    within = set(re.findall(r"'([^']+)'", named[4]))
    places = tuple(slice(None) if name in within else 0 for name in sizes)
    return numbers.reshape(tuple(sizes.values()))[places].ravel()


def _tiled(dims: str, order: str | None) -> np.ndarray:
    """Consecutive numbers of a shape, and its axes in another order."""
    numbers = np.arange(math.prod(_numbers(dims))).reshape(_numbers(dims))
    return numbers.transpose(_numbers(order)) if order else numbers


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(',')]


def _origin(attributes: str) -> str:
    match = re.search(r'op_name="([^"]*)"', attributes)
    return match[1] if match else ''
