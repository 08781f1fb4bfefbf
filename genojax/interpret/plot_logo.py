"""Sequence logos: letters as glyph outlines, scaled to the numbers that they show."""

import functools

import numpy as np
from matplotlib import font_manager, patches, textpath, transforms

from genojax import dna
from genojax.interpret.motifs import meme

COLOURS = {'A': '#009E73', 'C': '#0072B2', 'G': '#E69F00', 'T': '#D55E00'}


@functools.cache
def _glyph(letter: str):
    """The outline of a letter, its box and its colour."""
    font = font_manager.FontProperties(family='DejaVu Sans', weight='bold')
    outline = textpath.TextPath((0, 0), letter, size=1, prop=font)
    return outline, outline.get_extents()


def draw(axes, heights_L4: np.ndarray) -> None:
    """Draws a logo: positive letters upwards, negative ones downwards, the largest outermost.

    Args:
        heights_L4: height of A, C, G and T at each position; NaN counts as 0.
    """
    heights_L4 = np.nan_to_num(heights_L4)
    for position, heights_4 in enumerate(heights_L4):
        for sign in (1, -1):
            base = 0.0
            for code in np.argsort(np.abs(heights_4)).tolist():
                height = float(heights_4[code])
                if height * sign > 0:
                    _letter(axes, dna.ALPHABET[code], position, base, height)
                    base += height
    axes.set_xlim(-0.5, len(heights_L4) - 0.5)
    low = np.minimum(heights_L4, 0).sum(1).min(initial=0)
    high = np.maximum(heights_L4, 0).sum(1).max(initial=0)
    axes.set_ylim(1.05 * low, 1.05 * high if high > low else low + 1)
    if low < 0:
        axes.axhline(0, color='#b5c0ca', linewidth=0.8)
    axes.grid(False)


def _letter(axes, letter: str, position: int, base: float, height: float) -> None:
    """One letter of a height, negative to stand on its head, centred at a position."""
    outline, box = _glyph(letter)
    transform = transforms.Affine2D().translate(-box.x0, -box.y0)
    transform.scale(0.94 / box.width, height / box.height).translate(position - 0.47, base)
    axes.add_patch(
        patches.PathPatch(
            outline,
            facecolor=COLOURS[letter],
            linewidth=0,
            transform=transform + axes.transData,
        )
    )


def information(p_W4: np.ndarray) -> np.ndarray:
    """Heights of a motif's logo in bits: p (2 + sum p log2 p) (Schneider and Stephens 1990)."""
    return p_W4 * meme.information(p_W4)[:, None]
