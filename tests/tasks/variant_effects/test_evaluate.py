"""The table: every method on the same rows, groups left out, both labels, in text and report."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors, metrics
from genojax.data.datasets import base as datasets_base
from genojax.report import plots
from genojax.tasks.variant_effects import baselines, evaluate, methods, section
from tests.tasks import variables


@pytest.fixture(scope='module')
def small_forests():
    patch = pytest.MonkeyPatch()
    patch.setattr(baselines, '_TREES', 20)
    patch.setattr(baselines, '_TUNING_TREES', 5)
    patch.setattr(baselines, '_LEAVES', (2,))
    patch.setattr(baselines, '_PENALTIES', (0.01,))
    yield
    patch.undo()


class State:
    """Trained variables on one host."""

    def __init__(self, params, extra):
        self.params, self.extra = params, extra

    def shard(self, task):
        return datasets_base.ONE_HOST

    def scores(self, jitted, batches):
        for each in batches:
            batch = jax.tree.map(jnp.asarray, each)
            yield each, jax.device_get(jitted(self.params, self.extra, batch, jax.random.key(0)))


@pytest.fixture(scope='module')
def scored(opened):
    task, datasets = opened
    params, extra = variables.init(task, next(datasets.train()))
    return task, datasets, *evaluate.vectors(task, State(params, extra), datasets)


@pytest.fixture(scope='module')
def result(scored, small_forests):
    task, datasets, head_N, vector_ND = scored
    columns = evaluate.model_columns(task, datasets, vector_ND)
    every = evaluate.compare(datasets, columns, head_N, every=True, split='test')
    return json.loads(json.dumps(every, allow_nan=False))


def test_vectors_are_means_over_both_strands(scored):
    task, datasets, head_N, vector_ND = scored
    assert vector_ND.shape == (300, 16) and head_N.shape == (300,)
    assert np.isfinite(vector_ND).all() and np.std(head_N) > 0


def test_every_method_is_scored_on_the_same_rows_by_both_labels(result):
    assert list(result['labels']) == ['LOF v FUNC', 'LOF v FUNC+INT']
    assert result['left_out_in_turn'] == ['e0', 'e1', 'e2', 'e3', 'e4']
    names = {methods.CLASS, 'phylop alone', 'class, then phylop', methods.FOREST, methods.PROBE}
    names |= {methods.PROBE_BY_CLASS, methods.PROBE_ANNOTATION, methods.FOREST_PROBE}
    first, second = (result['labels'][name]['sets']['all'] for name in result['labels'])
    assert set(first['models']) == names and second['rows'] == 300 > first['rows']
    assert set(result['labels']['LOF v FUNC']['test']['all']['models']) == {*names, evaluate.HEAD}
    assert first['models'][methods.FOREST]['auroc'][0] > 0.95  # it reads the labels' own column
    assert set(first['differences']) == names - {methods.FOREST_PROBE}


def test_a_column_scored_alone_has_the_area_that_it_has(result, opened):
    _, datasets = opened
    known, (label_N, _) = datasets.known, evaluate.contrasts(datasets).values()
    rows = label_N >= 0
    area = metrics.auroc(label_N[rows], known.scores['phylop'][rows])
    shown = result['labels']['LOF v FUNC']['sets']['all']['models']['phylop alone']['auroc'][0]
    assert shown == pytest.approx(area)


def test_an_encoder_that_saw_labels_is_scored_on_the_test_groups_alone(scored, small_forests):
    task, datasets, head_N, vector_ND = scored
    columns = evaluate.model_columns(task, datasets, vector_ND)
    result = evaluate.compare(datasets, columns, head_N, every=False, split='test')
    for tables in result['labels'].values():
        assert tables['sets'] == {}
        labels = tables['test']['all']
        assert labels['rows'] <= len(datasets.rows('test'))
    assert 'left out in turn' not in evaluate.as_text(result)


def test_the_text_has_every_table_and_the_report_every_figure(result, opened):
    text = evaluate.as_text(result)
    assert "LOF v FUNC, each of 5 groups of 'exon' left out in turn:" in text
    assert 'LOF v FUNC+INT, test groups' in text and methods.FOREST_PROBE in text
    _, datasets = opened
    description = json.loads(json.dumps(datasets.description))
    rows = [{'kind': 'train', 'step': step, 'loss': 1 / (1 + step)} for step in range(3)]
    drawn = section.section(result, description, rows, plots.Renderer())
    assert drawn.heading == 'Variant effects' and 'left out in turn' in drawn.body
    assert drawn.cards and drawn.verdicts
    assert section.section(None, None, [], plots.Renderer()) is None


def test_a_limit_is_refused(opened):
    task, datasets = opened
    with pytest.raises(errors.UsageError, match='limit does not apply'):
        evaluate.evaluate(task, None, datasets, limit=5)
