"""Pages in a real browser, at the width of a desk and of a telephone: nothing is loaded from
elsewhere, missing, cut or too small to read.
"""

import numpy as np
import pytest
from matplotlib import text

from genojax.interpret import pages
from genojax.interpret import plots as interpret_plots
from genojax.plan import collectives, search
from genojax.plan import page as plan_page
from genojax.plan import plan as plans
from genojax.report import directory, page, plots
from tests import browser
from tests.report import made_up_run as made_up

pytestmark = pytest.mark.skipif(bool(browser.ABSENT), reason=browser.REASON)
LONG = [f'Escherichia_coli_O157_H7_str_Sakai_GCF_0000088{number}.2' for number in range(10, 22)]
MIN_PIXELS = 11  # font size of the smallest letters

UNFOLD = "[...document.querySelectorAll('details')].map(one => one.open = true).length"
# `cut`: what is wider than its own box, or out of the window, where nothing can be scrolled.
LAYOUT = """(() => {
  const root = document.documentElement, cut = [], sizes = [], pictures = [...document.images];
  const scrolls = one => one && (/auto|scroll/.test(getComputedStyle(one).overflowX)
    || scrolls(one.parentElement));
  for (const one of document.body.querySelectorAll('*')) {
    const box = one.getBoundingClientRect(), inline = getComputedStyle(one).display === 'inline';
    const wide = !inline && one.scrollWidth > one.clientWidth + 1;
    const outside = box.left < -1 || box.right > root.clientWidth + 1;
    if (box.width && (wide || outside) && !scrolls(one)) cut.push(one.outerHTML.slice(0, 90));
  }
  const words = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (words.nextNode()) {
    const parent = words.currentNode.parentElement;
    if (words.currentNode.data.trim() && parent.getClientRects().length)
      sizes.push(parseFloat(getComputedStyle(parent).fontSize));
  }
  return {
    cut, smallest: Math.min(...sizes), sideways: root.scrollWidth - root.clientWidth,
    missing: pictures.filter(one => !one.naturalWidth).length,
    scales: pictures.map(one => one.getBoundingClientRect().width / one.getAttribute('width')),
  };
})()"""


@pytest.fixture(scope='module')
def chromium(tmp_path_factory):
    with browser.start(tmp_path_factory.mktemp('browser')) as started:
        yield started


@pytest.fixture(scope='module')
def smallest():
    """Smallest font size of the pictures drawn in this module, in CSS pixels at their full size."""
    sizes, png = [], plots.Renderer.png

    def recorded(self, draw, *arguments):
        figures = []
        result = png(self, lambda *a: figures.append(draw(*a)) or figures[0], *arguments)
        words = [one for one in figures[0].findobj(text.Text) if one.get_visible()]
        sizes.extend(one.get_fontsize() / 72 * 100 for one in words if one.get_text().strip())
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plots.Renderer, 'png', recorded)
        patch.setattr(page, '_RESOLUTIONS', (40,))  # drawn three times faster, shown as large
        yield lambda: min(sizes)


def plan_of_a_pod() -> plans.Plan:
    """A plan with made-up figures."""
    gathered = [
        collectives.Collective('all-gather', 64, 120, 9_000_000, 400_000, 'layer/attention')
    ]
    return plans.Plan(
        **{'topology': 'v5e:8x8', 'chips': 64, 'devices': 64, 'mesh': {'data': 8, 'fsdp': 8}},
        **{'accumulate': 2, 'parameters': 353_758_218, 'trained': 353_758_218},
        memory=plans.Memory(
            **{'params': 1.2, 'optimizer': 2.4, 'arguments': 4.0, 'temporaries': 7.5, 'code': 0.1},
            **{'peak': 11.6, 'validation': 6.5, 'validation_code': 0.05, 'device': 16.0},
        ),
        times=plans.Times(0.8, 0.3, 0.1),
        **{'checkpoint': 4_000_000_000, 'model_flops': 10**16, 'hardware_flops': 2 * 10**16},
        **{'traffic': 10**11, 'collectives': gathered, 'tokens': 2**22, 'bases': 2**22},
        **{'steps': 10_000, 'gathered_weights': [], 'whole_rows': [], 'config_sha256': 'a' * 64},
        **{'compile_seconds': 71.5, 'versions': {'jax': '0.10.2'}},
    )  # fmt: skip


def interpretation(folder):
    """The page of a mutagenesis of two rows with made-up effects."""
    rng = np.random.default_rng(0)
    codes_L, effects_L4 = rng.integers(0, 4, 250), rng.normal(size=(250, 4))
    figures = [
        (
            LONG[0],
            'Effects.',
            interpret_plots.effects,
            (codes_L, effects_L4, 'log-odds of promoter'),
        ),
        (LONG[1], 'Pairs.', interpret_plots.matrix, (effects_L4 @ effects_L4.T, 'nats', LONG[1])),
    ]
    rows = [[name, 250, 'A12C', -0.25, 'T9G', 0.5] for name in LONG]
    columns = ['row', 'bases', 'lowers most', 'effect', 'raises most', 'effect']
    return pages.write(
        folder, 'Mutagenesis', f'runs/{LONG[2]}', figures, {'Strongest': (columns, rows)}
    )


PAGES = {
    'demo': lambda folder: directory.write(made_up.fill(folder), made_up.project()),
    'every_task': lambda folder: directory.write(
        made_up.fill_every_task(folder, LONG), made_up.project()
    ),
    'plan': lambda folder: plan_page.write(
        folder / 'plan.html', plan_of_a_pod(), [search.Candidate((), plan_of_a_pod())]
    ),
    'interpretation': interpretation,
}


@pytest.mark.parametrize('name', PAGES)
def test_a_page_can_be_read(name, chromium, smallest, tmp_path):
    path = PAGES[name](tmp_path)
    assert 'class="damage"' not in path.read_text()
    chromium.complaints(), chromium.requests()
    for width in (1_200, 400):
        for scripts in (True, False):
            chromium.open(path, width, scripts)
            assert chromium.complaints() == []
            assert chromium.requests() == [path.as_uri()]
            chromium.evaluate(UNFOLD)
            seen = chromium.evaluate(LAYOUT)
            assert (seen['cut'], seen['sideways'], seen['missing']) == ([], 0, 0)
            assert len(seen['scales']) >= 2
            assert min(seen['smallest'], smallest() * min(seen['scales'])) >= MIN_PIXELS


def test_what_is_wrong_is_found(chromium, tmp_path):
    path = tmp_path / 'wrong.html'
    path.write_text(
        '<script>console.error("a mistake")</script><h1 style="font-size: 10px; overflow: hidden">'
        f'{LONG[0] * 9}</h1><img src="http://127.0.0.1:1/absent.png" width="300">'
    )
    chromium.complaints(), chromium.requests()
    chromium.open(path, 400)
    assert any('a mistake' in message for message in chromium.complaints())
    assert chromium.requests() == [path.as_uri(), 'http://127.0.0.1:1/absent.png']
    seen = chromium.evaluate(LAYOUT)
    assert seen['cut'][0].startswith('<h1') and seen['missing'] == 1 and seen['smallest'] == 10
