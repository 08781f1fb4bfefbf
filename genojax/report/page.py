"""HTML that cannot be broken by what it shows: every text is escaped unless it was built here.

A page is one file: pictures inside as PNG, style inside, no script. Its content security policy forbids everything
else, so a contig named `<script>` is shown and a link to the network cannot be followed by accident.
"""

import base64
import hashlib
import html
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

DASH = '\N{EN DASH}'
_VOID = {'img', 'meta', 'br', 'hr'}
_LONGEST_LIST = 24  # entries of a list shown in place; the rest is counted

STYLE = """
:root { --ink: #1b2733; --soft: #5b6b7a; --line: #dde3e8; --wash: #f5f7f9; --blue: #0b5c96; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); line-height: 1.55; font-size: 16px;
  font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif; }
header { background: var(--wash); border-bottom: 1px solid var(--line); padding: 36px 0 28px; }
header > div, nav > *, main { max-width: 1060px; margin-left: auto; margin-right: auto; padding: 0 28px; }
.kicker { text-transform: uppercase; letter-spacing: .09em; font-size: 12.5px; color: var(--blue);
  font-weight: 600; margin: 0 0 4px; }
h1 { font-size: 31px; line-height: 1.2; margin-top: 0; margin-bottom: 8px; font-weight: 650; }
h2 { font-size: 23px; margin: 54px 0 6px; padding-top: 18px; border-top: 1px solid var(--line); font-weight: 650; }
h3 { font-size: 17px; margin: 30px 0 6px; font-weight: 650; }
p { margin: 8px 0 12px; max-width: 76ch; }
.lead { color: var(--soft); margin-top: 0; margin-bottom: 20px; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(182px, 1fr)); gap: 12px; }
.card { background: #fff; border: 1px solid var(--line); border-radius: 9px; padding: 13px 14px 11px; }
.card b { display: block; font-size: 27px; line-height: 1.2; font-weight: 650; font-variant-numeric: tabular-nums; }
.card .what { font-size: 13px; color: var(--soft); }
.card .more { font-size: 13px; color: var(--soft); margin-top: 3px; }
.verdicts { list-style: none; padding: 0; margin: 20px 0 0; }
.verdicts li { padding-left: 1.5em; text-indent: -1.5em; margin: 3px 0; }
.good::before { content: '\\2713'; color: #00795a; font-weight: 700; display: inline-block; width: 1.5em; text-indent: 0; }
.bad::before { content: '\\2717'; color: #b3401b; font-weight: 700; display: inline-block; width: 1.5em; text-indent: 0; }
.open::before { content: '\\2013'; color: #6b7a88; font-weight: 700; display: inline-block; width: 1.5em; text-indent: 0; }
nav { border-bottom: 1px solid var(--line); }
nav p { max-width: 1060px; margin: 0 auto; padding-top: 9px; padding-bottom: 9px; font-size: 14px; }
nav a { color: var(--blue); text-decoration: none; margin-right: 18px; white-space: nowrap; }
nav a:hover { text-decoration: underline; }
figure { margin: 18px 0 22px; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption, .note { font-size: 14px; color: var(--soft); max-width: 84ch; margin-top: 6px; }
.scroll { overflow-x: auto; margin: 14px 0 18px; }
table { border-collapse: collapse; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--soft); border-bottom: 2px solid var(--line);
  padding: 6px 22px 6px 0; vertical-align: bottom; white-space: nowrap; }
td { border-bottom: 1px solid var(--line); padding: 6px 22px 6px 0; vertical-align: top; overflow-wrap: anywhere; }
td.num, th.num { text-align: right; white-space: nowrap; }
tr.total td { font-weight: 650; border-top: 2px solid var(--line); }
td .scroll, td table { margin: 0; }
td td, td th { padding-top: 3px; padding-bottom: 3px; }
.missing { background: #fff8e6; border: 1px solid #ecd9a0; border-left: 4px solid #d9a514; border-radius: 6px;
  padding: 10px 14px; margin: 14px 0; font-size: 15px; max-width: 84ch; }
pre, code { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace; font-size: 13.5px; }
pre { background: var(--wash); border: 1px solid var(--line); border-radius: 6px; padding: 12px 14px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin: 10px 0; }
summary { cursor: pointer; color: var(--blue); font-size: 15px; }
footer { max-width: 1060px; margin: 60px auto 0; padding: 16px 28px 40px; font-size: 13px; color: var(--soft);
  border-top: 1px solid var(--line); }
@media print { nav { display: none; } h2 { break-after: avoid; } figure, tr { break-inside: avoid; } }
"""


class Html(str):
    """Text that is markup already; made by the functions of this module only."""


