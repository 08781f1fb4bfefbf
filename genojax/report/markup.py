"""HTML as text that is known to be HTML: whatever is not `Markup` is escaped.

Methods of `str` give plain text, which is escaped where it is put into an element: forgetting to
mark a part shows its tags to the reader and never runs them.
"""

import html
from collections.abc import Iterable
from typing import Any


class Markup(str):
    """HTML; only this package makes it."""


def escape(value: Any) -> Markup:
    """A value as HTML; what is `Markup` already stays as it is."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def join(parts: Iterable[Any], separator: str = '') -> Markup:
    """Parts in a row, escaped where they are not markup; None is left out."""
    return Markup(separator.join(escape(part) for part in parts if part is not None))


def element(tag: str, /, *children: Any, end: str = '', **attributes: Any) -> Markup:
    """<tag ...>children</tag>.

    Args:
        end: what follows the element: a line end, where lines help to read the file.
        attributes: `kind` is the class; one of '' or None is left out.
    """
    return Markup(f'{open_tag(tag, **attributes)}{join(children)}</{tag}>{end}')


def open_tag(tag: str, /, **attributes: Any) -> Markup:
    """<tag ...>, the whole of an element without content."""
    text = ''.join(
        f' {"class" if key == "kind" else key}="{escape(value)}"'
        for key, value in attributes.items()
        if value not in ('', None)
    )
    return Markup(f'<{tag}{text}>')
