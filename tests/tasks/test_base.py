"""The Task protocol's shared parts: registration, weights, and metrics that are sums."""

import dataclasses
import importlib
import inspect
import pathlib
import pkgutil
from typing import Literal

import jax
import numpy as np
import pytest

from genojax import config as configs
from genojax import errors, metrics, sharding, tasks
from genojax.tasks import base, trained


@dataclasses.dataclass(frozen=True)
class OtherMaskedLmConfig(tasks.TaskConfig):
    """A second config of a kind that exists."""

    kind: Literal['masked_lm'] = 'masked_lm'


def test_a_kind_is_registered_once():
    assert tasks.TaskConfig.register(tasks.MaskedLmConfig) is tasks.MaskedLmConfig
    problem = "two classes of genojax.tasks have the kind 'masked_lm'"
    with pytest.raises(ValueError, match=problem):
        tasks.TaskConfig.register(OtherMaskedLmConfig)
    assert set(tasks.TaskConfig.config_kinds()) >= {'masked_lm', 'classification', 'coverage'}


def test_an_unknown_kind_lists_the_kinds_there_are():
    @dataclasses.dataclass(frozen=True)
    class Holder:
        task: tasks.TaskConfig

    with pytest.raises(errors.UsageError, match='classification') as caught:
        configs.from_dict(Holder, {'task': {'kind': 'clasification'}})
    assert "did you mean 'classification'" in str(caught.value)
    assert 'a kind of another package is known once that is installed' in str(caught.value)


def folders():
    """The folders of `genojax/tasks` that hold a task, all but the code that tasks share."""
    names = [found.name for found in pkgutil.iter_modules(tasks.__path__) if found.ispkg]
    return [
        name for name in names if (pathlib.Path(tasks.__path__[0]) / name / 'section.py').exists()
    ]


@pytest.mark.parametrize('folder', [name for name in folders() if name != 'labelled'])
def test_a_loss_has_one_unit_in_progress_lines_and_in_curves(folder):
    objective = importlib.import_module(f'genojax.tasks.{folder}.objective')
    (task,) = (
        value
        for value in vars(objective).values()
        if inspect.isclass(value)
        and issubclass(value, base.Task)
        and value.__module__ == objective.__name__
    )
    section = importlib.import_module(f'genojax.tasks.{folder}.section')
    assert task.loss_unit
    assert section.METRICS['loss'][1] == task.loss_unit


@pytest.mark.parametrize('weight', [0.0, -1.0, float('inf'), float('nan')])
def test_a_weight_is_a_positive_number(weight):
    with pytest.raises(ValueError, match='must be a positive number'):
        tasks.MaskedLmConfig(weight=weight)


def test_metrics_of_batches_merge_to_those_of_the_whole():
    merged = {}
    for total, count in ((6.0, 2.0), (1.0, 3.0)):
        base.merge_into(merged, {'loss': metrics.MetricState(total, count)})
    assert merged['loss'].compute() == pytest.approx(7 / 5)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_scores_that_are_not_finite_are_refused_not_written(value):
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    state = trained.TrainedState({}, {}, mesh, jax.random.key(0))
    batches = [{'x': np.arange(3.0, dtype=np.float32)}, {'x': np.float32([0, 1, value])}]

    @jax.jit
    def compute(params, extra, batch, key):
        return {'count': np.arange(3), 'x': batch['x']}

    scores = state.scores(compute, batches)
    assert next(scores)[1]['x'].tolist() == [0, 1, 2]
    words = 'the results of batch 2 are NaN or infinite, the first of them those of row 3'
    with pytest.raises(errors.DamageError, match=words):
        next(scores)


def test_what_scores_batches_is_compiled_once():
    """It is compiled ahead of its first call, which must find that program."""
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    state = trained.TrainedState({}, {}, mesh, jax.random.key(0))
    compiled = []

    def listen(event, seconds, **_):
        if event.endswith('backend_compile_duration'):
            compiled.append(event)

    double = jax.jit(lambda params, extra, batch, key: 2 * batch['x'])
    batches = [{'x': np.float32([1, 2, number])} for number in range(3)]
    list(state.scores(jax.jit(lambda *arguments: arguments[2]['x']), batches))  # keys are compiled
    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        for _ in range(2):
            assert [x[2] for _, x in state.scores(double, batches)] == [0, 2, 4]
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
    assert len(compiled) == 1


def test_bases_without_room_are_a_share_of_all_bases_and_filler_rows_count_for_nothing():
    batch = {
        'left_out': np.array([2, 0, 5]),
        'valid': np.array([8, 10, 5]),
        'weight': np.array([1.0, 1.0, 0.0]),
    }
    assert float(base.left_out_metric(batch)['left_out'].compute()) == pytest.approx(2 / 20)
    assert base.left_out_metric({'valid': np.array([3])}) == {}
