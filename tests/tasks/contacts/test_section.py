"""The report's section on contacts."""

import numpy as np

from genojax.report import plots
from genojax.tasks.contacts import evaluate, section


def test_the_section_has_scores_the_ceiling_and_a_verdict():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(9, 8, 8))
    truth = truth + truth.swapaxes(1, 2)
    known = np.broadcast_to(np.abs(np.arange(8)[:, None] - np.arange(8)) > 1, truth.shape)
    models = {'model': truth + 0.1, 'distance': 0 * truth, evaluate.CEILING: truth}
    result = {
        'split': 'test',
        'bin': 1_024,
        'scores': evaluate.compare(truth, models, known, 1_024),
        'known': 0.7,
        'windows': {'training': 40, 'baselines': 40, 'scored': 9},
    }
    description = {
        **{'length': 100, 'crop': 10, 'bin': 10, 'diagonals': 2, 'species': ['alpha']},
        'windows': {'train': 30, 'validation': 10, 'test': 9},
    }
    drawn = section.section(result, description, [], plots.Renderer(30))
    text = str(drawn.body)
    assert 'true rates (ceiling)' in text and 'Decay with distance earns nothing' in text
    assert 'Spearman r' in text and 'alpha' in text
    assert drawn.verdicts[0].kind == 'good' and 'distance alone' in drawn.verdicts[0].text
    assert section.section(None, None, [], plots.Renderer(30)) is None
