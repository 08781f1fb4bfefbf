import numpy as np
import pytest

from genojax.report import curves, plots

NAN = float('nan')


@pytest.mark.parametrize('count', [1, 2, 3, 4, 7])
def test_each_panel_has_its_axes(count):
    panels = [plots.Panel(f'panel {n}', 'unit', {'all': ([1, 2], [n, n])}) for n in range(count)]
    assert [axes.get_title(loc='left') for axes in _with_style(plots.curves, panels).axes] == [
        f'panel {n}' for n in range(count)
    ]


def _with_style(draw, *arguments):
    kept = []
    plots.Renderer(100).figure(lambda: kept.append(draw(*arguments)) or kept[0], alt='', caption='')
    return kept[0]


def test_panels_with_the_same_lines_share_a_legend():
    lines = {'training': ([1, 2], [3, 4]), 'validation': ([1, 2], [5, 6])}
    alike = _with_style(plots.curves, [plots.Panel(name, '', lines) for name in 'ab'])
    assert len(alike.legends) == 1 and not any(axes.get_legend() for axes in alike.axes)
    other = plots.Panel('c', '', {'x': ([1], [2]), 'y': ([1], [2])})
    differ = _with_style(plots.curves, [plots.Panel('a', '', lines), other])
    assert not differ.legends and all(axes.get_legend() for axes in differ.axes)


def test_every_label_lies_within_the_picture():
    """Long names are the usual cause of a legend that is cut at the edge. Three pixels are its empty border."""
    names = [f'a rather long name of a species {n}' for n in range(9)]
    lines = {name: ([1, 2], [n, n + 1]) for n, name in enumerate(names)}
    panels = [plots.Panel('a', 'u', lines), plots.Panel('b', 'u', {'all': ([1], [1]), **lines})]
    for fig in (
        _with_style(plots.curves, panels),
        _with_style(plots.curves, panels[:1] * 3),
        _with_style(plots.estimates, {n: {'x': [1, 0, 2], 'y': [2, 1, 3]} for n in names}, 'unit'),
        _with_style(plots.estimates, {'x': {n: [1, 0, 2] for n in names}}, 'unit'),
        _with_style(plots.bars, {n: {'weight': 1.0, 'drawn': 2.0} for n in names}, 'unit'),
        _with_style(plots.bars, {'x': dict.fromkeys(names, 1.0)}, 'unit'),
        _with_style(plots.heat_map, {n: {'x': 1.0, 'y': NAN} for n in names}, 'unit'),
    ):
        width, height = fig.canvas.get_width_height()
        legends = [axes.get_legend() for axes in fig.axes if axes.get_legend()] + fig.legends
        texts = [text for axes in fig.axes for text in (*axes.get_yticklabels(), axes.title)]
        for part in legends + texts:
            box = part.get_window_extent()
            assert box.x0 >= -3 and box.x1 <= width + 3, part
            assert box.y0 >= -3 and box.y1 <= height + 3, part


@pytest.mark.parametrize('values', [(1.9, 1.9), (1.9, 1.901, 1.902), (1.8, 1.9, 1.905, 2.0)])
def test_names_of_references_do_not_overlap(values):
    references = {f'reference {n}': value for n, value in enumerate(values)}
    panel = plots.Panel('a', 'u', {'all': ([1, 2], [1.5, 2.0])}, references)
    fig = _with_style(plots.curves, [panel] * 3)
    for axes in fig.axes:
        boxes = [one.get_window_extent() for one in axes.texts]
        heights = sorted((box.y0, box.y1) for box in boxes)
        assert len(heights) == len(values)
        assert all(a[1] < b[0] + 1 for a, b in zip(heights, heights[1:], strict=False))


def test_estimates_are_drawn_where_they_are():
    rows = {'one': {'x': [0.5, 0.4, 0.6]}, 'two': {'x': [0.7, 0.6, 0.9]}}
    (axes,) = _with_style(plots.estimates, rows, 'unit', ('ceiling', 0.95), 'two').axes
    points = axes.lines[0].get_xydata()
    np.testing.assert_allclose(points, [[0.5, 0], [0.7, 1]])
    assert [t.get_fontweight() for t in axes.get_yticklabels()] == ['normal', 'bold']


def test_lines_over_levels_are_drawn_where_they_are_with_their_intervals():
    lines = {'one': [[0.5, 0.4, 0.6], [0.7, 0.6, 0.9]], 'two': [None, [0.2, None, None]]}
    (axes,) = _with_style(plots.intervals_by_level, lines, ['near', 'far'], ('x', 'y')).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[-0.03, 0.5], [0.97, 0.7]])
    np.testing.assert_allclose(axes.lines[1].get_xydata(), [[1.03, 0.2]])
    ends = [segment[:, 1].tolist() for segment in axes.collections[0].get_segments()]
    assert ends == [[0.4, 0.6], [0.6, 0.9]]
    assert [t.get_text() for t in axes.get_xticklabels()] == ['near', 'far']


def test_values_that_are_not_finite_are_left_out_of_curves():
    rows = [{'kind': 'train', 'step': n, 'loss': v} for n, v in enumerate((1.0, NAN, 3.0, None))]
    assert curves.line(rows, 'loss') == ([0, 2], [1.0, 3.0])


def test_rows_of_a_task_lose_its_name_and_nothing_else():
    rows = [
        {'kind': 'train', 'step': 1, 'loss': 5.0, 'a/loss': 2.0, 'a/loss/species/x': 3.0, 'ab/loss': 9.0},
        {'kind': 'validation', 'step': 1, 'ab/loss': 9.0},
    ]  # fmt: skip
    assert curves.task_rows(rows, 'a') == [
        {'kind': 'train', 'step': 1, 'loss': 2.0, 'loss/species/x': 3.0}
    ]


def test_panels_say_the_split_where_there_is_only_one():
    rows = [{'kind': 'validation', 'step': n, 'bits': 2.0} for n in (1, 2)]
    (panel,) = curves.panels(rows, {})
    assert (panel.title, panel.unit) == ('bits', 'validation')
    (panel,) = curves.panels(rows, {'bits': ('Bits', 'per base')})
    assert panel.unit == 'per base, validation'
    rows += [{'kind': 'train', 'step': n, 'bits': 2.0} for n in (1, 2)]
    (panel,) = curves.panels(rows, {'bits': ('Bits', 'per base')})
    assert (panel.title, panel.unit, list(panel.lines)) == (
        'Bits', 'per base', ['training', 'validation']
    )  # fmt: skip


def test_groups_are_drawn_beside_their_mean():
    rows = [
        {'kind': 'train', 'step': 1, 'loss': 2.0, 'loss/species/a': 1.0, 'loss/species/b': 3.0},
    ]
    assert curves.groups(rows, 'loss') == {
        'species': {'all': ([1], [2.0]), 'a': ([1], [1.0]), 'b': ([1], [3.0])}
    }


def test_titles_side_by_side_do_not_overlap():
    panels = [plots.Panel('Cross-entropy of masked tokens', 'u', {'all': ([1], [1])})] * 3
    fig = _with_style(plots.curves, panels)
    boxes = [axes._left_title.get_window_extent() for axes in fig.axes]
    assert all(left.x1 < right.x0 for left, right in zip(boxes, boxes[1:], strict=False))