def tag(element: str, /, *children: Any, **attributes: Any) -> Html:
    """An element. Children that are not Html are escaped, and so are attributes (`class_` is written class)."""
    opening = ''.join(
        f' {key.rstrip("_")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if element in _VOID:
        return Html(f'<{element}{opening}>')
    return Html(f'<{element}{opening}>{join(children)}</{element}>')


def join(parts: Iterable[Any]) -> Html:
    """Parts one after the other, escaped where they are not Html; None is nothing."""
    return Html(
        ''.join(
            part if isinstance(part, Html) else html.escape(str(part))
            for part in parts
            if part is not None
        )
    )


def paragraph(*children: Any) -> Html:
    return tag('p', *children)


def note(*children: Any) -> Html:
    return tag('p', *children, class_='note')


def missing(*children: Any) -> Html:
    """A visible gap: what is not here, and what would make it."""
    return tag('div', *children, class_='missing')


def figure(png: bytes, alt: str, caption: Any, width: int) -> Html:
    """A picture with its words; `width` in CSS pixels, the PNG may hold more."""
    source = 'data:image/png;base64,' + base64.b64encode(png).decode('ascii')
    return tag('figure', tag('img', src=source, alt=alt, width=width), tag('figcaption', caption))


def table(
    columns: Sequence[str], rows: Iterable[Iterable[Any]], total: Sequence[Any] | None = None
) -> Html:
    """A table; a column whose cells are all numbers, or made by `number` or `interval`, is set flush right."""
    rows = [list(row) for row in rows]
    every = [*rows, list(total)] if total is not None else rows
    right = [
        bool(every) and all(isinstance(row[at], int | float | Figure) for row in every)
        for at in range(len(columns))
    ]
    kind = ['num' if flush else None for flush in right]
    head = tag('tr', *(tag('th', c, class_=k) for c, k in zip(columns, kind, strict=True)))
    body = [
        tag(
            'tr',
            *(tag('td', text(cell), class_=k) for cell, k in zip(row, kind, strict=True)),
            class_='total' if total is not None and row is every[-1] else None,
        )
        for row in every
    ]
    return tag('div', tag('table', tag('thead', head), tag('tbody', *body)), class_='scroll')


class Figure(str):
    """Text of a number, for a column that is set flush right; still escaped."""


def number(value: Any, digits: int = 3, unit: str = '') -> Figure:
    """A number as people read it; a value that is not a number is shown as it is, never as 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Figure('not recorded' if value is None else str(value))
    if isinstance(value, int):
        return Figure(f'{value:,}{unit}')
    return Figure((f'{value:,.{digits}f}' if math.isfinite(value) else f'{value}') + unit)


def percent(value: Any, digits: int = 1) -> Figure:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return number(100.0 * value, digits, ' %')
    return number(value)


def interval(estimate: Sequence[float] | float | None, digits: int = 3) -> Figure:
    """[value, low, high] as `0.912 (0.890–0.931)`; a bare value says that it has no interval."""
    if isinstance(estimate, list | tuple) and len(estimate) == 3:
        value, low, high = (number(float(part), digits) for part in estimate)
        return Figure(f'{value} ({low} {DASH} {high})')
    if isinstance(estimate, int | float):
        return Figure(f'{number(float(estimate), digits)} (no interval)')
    return number(estimate)


def text(value: Any) -> Any:
    """What a cell shows for a value."""
    if isinstance(value, str):
        return value
    if value is None:
        return 'not recorded'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return f'{value:,.4g}' if math.isfinite(value) else str(value)
    return record(value)


def record(value: Any) -> Html:
    """Any JSON value, whole: mappings of alike mappings become tables, others name-value rows, long lists are counted."""
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        return _listing(value)
    return join([text(value)])


def _mapping(value: Mapping) -> Html:
    if not value:
        return Html('none')
    parts = list(value.values())
    if len(parts) > 1 and all(
        isinstance(p, Mapping) and p.keys() == parts[0].keys() for p in parts
    ):
        return table(['', *parts[0]], [[name, *part.values()] for name, part in value.items()])
    return table(['name', 'value'], value.items())


def _listing(value: Sequence) -> Html:
    if not value:
        return Html('none')
    shown = value[:_LONGEST_LIST]
    rest = f' … and {len(value) - len(shown):,} more' if len(value) > len(shown) else ''
    if all(isinstance(part, Mapping) and part.keys() == value[0].keys() for part in value):
        return join([table(list(value[0]), [part.values() for part in shown]), rest])
    words = (part if isinstance(part, str) else record(part) for part in shown)
    return join([*(p for word in words for p in (word, ', ')), rest][: None if rest else -1])


def document(title: str, header: Html, sections: Sequence[tuple[str, str, Html]]) -> str:
    """The page. Sections are (anchor, heading, content)."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode('ascii')
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none';"
        " form-action 'none'"
    )
    links = [tag('a', heading, href=f'#{anchor}') for anchor, heading, _ in sections]
    body = [
        tag('section', tag('h2', heading, id=anchor), content)
        for anchor, heading, content in sections
    ]
    head = tag(
        'head',
        tag('meta', charset='utf-8'),
        # html.escape also turns the quotes around 'none' into entities, which the browser undoes.
        Html(f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'),
        tag('meta', name='viewport', content='width=device-width, initial-scale=1'),
        tag('title', title),
        Html(f'<style>{STYLE}</style>'),
    )
    footer = tag('footer', 'Written by genojax report. One file, no scripts, no network.')
    page = tag(
        'body',
        tag('header', tag('div', header)),
        tag('nav', tag('p', *links)),
        tag('main', *body),
        footer,
    )
    return f'<!doctype html>\n<html lang="en">{head}{page}</html>\n'
