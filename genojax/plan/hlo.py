"""The text of a compiled program (HLO): its instructions, how often each runs, bytes and kinds."""

import dataclasses
import math
import re
from collections.abc import Iterator

_ARRAY = re.compile(r'([a-z]+\d*\w*)\[([\d,]*)\](?:\{([^{}]*)\})?')
_NAME = re.compile(r'%([\w.\-]+)')
_BITS = {'pred': 8, 's4': 4, 'u4': 4, 's2': 2, 'u2': 2, 'token': 0, 'opaque': 0}
# What moves no data between memory and core, or is counted where it is called.
_FREE = {
    *('parameter', 'constant', 'get-tuple-element', 'tuple', 'bitcast', 'while', 'conditional'),
    *('call', 'after-all', 'partition-id', 'replica-id', 'iota', 'opt-barrier', 'domain'),
    *('copy-done', 'slice-done', 'async-done', 'async-update', 'rng-get-and-update-state'),
    *('all-reduce-done', 'all-gather-done', 'collective-permute-done', 'send-done', 'recv-done'),
}
_SLICES = ('dynamic-slice', 'slice', 'gather')


@dataclasses.dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name, opcode: as in the text.
        shape: text of its type.
        operands: names of instructions of the same computation.
        attributes: the text after the operands.
        is_root: whether its value is the computation's.
        arguments: the text of its operands; of a constant its value.
    """

    name: str
    opcode: str
    shape: str
    operands: tuple[str, ...]
    attributes: str
    is_root: bool
    arguments: str

    def called(self, attribute: str) -> str:
        """Name of the computation that an attribute names, or ''."""
        match = re.search(rf'\b{attribute}=%([\w.\-]+)', self.attributes)
        return match[1] if match else ''


@dataclasses.dataclass(frozen=True)
class Program:
    """A program's computations by name, instructions in order.

    Attributes:
        entry: name of the computation that runs.
    """

    computations: dict[str, dict[str, Instruction]]
    entry: str

    def executed(self, into_fusions: bool = False) -> Iterator[tuple[Instruction, str, int]]:
        """(instruction, its computation, how often it runs), loops by their trip counts."""
        yield from self._executed(self.entry, 1, into_fusions)

    def _executed(self, name: str, times: int, into_fusions: bool):
        for instruction in self.computations[name].values():
            yield instruction, name, times
            turns = self.trip_count(instruction) if instruction.opcode == 'while' else 1
            for inner in self._calls(instruction, into_fusions):
                yield from self._executed(inner, times * turns, into_fusions)

    def _calls(self, instruction: Instruction, into_fusions: bool) -> list[str]:
        if instruction.opcode == 'while':
            return [instruction.called('body')]
        if instruction.opcode == 'conditional':
            branches = re.search(r'branch_computations=\{([^}]*)\}', instruction.attributes)
            if branches:
                return _NAME.findall(branches[1])
            return [instruction.called(f'{branch}_computation') for branch in ('true', 'false')]
        if instruction.opcode == 'call':
            return [instruction.called('to_apply')]
        if instruction.opcode.startswith('async-start') or (
            into_fusions and instruction.opcode == 'fusion'
        ):
            return [instruction.called('calls')]
        return []

    def trip_count(self, loop: Instruction) -> int:
        """Turns of a `while` with a counter; 1 where the text does not say."""
        known = re.search(r'known_trip_count":\{"n":"(\d+)"', loop.attributes)
        if known:
            return int(known[1])
        limits = {
            int(instruction.arguments)
            for instruction in self.computations[loop.called('condition')].values()
            if instruction.opcode == 'constant' and instruction.arguments.isdecimal()
        }
        return max(limits, default=1)

    def memory_traffic(self) -> int:
        """Bytes that one device moves between its memory and its cores.

        Every executed instruction reads its operands and writes its result once; a slice moves what
        it takes, an update in place what it writes, and arrays in on-chip memory count nothing.
        """
        return sum(
            times * self._traffic(instruction, self.computations[name])
            for instruction, name, times in self.executed()
        )

    def _traffic(self, instruction: Instruction, computation: dict[str, Instruction]) -> int:
        opcode = instruction.opcode
        if opcode in _FREE or 'custom_call_target="AllocateBuffer"' in instruction.attributes:
            return 0
        operands = [computation[name].shape for name in instruction.operands if name in computation]
        if opcode in ('copy-start', 'slice-start'):  # the first two arrays are its ends
            ends = [match[0] for match in _ARRAY.finditer(instruction.shape)][:2]
            moved = min(array_bytes(end, in_memory=False) for end in ends)
            return moved * sum('S(' not in end for end in ends)
        if opcode in _SLICES:
            return 2 * array_bytes(instruction.shape)
        if opcode == 'dynamic-update-slice':
            return 2 * array_bytes(operands[1])
        if opcode == 'fusion':
            return self._fusion_traffic(instruction, operands)
        return array_bytes(instruction.shape) + sum(map(array_bytes, operands))

    def _fusion_traffic(self, fusion: Instruction, operands: list[str]) -> int:
        body = self.computations[fusion.called('calls')]
        updates = [part for part in _results(body) if part.opcode == 'dynamic-update-slice']
        in_place = {part.operands[0] for part in updates}
        read = sum(
            self._read(body, _parameter(body, number), array_bytes(shape, in_memory=False))
            for number, shape in enumerate(operands)
            if array_bytes(shape) and not _is_only_updated(body, number, in_place)
        )
        if updates and array_bytes(fusion.shape):
            return read + sum(
                array_bytes(body[part.operands[1]].shape, in_memory=False) for part in updates
            )
        return read + array_bytes(fusion.shape)

    def _read(self, body: dict[str, Instruction], name: str, whole: int) -> int:
        """Bytes that a fused computation reads of one of its values: all, or what slices take."""
        read = 0
        for user in body.values():
            if name not in user.operands:
                continue
            if user.opcode in _SLICES and name == user.operands[0]:
                read += array_bytes(user.shape, in_memory=False)
            elif user.opcode == 'bitcast':
                read += self._read(body, user.name, whole)
            elif user.opcode == 'fusion':
                inner = self.computations[user.called('calls')]
                parameter = _parameter(inner, user.operands.index(name))
                read += self._read(inner, parameter, whole)
            else:
                return whole
        return min(read, whole)


def _results(body: dict[str, Instruction]) -> list[Instruction]:
    root = next(instruction for instruction in body.values() if instruction.is_root)
    return [body[name] for name in root.operands] if root.opcode == 'tuple' else [root]


def _parameter(body: dict[str, Instruction], number: int) -> str:
    """Name of a computation's parameter."""
    return next(
        instruction.name
        for instruction in body.values()
        if instruction.opcode == 'parameter' and instruction.arguments == str(number)
    )


