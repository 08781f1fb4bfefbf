"""Scores as a table for the terminal."""

from collections.abc import Sequence

_GAP = 2  # spaces between columns
_MIN_WIDTH = 10  # characters of a column


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of cells as lines, the first column on the left and the others on the right.

    A column is as wide as its widest cell, so that long names of a user's species, classes or
    tracks do not move what is beside them. Rows may have fewer cells than others.
    """
    widths = [_MIN_WIDTH] * max(map(len, rows), default=0)
    for row in rows:
        for number, cell in enumerate(row):
            widths[number] = max(widths[number], len(cell))
    gap = ' ' * _GAP
    lines = []
    for first, *others in rows:
        cells = [f'{cell:>{width}}' for cell, width in zip(others, widths[1:], strict=False)]
        lines.append(gap.join([f'{first:<{widths[0]}}', *cells]).rstrip())
    return lines
