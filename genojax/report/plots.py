"""Pictures of the report: matplotlib figures as PNG, without pyplot and its global state."""

import dataclasses
import io
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import figure, ticker

from genojax.report import html

WIDTH = 10.0  # inches of a full-width picture, shown in 1,000 CSS pixels
# Points of the smallest letters: 11 CSS pixels where style.css shows a picture at 84 % of its size.
SMALL = 9.5
MAX_ROWS = 24  # rows or lines of one picture; tables have them all
INK, SOFT = '#1b2733', '#5b6b7a'
# Okabe and Ito (2008): distinct for every kind of colour vision; then tab20's dark half for many
# lines.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#7A5195', '#8C6D31')
COLOURS += ('#393b79', '#637939', '#ad494a', '#17becf', '#7f7f7f', '#bcbd22', '#a55194', '#6b6ecf')
_DASHES = (0, (5, 3))
_MARKERS = 'osD^v'
_STYLE = {
    'font.size': 10.5,
    'font.family': 'DejaVu Sans',
    'axes.titlesize': 11.5,
    'axes.titleweight': 'bold',
    'axes.titlelocation': 'left',
    'axes.titlepad': 10,
    'axes.edgecolor': '#b5c0ca',
    'axes.labelcolor': SOFT,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'axes.grid': True,
    'axes.axisbelow': True,
    'grid.color': '#edf0f3',
    'text.color': INK,
    'text.parse_math': False,  # a species named '$x$' is a name
    'xtick.color': SOFT,
    'ytick.color': SOFT,
    'legend.frameon': False,
    'legend.fontsize': SMALL,
    'legend.handlelength': 2.8,
    'lines.linewidth': 1.8,
    'lines.solid_capstyle': 'round',
}
# A line: steps and values.
Line = tuple[Sequence, Sequence]


@dataclasses.dataclass(frozen=True)
class Panel:
    """One set of axes with curves over steps.

    Attributes:
        title: what is drawn.
        unit: the y axis.
        lines: by name; one named 'all' is drawn bold. A name that ends in ', validation' is drawn
            dashed in the colour of the line before it.
        references: values by name, drawn as dashed lines across, of the same rows as the lines.
    """

    title: str
    unit: str
    lines: Mapping[str, Line]
    references: Mapping[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Renderer:
    """Draws figures in the house style at one resolution, as HTML with a caption.

    Attributes:
        dpi: pixels per inch of the PNG.
    """

    dpi: int = 150

    def figure(self, draw: Callable, *arguments, alt: str, caption: object) -> html.Markup:
        """The figure that `draw(*arguments)` returns; the same figure gives the same bytes.

        Args:
            alt: what the picture shows, for readers who cannot see it.
            caption: text below it.
        """
        png, width = self.png(draw, *arguments)
        return html.figure(png, alt, caption, width)

    def png(self, draw: Callable, *arguments) -> tuple[bytes, int]:
        """The bytes of the picture and its width in CSS pixels."""
        with matplotlib.rc_context(_STYLE):
            drawn = draw(*arguments)
            buffer = io.BytesIO()
            drawn.savefig(buffer, format='png', dpi=self.dpi, metadata={'Software': None})
        return buffer.getvalue(), round(drawn.get_size_inches()[0] * 100)


def label(text: str, length: int = 28) -> str:
    """A name as the font can draw it, shortened in the middle; tables give it in full."""
    plain = ''.join(c if c.isprintable() and ord(c) < 0x530 else '?' for c in str(text))
    if len(plain) > length:
        plain = f'{plain[: length // 2]}…{plain[-length // 2 + 1 :]}'
    # matplotlib leaves labels with a leading underscore out of legends.
    return ' ' + plain if plain.startswith('_') else plain


def limited(items: Iterable) -> tuple[list, str]:
    """As many items as a picture can hold, and a sentence for the caption if there are more."""
    items = list(items)
    if len(items) <= MAX_ROWS:
        return items, ''
    return items[:MAX_ROWS], f' The picture shows the first {MAX_ROWS} of {len(items):,}.'


def curves(panels: Sequence[Panel]) -> figure.Figure:
    """Curves over training steps, three panels per row; alike panels share a legend."""
    columns = 2 if len(panels) == 4 else min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    shared = len({tuple(panel.lines) for panel in panels}) == 1
    spread = 1 if shared else columns  # panels side by side that have a legend each
    per_row = min(_entries_per_row(panel.lines, spread) for panel in panels)
    legend_rows = max(math.ceil(len(panel.lines) / per_row) for panel in panels)
    height = 3.6 * rows + 0.22 * legend_rows * (1 if shared else rows)
    fig = figure.Figure(figsize=(WIDTH, height), layout='constrained')
    grid = fig.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels, strict=False):
        _draw_panel(axes, panel)
        if len(panel.lines) > 1 and not shared:
            axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.17), ncols=per_row)
    for axes in grid[len(panels) :]:
        axes.remove()
    if shared and len(panels[0].lines) > 1:
        handles, names = grid[0].get_legend_handles_labels()
        fig.legend(handles, names, loc='outside lower center', ncols=per_row)
    return fig


