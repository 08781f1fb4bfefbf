"""Ablations of pretraining: arms differ in what is asked for and in nothing else."""

import pytest

from genojax.pipeline import sweep
from genojax.pipeline.sweep import ablations


@pytest.mark.parametrize('variant', ablations.VARIANTS)
def test_arms_differ_in_their_fields_alone(variant):
    made = sweep.pretraining(variant, {'a': {}, 'b': {'model.width': 32}}, limit=7)
    a, b = made.arms['a'], made.arms['b']
    assert a.config == b.config == ('dnabert:k6' if variant == 'pod' else 'demo')
    assert {**b.overrides, 'model.width': 32} == {**a.overrides, 'model.width': 32} == b.overrides
    assert made.limit == 7 and (made.data is None) == (variant == 'pod')
