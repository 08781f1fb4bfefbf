"""Logos draw what the numbers say."""

import numpy as np
from matplotlib import figure

from genojax.interpret import plot_logo, plots


def test_letters_have_the_height_and_place_of_their_numbers():
    axes = figure.Figure().subplots()
    heights = np.zeros((3, 4))
    heights[0] = [0.5, 2.0, 0, 0]  # A below C
    heights[2, 3] = -1.5  # T below the axis
    plot_logo.draw(axes, heights)
    boxes = [
        patch.get_path().get_extents(patch.get_transform() - axes.transData)
        for patch in axes.patches
    ]
    ends = [(box.y0, box.y1) for box in boxes]
    np.testing.assert_allclose(np.sort(ends), [[0, 0.5], [0.5, 2.5], [-1.5, 0]], atol=1e-9)
    assert [round((box.x0 + box.x1) / 2, 6) for box in boxes] == [0, 0, 2]


def test_information_of_a_sure_and_of_an_unknown_column():
    p = np.array([[1.0, 0, 0, 0], [0.25] * 4])
    np.testing.assert_allclose(plot_logo.information(p), [[2, 0, 0, 0], [0] * 4])


def test_long_sequences_are_shown_in_part_and_say_so():
    assert plots.shown(1200) == ''
    assert plots.shown(1201) == ' The picture shows the first 1,200 bases.'
    effects = np.random.default_rng(0).standard_normal((130, 4)).astype(np.float32)
    drawn = plots.effects(np.zeros(130, np.uint8), effects, 'unit')
    assert len(drawn.axes) == 5  # two lines of two, and the colour bar


def test_the_unit_of_effects_lies_within_the_picture():
    unit = 'bits, log2 p(alternate) - log2 p(reference)'
    drawn = plots.effects(np.zeros(60, np.uint8), np.eye(60, 4, dtype=np.float32), unit)
    drawn.draw_without_rendering()
    box, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
    assert any(unit in axes.get_xlabel() for axes in drawn.axes)
