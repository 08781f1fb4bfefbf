"""What cannot fit is refused with the fields to change."""

import dataclasses

import jax
import pytest

from genojax import errors, sharding
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.train import resources


@pytest.fixture(scope='module')
def experiment():
    return experiments.from_config(flags.load('debug_cpu'))


def test_the_memory_of_a_state_is_that_of_its_arrays(experiment):
    mesh = sharding.make_mesh(experiment.mesh, jax.devices()[:1])
    abstract = experiments.abstract(experiment, mesh)
    memory = resources.of_state(abstract, mesh)
    count = experiments.count_parameters(abstract)
    assert memory.parameters == 4 * count
    # Two moments per parameter, and the counts of steps.
    assert 0 <= memory.optimizer - 8 * count <= 16
    assert memory.available > 2**20
    halves = sharding.make_mesh(sharding.MeshConfig(fsdp=2), jax.devices()[:2])
    sharded = resources.of_state(experiments.abstract(experiment, halves), halves)
    assert sharded.parameters < memory.parameters


def test_what_does_not_fit_is_refused_with_fields_to_change(experiment):
    memory = resources.RunMemory(100, 200, None, 299)
    with pytest.raises(
        errors.UsageError, match='does not fit.*300 bytes of 299 bytes.*model.width'
    ):
        resources.check(memory, experiment)
    with pytest.raises(errors.UsageError) as caught:
        resources.check(dataclasses.replace(memory, activations=10**9), experiment)
    for flag in ('--config.tasks.masked_lm.data.mixture.batch_size=1 (now 8)', 'model.remat=block'):
        assert flag in str(caught.value)
    resources.check(dataclasses.replace(memory, available=300), experiment)
    resources.check(dataclasses.replace(memory, available=None), experiment)


def test_sizes_and_times_in_words():
    assert [resources.size(n) for n in (7, 2_500, 3_140_000, 77 * 10**9)] == [
        '7 bytes',
        '2.5 kB',
        '3.1 MB',
        '77.0 GB',
    ]
    assert [resources.duration(s) for s in (0.0123, 3.4, 600.0, 7_300.0, 200_000.0)] == [
        '12.3 ms', '3.4 s', '10.0 min', '2.0 h', '2.3 days',
    ]  # fmt: skip
