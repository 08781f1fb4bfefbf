"""The page of an interpretation: figures of the first regions, and a table of all."""

import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from genojax import output_files
from genojax.report import html, page, plots

Figure = tuple[str, str, Callable, tuple]  # heading, caption, draw, its arguments


def write(
    folder: pathlib.Path,
    title: str,
    lead: str,
    figures: Iterable[Figure],
    tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]],
) -> pathlib.Path:
    """Writes `index.html`, and each figure as a PNG in `figures/`.

    Args:
        tables: by heading: columns and rows.
    """
    figures = list(figures)
    (folder / 'figures').mkdir(exist_ok=True)
    sections = [
        page.Section(heading, heading, html.table(columns, rows))
        for heading, (columns, rows) in tables.items()
    ]
    for number, (_, _, draw, arguments) in enumerate(figures):
        png, _ = plots.Renderer().png(draw, *arguments)
        with output_files.replaced(folder / 'figures' / f'{number:03}.png') as partial:
            partial.write_bytes(png)

    def content(renderer: plots.Renderer) -> page.Page:
        drawn = [
            page.Section(
                heading,
                heading,
                renderer.figure(draw, *arguments, alt=f'{title}: {heading}', caption=caption),
            )
            for heading, caption, draw, arguments in figures
        ]
        return page.Page(title, lead, (*drawn, *sections))

    return page.write(folder / 'index.html', content)
