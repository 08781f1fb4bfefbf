"""A trained head scores the variants of a VCF as evaluation does, or says why it cannot."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors, tokenizers
from genojax.inference import pretrained
from genojax.inference.model import Model
from genojax.variants import scorer
from tests.tasks import variables
from tests.tasks.variant_effects import conftest


def model_of(task, params, extra) -> Model:
    source = pretrained.PretrainedModel(
        conftest.MODEL, tokenizers.TokenizerConfig('kmer', 3), params['model'], extra, {'kind': 'x'}
    )
    return Model(
        source,
        devices=jax.devices()[:1],
        read_heads=lambda: {'variants': task.pair_head(params['heads']['variants'])},
    )


def test_the_score_of_a_variant_is_the_probability_that_evaluation_gives_it(task_of, files):
    task = task_of(annotated=False)
    datasets = task.open(files, 0)
    batch = jax.tree.map(jnp.asarray, next(datasets.train()))
    params, extra = variables.init(task, batch)
    rows = np.arange(40, 72)  # two batches
    expected = []
    logits = jax.jit(lambda params, batch: task.logits(params, extra, batch)[0])
    for reverse in (False, True):
        logit_N = np.concatenate(
            [logits(params, b) for b in datasets.in_order(rows, reverse=reverse)]
        )
        expected.append(1 / (1 + np.exp(-logit_N)))
    known = scorer.VariantScorer(model_of(task, params, extra))
    assert known.kinds == ('effect',) and known.window == 32
    variants = [datasets.known.table.variants[row] for row in rows.tolist()]
    contigs = conftest.genes.annotator_of(files, mirrored=False).contigs
    scores = known.score(variants, contigs)
    assert set(scores.states) == {scorer.AlleleState.SCORED}
    np.testing.assert_allclose(scores.values['EFFECT'], np.mean(expected, 0), atol=1e-6)
    assert np.std(scores.values['EFFECT']) > 1e-4


def test_a_head_on_annotation_is_refused_with_a_fix(opened):
    task, datasets = opened
    params, extra = variables.init(task, next(datasets.train()))
    model = model_of(task, params, extra)
    assert scorer.VariantScorer(model).kinds == ('likelihood',)
    with pytest.raises(errors.UsageError, match='consequences, phylop.*annotated=False'):
        scorer.VariantScorer(model, scores=('effect',))
    plain = task.pair_head(params['heads']['variants'])
    assert plain.window == 32 and plain.label == 'LOF'
