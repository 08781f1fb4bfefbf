"""The report's pictures: matplotlib figures as PNG bytes, drawn without pyplot so that nothing is global."""

import io
import math
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib import figure, patches, ticker

DPI = 150
WIDTH = 10.0  # inches of a full-width picture: 1,004 CSS pixels on the page
TIMES = '\N{MULTIPLICATION SIGN}'
INK, SOFT, LINE = '#1b2733', '#5b6b7a', '#dde3e8'
# Okabe and Ito (2008): apart for every kind of colour vision; then tab20's dark half for many species.
COLOURS = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#7A5195', '#8C6D31')
COLOURS += ('#393b79', '#637939', '#ad494a', '#17becf', '#7f7f7f', '#bcbd22', '#a55194', '#6b6ecf')
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
    'legend.fontsize': 9.5,
    'lines.linewidth': 1.8,
    'lines.solid_capstyle': 'round',
}


def style():
    """The context in which every picture is made and written."""
    return matplotlib.rc_context(_STYLE)


def png(fig: figure.Figure, dpi: int = DPI) -> bytes:
    """A figure's PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    fig.savefig(buffer, format='png', dpi=dpi, metadata={'Software': None})
    return buffer.getvalue()


def name(text: str, longest: int = 28) -> str:
    """A label that the font can draw and no library interprets, shortened in the middle; tables give it in full."""
    plain = ''.join(c if c.isprintable() and ord(c) < 0x530 else '?' for c in str(text))
    if len(plain) > longest:
        plain = f'{plain[: longest // 2]}…{plain[-longest // 2 + 1 :]}'
    # matplotlib leaves labels with a leading underscore out of legends.
    return ' ' + plain if plain.startswith('_') else plain


def curves(
    panels: Sequence[tuple[str, str, Mapping[str, tuple[Sequence, Sequence]]]],
    reference_lines: Mapping[str, float] | None = None,
) -> figure.Figure:
    """Loss curves, one panel each: (title, y label, {line: (steps, values)}); a line named 'all' is drawn bold.

    `reference_lines` (name: value) are dashed in the last panel.
    """
    most = max(len(lines) for _, _, lines in panels)
    legend_rows = math.ceil(most / 4) if len(panels) > 1 else math.ceil(most / 7)
    fig = figure.Figure(figsize=(WIDTH, 3.7 + 0.22 * legend_rows), layout='constrained')
    for at, (axes, (title, label, lines)) in enumerate(
        zip(np.atleast_1d(fig.subplots(1, len(panels))), panels, strict=True)
    ):
        colours = iter(COLOURS * (1 + len(lines) // len(COLOURS)))
        for line, (steps, values) in lines.items():
            bold = line == 'all'
            few = 'o' if len(steps) < 12 else None
            axes.plot(
                steps,
                values,
                label=name(line, 18 if len(panels) > 1 else 28),
                color=INK if bold else next(colours),
                linewidth=2.4 if bold else 1.5,
                zorder=3 if bold else 2,
                marker=few,
                markersize=4.5,
            )
        axes.set(title=title, xlabel='step', ylabel=label)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
        if reference_lines and at == len(panels) - 1:
            _references(axes, reference_lines)
        if len(lines) > 1:
            columns = min(len(lines), 4 if len(panels) > 1 else 7)
            axes.legend(loc='upper center', bbox_to_anchor=(0.5, -0.16), ncols=columns)
    return fig


def _references(axes, reference_lines: Mapping[str, float]) -> None:
    for colour, (label, value) in zip((SOFT, COLOURS[1]), reference_lines.items(), strict=False):
        axes.axhline(value, color=colour, linestyle=(0, (5, 3)), linewidth=1.4)
        axes.annotate(
            f'{label} {value:.3f}',
            (1, value),
            xycoords=('axes fraction', 'data'),
            xytext=(0, 3),
            textcoords='offset points',
            ha='right',
            fontsize=9,
            color=colour,
        )


def estimates(
    rows: Mapping[str, Mapping[str, Sequence[float]]],
    label: str,
    reference: tuple[str, float] | None = None,
    highlight: str | None = None,
) -> figure.Figure:
    """Points with their intervals: {row: {series: [value, low, high]}}, first row on top; one colour a series."""
    series = list(dict.fromkeys(key for row in rows.values() for key in row))
    tall = 0.42 if len(series) > 1 else 0.36
    fig = figure.Figure(figsize=(WIDTH, 1.35 + tall * len(rows)), layout='constrained')
    axes = fig.subplots()
    for at, key in enumerate(series):
        offset = (at - (len(series) - 1) / 2) * 0.2
        found = [(place, row[key]) for place, row in enumerate(rows.values()) if key in row]
        y = np.array([place + offset for place, _ in found])
        value, low, high = np.array([estimate for _, estimate in found], float).T
        axes.hlines(y, low, high, color=COLOURS[at], linewidth=2.2, alpha=0.55)
        axes.plot(value, y, 'osD^v'[at % 5], color=COLOURS[at], markersize=6, label=name(key))
    axes.set_yticks(range(len(rows)), [name(row, 34) for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis='y', length=0, labelcolor=INK)
    axes.grid(axis='y', visible=False)
    if reference:
        axes.axvline(reference[1], color=INK, linestyle=(0, (5, 3)), linewidth=1.4)
        axes.annotate(
            f'{reference[0]} {reference[1]:.3f}',
            (reference[1], 1),
            xycoords=('data', 'axes fraction'),
            xytext=(0, 4),
            textcoords='offset points',
            ha='right',
            fontsize=9.5,
        )
    for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
        tick.set_fontweight('bold' if row == highlight else 'normal')
    axes.set_xlabel(label)
    if len(series) > 1:
        axes.legend(loc='lower left', bbox_to_anchor=(0, 1.0), ncols=len(series), borderaxespad=0)
    return fig


def roc(
    models: Mapping[str, tuple[Sequence, Sequence, float]],
    ceiling: tuple[Sequence, Sequence, float] | None,
    highlight: str | None,
) -> figure.Figure:
    """ROC curves {name: (fpr, tpr, auroc)}; the known ceiling is dashed, the model in question bold."""
    fig = figure.Figure(figsize=(WIDTH, 5.6))
    axes = fig.add_axes((0.07, 0.1, 0.495, 0.88))
    axes.plot([0, 1], [0, 1], color='#b5c0ca', linewidth=1, zorder=1)
    if ceiling:
        axes.plot(
            ceiling[0],
            ceiling[1],
            color=INK,
            linestyle=(0, (5, 3)),
            linewidth=1.6,
            label=f'known ceiling {ceiling[2]:.3f}',
        )
    ranked = sorted(models.items(), key=lambda item: -item[1][2])
    for colour, (model, (fpr, tpr, area)) in zip(_cycle(ranked), ranked, strict=True):
        bold = model == highlight
        axes.plot(
            fpr,
            tpr,
            color=colour,
            linewidth=2.8 if bold else 1.5,
            zorder=4 if bold else 2,
            label=f'{name(model)} {area:.3f}',
        )
    axes.set(xlabel='false positive rate', ylabel='true positive rate')
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect='equal')
    legend = axes.legend(loc='upper left', bbox_to_anchor=(1.02, 1), title='AUROC', fontsize=10)
    legend.set_alignment('left')
    return fig


def _cycle(items: Sequence) -> Sequence[str]:
    return (COLOURS * (1 + len(items) // len(COLOURS)))[: len(items)]


def mixture(rows: Sequence[tuple[str, float, float]]) -> figure.Figure:
    """Wanted and drawn share of each species, side by side: (species, wanted, drawn)."""
    fig = figure.Figure(figsize=(WIDTH, 1.2 + 0.42 * len(rows)), layout='constrained')
    axes = fig.subplots()
    place = np.arange(len(rows))
    wanted, drawn = (100 * np.array([row[at] for row in rows]) for at in (1, 2))
    axes.barh(place - 0.19, wanted, 0.36, color='#b9c9d8', label='wanted')
    axes.barh(place + 0.19, drawn, 0.36, color=COLOURS[0], label='drawn')
    for y, value in zip(place, drawn, strict=True):
        axes.annotate(f'{value:.2f}', (value, y + 0.19), xytext=(4, 0), textcoords='offset points',
                      va='center', fontsize=9, color=SOFT)  # fmt: skip
    axes.set_yticks(place, [name(row[0], 34) for row in rows])
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.tick_params(axis='y', length=0, labelcolor=INK)
    axes.grid(axis='y', visible=False)
    axes.set_xlabel('share of windows drawn, %')
    axes.legend(loc='lower left', bbox_to_anchor=(0, 1.0), ncols=2, borderaxespad=0)
    return fig


def diagram(blocks: Sequence[tuple[str, str, int]]) -> figure.Figure:
    """Boxes from left to right joined by arrows: (title, lines below it, how often the box repeats)."""
    gap, tall = 0.28, 1.7
    wide = (WIDTH - 0.2 - gap * (len(blocks) - 1)) / len(blocks)
    fig = figure.Figure(figsize=(WIDTH, tall + 0.75))
    axes = fig.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, tall + 0.75))
    axes.axis('off')
    for at, (title, lines, times) in enumerate(blocks):
        left = 0.1 + at * (wide + gap)
        for copy in range(min(times, 3) - 1, -1, -1):
            box = patches.FancyBboxPatch(
                (left + 0.045 * copy, 0.2 + 0.07 * copy),
                wide - 0.1,
                tall,
                boxstyle='round,pad=0,rounding_size=0.09',
                facecolor='#e8f1f8' if times > 1 else '#f5f7f9',
                edgecolor=COLOURS[0] if times > 1 else '#b5c0ca',
                linewidth=1.1,
            )
            axes.add_patch(box)
        middle = left + (wide - 0.1) / 2
        axes.text(middle, tall - 0.02, title, ha='center', va='center', fontsize=10, weight='bold')
        axes.text(
            middle, 0.97, lines, ha='center', va='center', fontsize=8.8, color=SOFT, linespacing=1.5
        )
        if times > 1:
            axes.text(
                middle,
                tall + 0.52,
                f'{TIMES} {times}',
                ha='center',
                fontsize=10.5,
                weight='bold',
                color=COLOURS[0],
            )
        if at:
            axes.annotate('', (left, 0.2 + tall / 2), (left - gap - 0.1, 0.2 + tall / 2),
                          arrowprops={'arrowstyle': '-|>', 'color': SOFT, 'linewidth': 1.3})  # fmt: skip
    return fig
