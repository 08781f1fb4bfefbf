"""The kept plans of the pod configs: of the configs as they are, within memory, without waste."""

import pytest

from tests import test_experiments

plans = test_experiments.load(test_experiments.EXPERIMENTS / 'plans' / 'plans.py')


def test_every_pod_config_has_a_plan():
    assert {path.stem for path in plans.FOLDER.glob('*.json')} == set(plans.PODS)


@pytest.mark.parametrize('name', plans.PODS)
def test_a_plan_is_of_its_config_fits_and_wastes_nothing(name):
    assert plans.problems(name) == []


def test_a_changed_config_and_a_plan_that_is_too_large_are_noticed(monkeypatch):
    name = next(iter(plans.PODS))
    plan = plans.read_plan(name)
    plan['config_sha256'] = '0' * 64
    plan['memory']['peak'] = 0.91 * plan['memory']['device']
    plan['whole_rows'] = ['f32[1,1048576,64]: dot']
    monkeypatch.setattr(plans, 'read_plan', lambda name: plan)
    assert [line.split(':')[0].split('.')[0] for line in plans.problems(name)] == [
        'it is of another config',
        'it takes 91',
        'a device holds whole rows',
    ]


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.parametrize('name', plans.PODS)
def test_a_plan_has_the_sizes_that_tracing_gives(name, monkeypatch, real_data):
    monkeypatch.setenv('BPE', str(real_data / 'tokenizers' / 'dnabert2_117M_tokenizer.json'))
    assert plans.differences(name) == []