def _entries_per_row(names: Collection[str], spread: int = 1) -> int:
    """How many legend entries fit side by side with one of `spread` panels."""
    longest = max(len(label(name)) for name in names)
    return max(1, min(len(names), int(125 / spread / (longest + 8))))


def _draw_panel(axes, panel: Panel) -> None:
    colours = iter(COLOURS * (1 + len(panel.lines) // len(COLOURS)))
    colour = INK
    for name, (steps, values) in panel.lines.items():
        bold = name == 'all'
        dashed = name.endswith('validation') and len(panel.lines) > 1
        if not dashed:
            colour = INK if bold else next(colours)
        axes.plot(
            steps,
            values,
            label=label(name),
            color=colour,
            linewidth=2.4 if bold else 1.5,
            linestyle=_DASHES if dashed else '-',
            zorder=3 if bold else 2,
            marker='o' if len(steps) < 12 else None,
            markersize=4,
        )
    for value in panel.references.values():
        axes.axhline(value, color=SOFT, linestyle=_DASHES, linewidth=1.1, zorder=1)
    _name_references(axes, panel.references)
    axes.set(title=panel.title, xlabel='step', ylabel=panel.unit)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter('{x:,.10g}')


def _name_references(axes, references: Mapping[str, float]) -> None:
    """Names above their lines, or out of the way of one another where lines are close."""
    low, high = axes.get_ylim()
    step = 0.07  # height of a name, as a share of the axes
    end = -math.inf
    ordered = sorted((value, name) for name, value in references.items())
    for (value, name), (other, _) in zip(ordered, [*ordered[1:], (math.inf, '')], strict=False):
        place = (value - low) / (high - low)
        below = end == -math.inf and (other - value) / (high - low) < step
        place = place - step if below else max(place, end)
        end = place + step
        axes.text(
            1,
            place + 0.01,
            f'{label(name)} {value:.3f}',
            transform=axes.transAxes,
            ha='right',
            fontsize=SMALL,
            color=SOFT,
        )


def estimates(
    rows: Mapping[str, Mapping[str, Sequence]],
    unit: str,
    reference: tuple[str, float | int] | None = None,
    highlight: str | None = None,
) -> figure.Figure:
    """Points with their intervals, the first row on top, one colour per series.

    Args:
        rows: {row: {series: [value, low, high]}}.
        unit: the x axis.
        reference: a name and a value, drawn as a dashed line.
        highlight: the row whose name is bold.
    """
    series = list(dict.fromkeys(key for row in rows.values() for key in row))
    row_height = max(0.42, 0.12 * len(series)) if len(series) > 1 else 0.36
    height = 1.35 + row_height * len(rows) + _more_legend(series)
    fig = figure.Figure(figsize=(WIDTH, height), layout='constrained')
    axes = fig.subplots()
    for number, key in enumerate(series):
        offset = (number - (len(series) - 1) / 2) * min(0.2, 0.8 / len(series))
        points = [(y + offset, row[key]) for y, row in enumerate(rows.values()) if key in row]
        y = np.array([place for place, _ in points])
        value, low, high = np.array([estimate for _, estimate in points], float).T
        colour, marker = COLOURS[number % len(COLOURS)], _MARKERS[number % len(_MARKERS)]
        axes.hlines(y, low, high, color=colour, linewidth=2.2, alpha=0.55)
        axes.plot(value, y, marker, color=colour, markersize=6, label=label(key))
    _name_rows(axes, list(rows))
    if reference:
        _draw_reference(axes, *reference)
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight('bold' if row == highlight else 'normal')
    axes.set_xlabel(unit)
    _legend_above(axes)
    return fig


def intervals_by_level(
    lines: Mapping[str, Sequence], levels: Sequence[str], axis_names: tuple[str, str]
) -> figure.Figure:
    """One line per series over ordered levels, each point with its interval; the first is bold.

    Args:
        lines: {series: [[value, low, high] or None, one per level]}.
        levels: their names.
        axis_names: of the levels and of the values.
    """
    fig = figure.Figure(figsize=(WIDTH, 4.2), layout='constrained')
    axes = fig.subplots()
    for number, (name, points) in enumerate(lines.items()):
        offset = 0.06 * (number - (len(lines) - 1) / 2)
        known = [(x + offset, *point) for x, point in enumerate(points) if point is not None]
        x, value, low, high = np.array(known, float).reshape(-1, 4).T
        style = {'color': COLOURS[number % len(COLOURS)], 'zorder': 4 if number == 0 else 2}
        axes.vlines(x, low, high, linewidth=2.2, alpha=0.55, **style)
        marker = _MARKERS[number % len(_MARKERS)]
        width = 2.6 if number == 0 else 1.2
        axes.plot(x, value, marker=marker, label=label(name), linewidth=width, **style)
    axes.set_xticks(range(len(levels)), [label(name) for name in levels])
    axes.set(xlabel=axis_names[0], ylabel=axis_names[1])
    axes.legend(loc='center left', bbox_to_anchor=(1.0, 0.5))
    return fig


def _draw_reference(axes, name: str, value: float) -> None:
    axes.axvline(value, color=INK, linestyle=_DASHES, linewidth=1.4)
    axes.annotate(
        f'{name} {value:.3f}',
        (value, 1),
        xycoords=('data', 'axes fraction'),
        xytext=(0, 4),
        textcoords='offset points',
        ha='right',
        fontsize=SMALL,
    )


def _name_rows(axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [label(name, 34) for name in names])
    axes.set_ylim(len(names) - 0.45, -0.55)
    axes.tick_params(axis='y', length=0, labelcolor=INK)
    axes.grid(axis='y', visible=False)


def _legend_above(axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    if len(names) > 1:
        columns = _entries_per_row(names)
        axes.figure.legend(handles, names, loc='outside upper left', ncols=columns)


def _more_legend(names: Collection[str]) -> float:
    """Inches of the rows of `_legend_above` after the first."""
    return 0.22 * (math.ceil(len(names) / _entries_per_row(names)) - 1)


def roc(
    models: Mapping[str, tuple[Sequence, Sequence, float]],
    ceiling: tuple[Sequence, Sequence, float] | None,
    highlight: str | None,
) -> figure.Figure:
    """ROC curves {name: (fpr, tpr, auroc)}; the known ceiling is dashed, one model bold."""
    fig = figure.Figure(figsize=(WIDTH, 5.6))
    axes = fig.add_axes((0.07, 0.1, 0.495, 0.88))
    axes.plot([0, 1], [0, 1], color='#b5c0ca', linewidth=1, zorder=1)
    if ceiling:
        fpr, tpr, area = ceiling
        title = f'known ceiling {area:.3f}'
        axes.plot(fpr, tpr, color=INK, linestyle=_DASHES, linewidth=1.6, label=title)
    ranked = sorted(models.items(), key=lambda item: -item[1][2])
    for number, (model, (fpr, tpr, area)) in enumerate(ranked):
        bold = model == highlight
        axes.plot(
            fpr,
            tpr,
            color=COLOURS[number % len(COLOURS)],
            linewidth=2.8 if bold else 1.5,
            zorder=4 if bold else 2,
            label=f'{label(model)} {area:.3f}',
        )
    axes.set(xlabel='false positive rate', ylabel='true positive rate')
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect='equal')
    legend = axes.legend(loc='upper left', bbox_to_anchor=(1.02, 1), title='AUROC', fontsize=10)
    legend.set_alignment('left')
    return fig


def scatter(points: Mapping[str, Sequence], unit: str) -> figure.Figure:
    """Predicted over measured values, {'measured', 'predicted'}, with the line of equality."""
    x, y = np.array(points['measured'], float), np.array(points['predicted'], float)
    fig = figure.Figure(figsize=(6.0, 5.4), layout='constrained')
    axes = fig.subplots()
    low, high = min(x.min(), y.min()), max(x.max(), y.max())
    margin = 0.03 * (high - low) or 1.0
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=INK, linestyle=_DASHES, linewidth=1.1, zorder=3)
    alpha = min(0.8, max(0.15, 300 / len(x)))
    axes.scatter(x, y, s=11, color=COLOURS[0], alpha=alpha, linewidths=0, zorder=2)
    axes.set(xlabel=f'{label(unit)}, measured', ylabel=f'{label(unit)}, predicted')
    axes.set(xlim=ends, ylim=ends, aspect='equal')
    return fig


def bars(rows: Mapping[str, Mapping[str, float | int]], unit: str) -> figure.Figure:
    """Horizontal bars, one per series in each row, the first row on top; the last has its value.

    Args:
        rows: {row: {series: value}}, every row with the same series.
        unit: the x axis.
    """
    series = list(next(iter(rows.values())))
    height = 1.2 + 0.42 * len(rows) + _more_legend(series)
    fig = figure.Figure(figsize=(WIDTH, height), layout='constrained')
    axes = fig.subplots()
    thickness = 0.72 / len(series)
    colours = ('#b9c9d8', *COLOURS) if len(series) > 1 else COLOURS
    for number, (key, colour) in enumerate(zip(series, colours, strict=False)):
        y = np.arange(len(rows)) + (number - (len(series) - 1) / 2) * thickness
        values = np.array([row[key] for row in rows.values()], float)
        drawn = axes.barh(y, values, thickness, color=colour, label=label(key))
        if key == series[-1]:
            axes.bar_label(drawn, fmt='%.2f', padding=4, fontsize=SMALL, color=SOFT)
    _name_rows(axes, list(rows))
    axes.margins(x=0.08)
    axes.set_xlabel(unit)
    _legend_above(axes)
    return fig


def heat_map(rows: Mapping[str, Mapping[str, float | int]], unit: str) -> figure.Figure:
    """Values as colours with their numbers, one cell per row and column; NaN is left blank.

    Args:
        rows: {row: {column: value}}, every row with the same columns.
        unit: the colour bar.
    """
    columns = list(next(iter(rows.values())))
    values_RC = np.array([[row[column] for column in columns] for row in rows.values()], float)
    width = min(WIDTH, 3.6 + 1.05 * len(columns))
    fig = figure.Figure(figsize=(width, 1.1 + 0.34 * len(rows)), layout='constrained')
    axes = fig.subplots()
    drawn = axes.imshow(values_RC, cmap='Blues', aspect='auto')
    low, high = drawn.get_clim()
    for (row, column), value in np.ndenumerate(values_RC):
        if np.isfinite(value):
            dark = high > low and (value - low) / (high - low) > 0.6
            colour = 'white' if dark else INK
            axes.text(
                column,
                row,
                html.decimal(value, 2),
                ha='center',
                va='center',
                fontsize=SMALL,
                color=colour,
            )
    axes.set_yticks(range(len(rows)), [label(name, 34) for name in rows])
    axes.set_xticks(range(len(columns)), [label(name, 18) for name in columns])
    axes.tick_params(length=0, labelcolor=INK, labeltop=True, labelbottom=False)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    fig.colorbar(drawn, ax=axes, label=unit, fraction=0.05, pad=0.02).outline.set_visible(False)
    return fig
