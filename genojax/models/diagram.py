"""The parts of a network as text, for a block diagram; how it is drawn is the report's business."""

import dataclasses

TIMES = '\N{MULTIPLICATION SIGN}'


@dataclasses.dataclass(frozen=True)
class DiagramBlock:
    """One box of a diagram.

    Attributes:
        title: what the part is, two or three words.
        lines: its layers and sizes, in order, each at most about 26 characters long.
        repeat: how many times in a row the network has it.
    """

    title: str
    lines: tuple[str, ...]
    repeat: int = 1


def shape(*sizes: int) -> str:
    """Sizes joined by a multiplication sign: '12 x 64'."""
    return f' {TIMES} '.join(f'{size:,}' for size in sizes)
