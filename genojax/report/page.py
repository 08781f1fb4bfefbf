"""The page of a report: sections, headline cards and verdicts in one self-contained HTML file."""

import base64
import dataclasses
import hashlib
import os
import pathlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from genojax import errors, output_files
from genojax.report import html, plots
from genojax.report.markup import element, open_tag

MAX_BYTES = 3_000_000
FOOTER = 'Written by genojax. One file, no scripts, no requests to the network.'
# Hundreds of species make large pictures: coarser ones before a page that is too big to send.
_RESOLUTIONS = (150, 100, 70)


@dataclasses.dataclass(frozen=True)
class Card:
    """A headline number.

    Attributes:
        label: what it is, with its unit.
        value: the number as text.
        details: short lines below it, such as the interval.
    """

    label: str
    value: str
    details: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One sentence that judges a comparison.

    Attributes:
        kind: 'good' only where a paired interval is clear of zero in favour of the model against
            the best baseline; 'bad' where it loses; 'open' where the data do not decide, and for
            plain facts.
        text: the sentence.
    """

    kind: Literal['good', 'bad', 'open']
    text: str


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page, and what it adds to the header.

    Attributes:
        anchor: its id in links; `unique_anchors` makes it unique on the page.
        heading: its title.
        body: markup from `html`.
        cards: headline numbers.
        verdicts: sentences for the header.
    """

    anchor: str
    heading: str
    body: html.Markup
    cards: tuple[Card, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@dataclasses.dataclass(frozen=True)
class Page:
    """All that a report shows.

    Attributes:
        title: heading of the page.
        lead: one line below it, or ''.
        sections: in the order of the page.
        cards: headline numbers beside those of the sections, shown after them.
        hints: a first line: commands that would add something, or ''.
    """

    title: str
    lead: str
    sections: tuple[Section, ...]
    cards: tuple[Card, ...] = ()
    hints: html.Markup | str = ''


def render(page: Page) -> str:
    """The HTML of a page. Its security policy allows inline pictures and its own style only."""
    style = html.stylesheet()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode('ascii')
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'"
    )
    sections = unique_anchors(page.sections)
    cards = [card for section in sections for card in section.cards] + list(page.cards)
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    head = [
        open_tag('meta', charset='utf-8'),
        open_tag('meta', **{'http-equiv': 'Content-Security-Policy'}, content=policy),
        open_tag('meta', name='viewport', content='width=device-width, initial-scale=1'),
        element('title', page.title),
        element('style', style),
    ]
    header = [
        element('p', 'genojax', kind='kicker'),
        element('h1', page.title),
        element('p', page.lead, kind='lead') if page.lead else None,
        _lines('div', map(_card, cards), kind='cards') if cards else None,
        _lines('ul', map(_verdict, verdicts), kind='verdicts') if verdicts else None,
    ]
    links = [element('a', s.heading, href=f'#{s.anchor}') for s in sections]
    main = [element('p', page.hints, kind='note hints') if page.hints else None]
    main += [_lines('section', [element('h2', s.heading, id=s.anchor), s.body]) for s in sections]
    body = [
        element('header', _lines('div', header)),
        element('nav', _lines('p', links)) if sections else None,
        _lines('main', main),
        element('footer', FOOTER),
    ]
    root = [_lines('head', head), _lines('body', body)]
    return html.join([html.Markup('<!doctype html>'), _lines('html', root, lang='en'), ''], '\n')


def _lines(name: str, children: Iterable[html.Markup | None], **attributes: str) -> html.Markup:
    """An element with a line for each child."""
    content = html.join(children, '\n')
    return element(name, '\n', content, '\n', **attributes)


def _card(card: Card) -> html.Markup:
    details = [element('div', line, kind='more') for line in card.details]
    parts = [element('div', card.label, kind='what'), element('b', card.value), *details]
    return _lines('div', parts, kind='card')


def _verdict(verdict: Verdict) -> html.Markup:
    return element('li', verdict.text, kind=verdict.kind)


def unique_anchors(sections: Sequence[Section]) -> list[Section]:
    """The sections with anchors of letters, digits and dashes, numbered where two are alike."""
    result: list[Section] = []
    used: set[str] = set()
    for section in sections:
        plain = ''.join(c if c.isascii() and c.isalnum() else '-' for c in section.anchor)
        plain = plain.strip('-') or 'section'
        anchor, number = plain, 1
        while anchor in used:
            number += 1
            anchor = f'{plain}-{number}'
        used.add(anchor)
        result.append(dataclasses.replace(section, anchor=anchor))
    return result


def write(path: str | os.PathLike, draw: Callable[[plots.Renderer], Page]) -> pathlib.Path:
    """Write a page of at most 3 MB; the same page gives the same bytes.

    Args:
        path: the HTML file. It is replaced in one step: a reader never gets an incomplete page.
        draw: the page, its pictures drawn by the renderer; called again with a coarser one if it is
            too large.

    Returns:
        The path.

    Raises:
        errors.UsageError: the page is larger than 3 MB even with coarse pictures, or cannot be
            written.
    """
    path = pathlib.Path(path)
    for dpi in _RESOLUTIONS:
        content = render(draw(plots.Renderer(dpi))).encode('utf-8')
        if len(content) <= MAX_BYTES:
            break
    else:
        raise errors.UsageError(f'{path} would take {len(content):,} bytes, more than 3 MB')
    with output_files.replaced(path) as partial:
        partial.write_bytes(content)
    return path


def pictures(path: str | os.PathLike) -> list[bytes]:
    """The PNG pictures of a page that genojax wrote, in their order: report.html, plan.html."""
    text = pathlib.Path(path).read_text(encoding='utf-8')
    return [base64.b64decode(part) for part in re.findall(r'data:image/png;base64,([^"]+)', text)]