def _is_only_updated(body: dict[str, Instruction], number: int, in_place: set[str]) -> bool:
    name = _parameter(body, number)
    users = [instruction for instruction in body.values() if name in instruction.operands]
    return name in in_place and len(users) == 1


def parse(text: str) -> Program:
    """The program of `compiled.as_text()`."""
    computations: dict[str, dict[str, Instruction]] = {}
    entry, current = '', None
    for line in text.splitlines():
        if line.endswith('{') and line[:1] in ('%', 'E'):
            name = _NAME.search(line)[1]
            current = computations.setdefault(name, {})
            entry = name if line.startswith('ENTRY') else entry
        elif line.startswith('  ') and ' = ' in line and current is not None:
            instruction = _instruction(line.strip())
            current[instruction.name] = instruction
    return Program(computations, entry)


def _instruction(line: str) -> Instruction:
    left, _, right = line.partition(' = ')
    end = _closing(right, 0) + 1 if right.startswith('(') else right.index(' ')
    shape, right = right[:end], right[end:].lstrip()
    start = right.index('(')
    close = _closing(right, start)
    arguments = right[start + 1 : close]
    return Instruction(
        name=left.removeprefix('ROOT ').lstrip('%'),
        opcode=right[:start],
        shape=shape,
        operands=tuple(_NAME.findall(arguments)),
        attributes=right[close + 1 :],
        is_root=left.startswith('ROOT '),
        arguments=arguments,
    )


def _closing(text: str, start: int) -> int:
    depth = 0
    for position in range(start, len(text)):
        depth += {'(': 1, ')': -1}.get(text[position], 0)
        if not depth:
            return position
    raise ValueError(f'no closing parenthesis in {text[:80]!r}')


def array_bytes(shape: str, *, in_memory: bool = True) -> int:
    """Bytes of the arrays of a shape.

    Args:
        in_memory: without those in on-chip memory, whose layout names a memory space.
    """
    total = 0
    for match in _ARRAY.finditer(shape):
        kind, sizes, layout = match.groups()
        if in_memory and layout and 'S(' in layout:
            continue
        elements = math.prod(map(int, sizes.split(','))) if sizes else 1
        total += elements * _bits(kind) // 8
    return total


def _bits(kind: str) -> int:
    if kind in _BITS:
        return _BITS[kind]
    digits = re.search(r'\d+', kind)
    return int(digits[0]) if digits else 0
