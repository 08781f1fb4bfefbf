"""What pages are made of: paragraphs, tables, figures, and values as text.

Everything that returns `Markup` escapes what it is given (markup.py), so a contig named `<script>`
is shown as such wherever it appears.
"""

import base64
import math
import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from genojax.report import markup
from genojax.report.markup import Markup, element, join

DASH = '\N{EN DASH}'
MINUS = '\N{MINUS SIGN}'
MAX_ROWS = 1_000  # rows of one table; the rest is counted
MAX_LIST = 24  # entries of a list in one cell; the rest is counted
MAX_SHORT = 26  # characters of a cell that is not broken into lines


class NumberText(str):
    """The text of a number; a column of them is aligned right."""


def stylesheet() -> Markup:
    """The content of style.css, as it stands between the style tags."""
    return Markup((pathlib.Path(__file__).parent / 'style.css').read_text(encoding='utf-8'))


def paragraph(*children: Any, kind: str = '') -> Markup:
    return element('p', _sentence(join(children)), kind=kind, end='\n')


def _sentence(content: Any) -> Markup:
    """Text whose percentages do not end a line before their sign."""
    return Markup(markup.escape(content).replace(' %', '\N{NO-BREAK SPACE}%'))


def note(*children: Any) -> Markup:
    """Small print under a table or a figure."""
    return paragraph(*children, kind='note')


def damage(*children: Any) -> Markup:
    """A box that says which file could not be read, where its content would be."""
    return element('div', *children, kind='damage', end='\n')


def subheading(text: str) -> Markup:
    return element('h3', text, end='\n')


def _small_heading(text: str) -> Markup:
    return element('h4', text, end='\n')


def code(text: str) -> Markup:
    return element('code', text)


def command(text: str) -> Markup:
    """A command line in a block of its own."""
    return element('pre', text, end='\n')


def folded(summary: str, content: Any) -> Markup:
    """Content that opens on a click."""
    return element('details', element('summary', summary, end='\n'), content, end='\n')


def figure(png: bytes, alt: str, caption: Any, width: int) -> Markup:
    """A PNG inside the page with its caption; `width` in CSS pixels, the PNG may have more."""
    source = f'data:image/png;base64,{base64.b64encode(png).decode("ascii")}'
    image = Markup(f'<img src="{source}" alt="{markup.escape(alt)}" width="{width:d}">')
    return _captioned(element('div', image, kind='scroll', end='\n'), caption)


def diagram(blocks: Sequence[Any], caption: Any) -> Markup:
    """Boxes joined by arrows, from objects with `title`, `lines` and `repeat`."""
    boxes = []
    for block in blocks:
        repeated = block.repeat > 1
        parts = [element('b', block.title, end='\n')]
        parts += [element('span', line, end='\n') for line in block.lines]
        parts += [element('i', f'\N{MULTIPLICATION SIGN} {block.repeat}', end='\n')] * repeated
        boxes.append(element('li', *parts, kind='repeated' if repeated else '', end='\n'))
    return _captioned(element('ol', '\n', *boxes, kind='diagram', end='\n'), caption)


def _captioned(content: Markup, caption: Any) -> Markup:
    return element('figure', content, element('figcaption', _sentence(caption)), end='\n')


def table(
    columns: Sequence[str],
    rows: Iterable[Iterable[Any]],
    total: Sequence[Any] | None = None,
    max_rows: int = MAX_ROWS,
) -> Markup:
    """A table; columns of numbers (int, float or NumberText) are aligned right.

    Args:
        columns: the header.
        rows: one value per column; other than text they are formatted by `text`.
        total: a last row in bold.
        max_rows: more rows than these are counted, not shown.
    """
    rows = [list(row) for row in rows]
    omitted = len(rows) - max_rows
    shown = rows[:max_rows]
    every = [*shown, list(total)] if total is not None else shown
    aligned = [
        bool(every) and all(_is_number(row[column]) for row in every)
        for column in range(len(columns))
    ]
    cells = [[text(value) for value in row] for row in every]
    footer = _row(cells.pop(), aligned, 'total') if total is not None else None
    head = [
        element('th', c, kind=_NUMBER[right]) for c, right in zip(columns, aligned, strict=True)
    ]
    body = [_row(row, aligned) for row in cells]
    if omitted > 0:
        rest = element('td', f'and {omitted:,} more rows', colspan=len(columns))
        body.append(element('tr', rest, end='\n'))
    content = [
        element('thead', element('tr', *head)),
        element('tbody', '\n', *body, footer),
    ]
    return element('div', element('table', *content), kind='scroll', end='\n')


_NUMBER = ('', 'num')  # class of a cell, by whether its column is of numbers


def _row(cells: Sequence[Any], aligned: Sequence[bool], kind: str = '') -> Markup:
    parts = []
    for cell, right in zip(cells, aligned, strict=True):
        value, mark, bounds = str(cell).partition(' (')
        if right and mark:
            rest = element('span', f'({bounds}')
            parts.append(element('td', value, ' ', rest, kind='interval'))
        else:
            short = 'short' if len(cell) <= MAX_SHORT else ''
            parts.append(element('td', cell, kind=_NUMBER[right] or short))
    return element('tr', *parts, kind=kind, end='\n')


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | NumberText) and not isinstance(value, bool)


