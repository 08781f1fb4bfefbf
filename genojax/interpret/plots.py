"""Pictures of interpretations: logos, heat maps and matrices, without pyplot."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib import figure, ticker

from genojax import dna
from genojax.interpret import plot_logo
from genojax.report import plots

PER_LINE = 100  # bases of a sequence per line of a picture
MAX_LINES = 12


def _lines(length: int) -> list[range]:
    """Bases of each line of a picture; a longer sequence is shown up to the last line."""
    count = min(math.ceil(length / PER_LINE), MAX_LINES)
    return [range(i * PER_LINE, min((i + 1) * PER_LINE, length)) for i in range(count)]


def shown(length: int) -> str:
    """A sentence if a sequence is longer than its picture."""
    limit = PER_LINE * MAX_LINES
    return f' The picture shows the first {limit:,} bases.' if length > limit else ''


def effects(codes_L: np.ndarray, effects_L4: np.ndarray, unit: str) -> figure.Figure:
    """A logo of the importance of each base above the heat map of its substitutions."""
    importance_L = -np.nansum(effects_L4, axis=1) / 3
    heights_L4 = dna.one_hot(codes_L) * importance_L[:, None]
    limit = max(float(np.nanmax(np.abs(effects_L4), initial=0)), 1e-9)
    lines = _lines(len(codes_L))
    fig = figure.Figure(figsize=(plots.WIDTH, 2.3 * len(lines)), layout='constrained')
    grid = fig.subplots(2 * len(lines), 1, squeeze=False, height_ratios=[1.3, 1] * len(lines))[:, 0]
    low, high = heights_L4.min(), heights_L4.max()
    for line, logo, heat in zip(lines, grid[::2], grid[1::2], strict=True):
        part = slice(line.start, line.stop)
        plot_logo.draw(logo, heights_L4[part])
        logo.set_ylim(1.05 * low, 1.05 * high if high > low else low + 1)
        logo.set_ylabel('importance')
        logo.set_xticks([])
        image = heat.imshow(
            effects_L4[part].T, cmap='RdBu_r', vmin=-limit, vmax=limit, aspect='auto'
        )
        heat.set_yticks(range(4), list(dna.ALPHABET))
        heat.grid(False)
        _number_bases(heat, line)
        for axes in (logo, heat):
            axes.set_xlim(-0.5, PER_LINE - 0.5 if len(lines) > 1 else len(line) - 0.5)
    heat.set_xlabel(plots.label(f'effect: {unit}', 100))  # a bar is too short for a unit's name
    fig.colorbar(image, ax=grid.tolist(), label='effect', shrink=0.6)
    return fig


def attributions(codes_L: np.ndarray, values_L: np.ndarray, unit: str) -> figure.Figure:
    """Letters of the height of their attribution."""
    heights_L4 = dna.one_hot(codes_L) * np.nan_to_num(values_L)[:, None]
    lines = _lines(len(codes_L))
    fig = figure.Figure(figsize=(plots.WIDTH, 1.5 * len(lines) + 0.4), layout='constrained')
    grid = fig.subplots(len(lines), 1, squeeze=False)[:, 0]
    low, high = min(heights_L4.min(), 0), max(heights_L4.max(), 0)
    for line, axes in zip(lines, grid, strict=True):
        plot_logo.draw(axes, heights_L4[line.start : line.stop])
        axes.set_ylim(1.05 * low, 1.05 * high if high > low else low + 1)
        axes.set_xlim(-0.5, PER_LINE - 0.5 if len(lines) > 1 else len(line) - 0.5)
        _number_bases(axes, line)
    fig.supylabel(plots.label(unit, 40), fontsize=10)
    return fig


def _number_bases(axes, line: range) -> None:
    """Ticks every ten bases, numbered from 0 within the sequence."""
    axes.xaxis.set_major_locator(ticker.MultipleLocator(10))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f'{x + line.start:.0f}'))


def matrix(
    values_LL: np.ndarray,
    unit: str,
    title: str,
    labels: tuple[str, str] = ('base that is predicted', 'base that is substituted'),
    limits: tuple[float, float] | None = None,
) -> figure.Figure:
    """A matrix of pairs, such as bases; NaN is grey.

    Args:
        labels: of the columns and of the rows.
        limits: values at the ends of the colours, which then have a neutral middle; by default
            zero (or the lowest value) and nearly the highest.
    """
    fig = figure.Figure(figsize=(7.5, 6.5), layout='constrained')
    axes = fig.subplots()
    high = float(np.nanpercentile(values_LL, 99.5)) if np.isfinite(values_LL).any() else 1.0
    low = min(0.0, float(np.nanmin(values_LL))) if np.isfinite(values_LL).any() else 0.0
    axes.set_facecolor('#d5dae0')
    colours = 'magma'
    if limits is not None:
        (low, high), colours = limits, 'RdBu_r'
    image = axes.imshow(values_LL, cmap=colours, vmin=low, vmax=max(high, low + 1e-9))
    axes.set_title(plots.label(title, 60))
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(False)
    if max(values_LL.shape) < 20:
        axes.xaxis.set_major_locator(ticker.MultipleLocator(1))
        axes.yaxis.set_major_locator(ticker.MultipleLocator(1))
    fig.colorbar(image, ax=axes, label=plots.label(unit, 60), shrink=0.8)
    return fig


def logo(p_W4: np.ndarray) -> figure.Figure:
    """The logo of a motif, in bits."""
    fig = figure.Figure(figsize=(0.4 * len(p_W4) + 1, 2.0), layout='constrained')
    axes = fig.subplots()
    plot_logo.draw(axes, plot_logo.information(p_W4))
    axes.set_ylim(0, 2)
    axes.set_ylabel('bits')
    axes.xaxis.set_major_locator(ticker.MultipleLocator(1))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda x, _: f'{x + 1:.0f}'))
    return fig


def logos(rows: Sequence[tuple[str, Sequence[np.ndarray | None]]]) -> figure.Figure:
    """Logos of motifs in bits: per row a title and matrices side by side, None for an empty place.

    Args:
        rows: (title, matrices [W, 4]); every row has equally many.
    """
    columns = len(rows[0][1])
    width = plots.WIDTH if columns > 1 else plots.WIDTH / 2
    fig = figure.Figure(figsize=(width, 0.95 * len(rows) + 0.2), layout='constrained')
    grid = fig.subplots(len(rows), columns, squeeze=False)
    for line, (title, matrices) in zip(grid, rows, strict=True):
        line[0].set_ylabel(plots.label(title), fontsize=9)
        for axes, p_W4 in zip(line, matrices, strict=True):
            if p_W4 is None:
                axes.text(0.5, 0.5, 'not found', ha='center', va='center', color='#8a949e')
                axes.grid(False)
            else:
                plot_logo.draw(axes, plot_logo.information(p_W4))
                axes.set_ylim(0, 2)
            axes.set_xticks([])
            axes.set_yticks([])
    return fig
