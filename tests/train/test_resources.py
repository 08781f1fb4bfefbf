"""Memory and time of a run, in numbers and in words."""

import jax
import pytest

from genojax import experiment as experiments
from genojax import sharding
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


@pytest.mark.parametrize(('steps', 'says'), [(20, {6}), (7, {6}), (6, set()), (1, set())])
def test_the_time_that_is_left_is_told_once_and_only_where_steps_are_left(steps, says):
    timer = resources.StepTimer(0, steps)
    lines = {number: timer.after(number, ()) for number in range(1, steps + 1)}
    assert {number for number, line in lines.items() if line} == says
    assert all(f'for the other {steps - 6:,} steps' in lines[number] for number in says)
    assert timer.seconds_per_step is not None or steps == 1


@pytest.mark.parametrize(
    ('steps', 'every', 'says'),
    [(40, 10, {20}), (35, 10, {20}), (20, 10, set()), (40, 40, set()), (21, 10, {20})],
)
def test_the_time_that_is_left_is_told_again_with_validation(steps, every, says):
    """After the second one, which compiles nothing, and with those that follow."""
    timer = resources.StepTimer(0, steps, every)
    lines = {}
    for number in range(1, steps + 1):
        timer.after(number, ())
        if number % every == 0 or number == steps:
            lines[number] = timer.after_validation(number, 600.0)
    assert {number for number, line in lines.items() if line} == says
    for number in says:
        follow = len([later for later in lines if later > number])
        expected = f'10.0 min per validation: about {10.0 * follow:.1f} min for the other'
        assert lines[number].startswith(expected)
        assert f' {steps - number} steps and {follow} validation' in lines[number]