def number(value: Any, digits: int = 3, unit: str = '') -> NumberText:
    """A number with separators and its unit; another value is shown as it is, never as 0."""
    if not _is_number(value) or isinstance(value, str):
        return NumberText('not recorded' if value is None else str(value))
    if isinstance(value, int):
        return NumberText(f'{value:,}{unit}')
    return NumberText((f'{value:,.{digits}f}' if math.isfinite(value) else f'{value}') + unit)


def percent(share: Any, digits: int = 1) -> NumberText:
    """A share of 1 as a percentage."""
    if _is_number(share) and not isinstance(share, str):
        return number(100.0 * share, digits, ' %')
    return number(share)


def decimal(value: float | int, digits: int = 3, signed: bool = False) -> NumberText:
    """A float with a fixed number of digits and a real minus sign."""
    sign = '+' if signed else ''
    return NumberText(f'{float(value):{sign},.{digits}f}'.replace('-', MINUS))


def interval(estimate: Any, digits: int = 3, signed: bool = False) -> NumberText:
    """[value, low, high] as `0.912 (0.890 to 0.931)`; a plain number says that it has none."""
    if isinstance(estimate, list | tuple) and len(estimate) == 3 and None in estimate[1:]:
        estimate = estimate[0]
    if isinstance(estimate, list | tuple) and len(estimate) == 3:
        value, low, high = (decimal(part, digits, signed) for part in estimate)
        return NumberText(f'{value} ({low} to {high})')
    if _is_number(estimate) and not isinstance(estimate, str):
        return NumberText(f'{decimal(estimate, digits, signed)} (no interval)')
    return NumberText(DASH) if estimate is None else number(estimate)


def seconds(value: float | int) -> NumberText:
    """A duration in seconds below 90 s, in minutes below 90 min, else in hours."""
    for limit, unit, size in ((90, 's', 1), (5_400, 'min', 60)):
        if value < limit:
            return number(value / size, 0 if size == 1 else 1, f' {unit}')
    return number(value / 3_600, 1, ' h')


def label(name: str) -> str:
    """A name from a file as words: `rows_too_short` becomes `rows too short`."""
    return str(name).replace('_', ' ')


def text(value: Any) -> Any:
    """What a table cell shows for any JSON value."""
    if isinstance(value, str):
        return value or 'none'
    if value is None:
        return 'none'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return f'{value:,.4g}' if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return _listing(value)
    return ', '.join(f'{label(name)}: {text(part)}' for name, part in value.items()) or 'none'


def _listing(values: Sequence) -> Any:
    if not values:
        return 'none'
    shown = [text(value) for value in values[:MAX_LIST]]
    if len(values) > MAX_LIST:
        shown.append(f'and {len(values) - MAX_LIST:,} more')
    return ', '.join(map(str, shown))


def record(value: Mapping[str, Any], exact: bool = False) -> Markup:
    """A JSON object as tables: its values, then each object in it; lists of objects are rows.

    Args:
        value: the object.
        exact: name deeper fields as configs do, `attention.window`, else in words.
    """
    plain = {name: part for name, part in value.items() if not _is_nested(part)}
    parts = [table(('field', 'value'), [(_title(n, exact), text(v)) for n, v in plain.items()])]
    for name, part in value.items():
        if _is_nested(part):
            fields: list[tuple[str, Any]] = []
            tables: list[Markup] = []
            _collect('', part, exact, fields, tables)
            content = [table(('field', 'value'), fields)] if fields else []
            parts += [_small_heading(_title(name, exact)), *content, *tables]
    return join(parts[0 if plain else 1 :]) if value else Markup('none')


def _title(name: str, exact: bool) -> str:
    return name if exact else label(name)


def _is_nested(value: Any) -> bool:
    return bool(value) and (isinstance(value, Mapping) or _alike(value) is not None)


def _collect(path: str, value: Any, exact: bool, fields: list, tables: list) -> None:
    """Sort the content of a JSON value into `fields` (path, value) and `tables`."""
    rows = _alike(value)
    if rows is not None:
        heading = [_small_heading(path)] if path else []
        tables.append(join([*heading, table(*rows)]))
    elif isinstance(value, Mapping) and value:
        for name, part in value.items():
            deeper = (
                f'{path}{"." if exact else " "}{_title(name, exact)}'
                if path
                else _title(name, exact)
            )
            _collect(deeper, part, exact, fields, tables)
    else:
        fields.append((path, text(value)))


def _alike(value: Any) -> tuple[list[str], list[list]] | None:
    """Columns and rows of a list, or an object, of objects that have the same fields; else None."""
    named = isinstance(value, Mapping)
    if not named and not isinstance(value, list | tuple):
        return None
    parts = list(value.values()) if named else list(value)
    if len(parts) < (2 if named else 1) or not all(isinstance(p, Mapping) and p for p in parts):
        return None
    if any(part.keys() != parts[0].keys() for part in parts):
        return None
    columns = [label(name) for name in parts[0]]
    rows = [list(part.values()) for part in parts]
    if named:
        return ['name', *columns], [[n, *row] for n, row in zip(value, rows, strict=True)]
    return columns, rows
