"""Plans of small configs: exact sizes, refusals, the search, the page and the verb."""

import dataclasses
import json

import pytest

from genojax import errors, experiment, json_files
from genojax.cli import flags, main
from genojax.plan import collectives, figures, page, process_memory, search, topologies
from genojax.plan import plan as plans
from genojax.train import fitting
from tests import commands, test_experiments


def small(**mesh) -> experiment.Experiment:
    planned = experiment.from_config(flags.load('debug_cpu'))
    return dataclasses.replace(planned, mesh=experiment.MeshConfig(**mesh))


@pytest.fixture(scope='module')
def sharded():
    return plans.make_plan(small(data=1, fsdp=8), topologies.parse('cpu:8'))


def test_the_state_is_sharded_and_the_peak_holds_it(sharded):
    state = experiment.abstract(small(data=1, fsdp=1), *_one_device())
    whole = sum(leaf.size * leaf.dtype.itemsize for leaf in _leaves(state.params)) / 2**30
    assert whole / 8 <= sharded.memory.params <= whole / 4  # biases and the vocabulary are whole
    assert sharded.memory.optimizer == pytest.approx(2 * sharded.memory.params, rel=0.01)
    assert sharded.memory.arguments + sharded.memory.temporaries <= sharded.memory.peak
    assert sharded.memory.validation > sharded.memory.params + sharded.memory.optimizer
    assert sharded.parameters == experiment.count_parameters(state)
    assert sharded.model_flops == sharded.hardware_flops > 0  # nothing is recomputed
    assert {row.kind for row in sharded.collectives} & {'all-reduce', 'all-gather'}


def test_the_memory_of_the_process_is_the_sum_of_its_parts(sharded, tmp_path):
    assert sharded.process is None and 'process' not in sharded.as_json()
    plan = plans.make_plan(small(data=1, fsdp=8), topologies.parse('cpu:8'), with_process=True)
    process, memory = plan.process, plan.memory
    assert process.buffers == pytest.approx(8 * (memory.peak - memory.code))
    state = 8 * (memory.params + memory.optimizer)
    assert process.compiling - state >= process.program > 0.2  # jax alone takes that
    arrays = 8 * (memory.validation - memory.validation_code)
    assert process.validation >= process.program + arrays
    assert process.training == process.program + process.buffers + process.first_execution
    large = dataclasses.replace(process, buffers=100.0)
    assert process.peak == max(process.compiling, process.validation)
    assert large.peak == large.training > 100
    assert dataclasses.replace(process, validation=200.0).peak == 200
    assert plan.as_json()['process']['peak'] == process.peak
    shown = figures.as_text(plan)
    assert f'memory of the process  {process.peak:.2f} GiB resident at peak' in shown
    assert 'resident set of the process' in page.write(tmp_path / 'plan.html', plan).read_text()


def test_only_a_process_of_cpus_on_linux_is_measured(monkeypatch, tmp_path):
    plan = plans.make_plan(small(data=-1), topologies.parse('gpu:h100:2'), with_process=True)
    assert plan.process is None
    monkeypatch.setattr(process_memory, '_STATUS', tmp_path / 'absent')
    assert process_memory.read() is None
    plan = plans.make_plan(small(data=-1), topologies.parse('cpu:1'), with_process=True)
    assert plan.process is None


def test_the_memory_of_a_run_is_the_highest_of_its_stages():
    read, of_run = process_memory.ResidentSet, process_memory.of_run
    first = process_memory.FIRST_EXECUTION
    run = of_run(read(0.5, 0.9), read(0.6, 0.9), buffers=3.0, validation=4.0, state=1.0)
    assert run.training == 0.5 + 3.0 + first
    assert run.compiling == 0.9 + 1.0
    assert run.peak == run.validation == 0.6 + 4.0 + first
    # The highest of this process was when it compiled validation's program, beside the state.
    run = of_run(read(0.5, 0.9), read(0.6, 2.5), buffers=1.1, validation=1.2, state=1.0)
    assert run.peak == run.validation == 2.5 + 1.0 + first


@pytest.mark.slow
def test_the_memory_of_a_run_is_that_of_its_plan():
    """The whole resident set, of the verbs alone; experiments/benchmarks has other models."""
    benchmark = test_experiments.load(
        test_experiments.EXPERIMENTS / 'benchmarks' / 'plan_memory.py'
    )
    process = benchmark.planned('remat_small')['process']
    measured = benchmark.trained('remat_small')
    steps = max(process['training'], process['compiling'])
    assert measured['steps'] == pytest.approx(steps, rel=0.05)
    # Validation needs more than the steps, which recompute activations, if all devices come to its
    # last layer at once; on few cores one may be through before another is there.
    assert 0.95 * steps < measured['command'] < 1.05 * process['peak']
    assert process['peak'] == process['validation'] > steps


def _one_device():
    import jax

    from genojax import sharding

    return (sharding.make_mesh(experiment.MeshConfig(data=1), jax.devices()[:1]),)


def _leaves(tree):
    import jax

    return jax.tree.leaves(tree)


@pytest.mark.slow
def test_microbatches_take_less_memory_for_as_many_flops():
    whole, parts = (
        plans.make_plan(
            dataclasses.replace(_with_rows(64, data=1), accumulate=number),
            topologies.parse('cpu:1'),
        )
        for number in (1, 8)
    )
    assert parts.hardware_flops == whole.hardware_flops == parts.model_flops
    assert parts.memory.temporaries < whole.memory.temporaries / 2


def test_times_are_of_the_slowest_resource(sharded):
    topology = topologies.parse('v5e:2x4')
    sent = [collectives.Collective('all-reduce', 8, 1, 400_000_000, 400_000_000, '')]
    times = plans.step_times(topology, 8, 8 * 197 * 10**12, 819 * 10**9 // 2, sent)
    assert times.compute == pytest.approx(1.0)
    assert times.memory == pytest.approx(0.5)
    assert times.network == pytest.approx(2 * 7 / 8 * 0.4 / 200)
    assert times.bound == 'compute' and times.overlapped == times.compute
    assert times.serial == pytest.approx(times.compute + times.memory + times.network)
    planned = dataclasses.replace(
        sharded,
        topology='v5e:2x4',
        chips=8,
        times=times,
        model_flops=4 * 197 * 10**12,
        accumulate=4,
    )
    assert planned.utilization == pytest.approx(0.5)
    text = figures.as_text(planned)
    assert 'microbatches           4 per step' in text
    assert 'MFU, at most' in text and '50.0%; bound by compute' in text


def test_times_of_a_gpu_are_of_compute_alone_and_say_whose_program_it_is(tmp_path):
    """The CPU compiler's traffic (3,929 GiB of DNABERT) made a run of hours one of days."""
    plan = plans.make_plan(small(data=-1), topologies.parse('gpu:h100:2'))
    assert plan.traffic is None and plan.times.memory is None and plan.times.network is None
    seconds = plan.hardware_flops / 2 / 989e12
    assert plan.times.overlapped == plan.times.serial == pytest.approx(seconds)
    text = figures.as_text(plan)
    assert "the CPU compiler: its memory traffic and temporaries are not a GPU's" in text
    assert 'chip-hours, by compute alone' in text and 'tokens/s' in text and ' to ' not in text
    assert 'MFU' not in text and 'traffic per device' not in text
    value = plan.as_json()
    assert value['compiler'] == 'cpu' and value['traffic'] is None
    assert value['times'] == {'compute': plan.times.compute, 'memory': None, 'network': None}
    candidates = [search.Candidate((), plan)]
    shown = page.write(tmp_path / 'plan.html', plan, candidates).read_text()
    assert 'compute alone' in shown and 'MFU' not in shown and 'not a GPU' in shown
    assert search.front(candidates) == candidates and f'{seconds:.3g}' in search.as_text(candidates)


def test_every_chip_is_in_the_help_and_a_wrong_one_names_those_of_its_kind(capsys):
    with pytest.raises(SystemExit):
        main.main(['plan', '--help'])
    shown = capsys.readouterr().out
    pods = (commands.ROOT / '.github' / 'docs' / 'pods.md').read_text()
    for name in (*topologies.TPUS, *topologies.GPUS):
        assert name in shown and f'`{name}`' in pods
    with pytest.raises(errors.UsageError, match="no GPU 'a100', only h100; `genojax plan --help`"):
        topologies.parse('gpu:a100:4')


def test_a_tpu7x_chip_is_two_devices():
    topology = topologies.parse('tpu7x:2x2x1')
    one = plans.step_times(topology, 8, 4 * 2307 * 10**12, 7380 * 10**9 // 2, [])
    assert one.compute == pytest.approx(1.0) and one.memory == pytest.approx(1.0)


@pytest.mark.parametrize(
    ('text', 'chips', 'slices'),
    [('v5e:16x16', 256, 1), ('2*v5p:4x4x8', 256, 2), ('gpu:h100:8', 8, 1), ('cpu:3', 3, 1)],
)
def test_topologies(text, chips, slices):
    topology = topologies.parse(text)
    assert (topology.chips, topology.slices, topology.name) == (chips, slices, text)


@pytest.mark.parametrize('text', ['v5e', 'v9:2x2', 'gpu:h200:8', 'cpu:0', 'v5e:0x4', '', 'v5e:2'])
def test_unknown_topologies_are_refused(text):
    with pytest.raises(errors.UsageError, match='topology'):
        topologies.parse(text)


def test_changes_are_valid_configs_and_save_memory_first():
    planned = experiment.from_config(flags.load('demo'))
    options = list(search.changes(planned, topologies.parse('cpu:4')))
    assert options[0] == (('model.remat', 'dots'),)
    for option in options:
        fitting.with_overrides(planned, option)
    assert any(path.endswith('batch_size') for path, _ in options[-1])
    numbers = [dict(option)['accumulate'] for option in options if 'accumulate' in dict(option)]
    assert numbers == [2, 4, 8]  # of 32 rows on 4 devices


@pytest.mark.slow
def test_the_search_tries_microbatches_as_long_as_they_save_memory(monkeypatch, sharded):
    def make_plan(planned, topology):
        peak = {1: 9.0, 4: 4.0, 16: 3.9}[planned.accumulate]
        memory = dataclasses.replace(sharded.memory, peak=peak)
        return dataclasses.replace(sharded, memory=memory, accumulate=planned.accumulate)

    monkeypatch.setattr(plans, 'make_plan', make_plan)
    planned = fitting.with_overrides(
        experiment.from_config(flags.load('demo')),
        (('tasks.masked_lm.data.mixture.batch_size', 256), ('model.remat', 'none')),
    )
    candidates = search.grid(planned, topologies.parse('cpu:1'))
    tried = [dict(one.overrides).get('accumulate', 1) for one in candidates]
    assert (
        tried == [1, 4, 16] * (len(tried) // 3) and tried
    )  # 64 would not be tried: 16 saved little
    assert '--config.accumulate=4' in search.as_text(candidates)
    # Batch norm reads the whole batch.
    enformer = experiment.from_config(flags.load('enformer_small'))
    assert search.microbatches(enformer, topologies.parse('cpu:1')) == [1]


def test_the_front_holds_what_nothing_beats(sharded):
    def candidate(peak, seconds):
        memory = dataclasses.replace(sharded.memory, peak=peak)
        times = plans.Times(seconds, 0.0, 0.0)
        return search.Candidate((), dataclasses.replace(sharded, memory=memory, times=times))

    a, b, worse = candidate(1.0, 9.0), candidate(5.0, 2.0), candidate(5.5, 3.0)
    assert search.front([worse, b, search.Candidate((), None), a]) == [a, b]
    assert 'too large' in search.as_text([search.Candidate((), None)])


def test_a_program_that_does_not_fit_is_refused_with_a_change_that_fits(
    monkeypatch, sharded, capsys
):
    refused = []

    def make_plan(planned, topology, program_path=None, with_process=False):
        if planned.model.remat == 'block':
            return sharded
        refused.append(planned.model.remat)
        raise plans.DoesNotFitError('v5e:2x2: requires 20 GiB, has 15.75 GiB')

    monkeypatch.setattr(plans, 'make_plan', make_plan)
    with pytest.raises(SystemExit) as caught:
        main.main(['plan', '--config=demo', '--topology=v5e:2x2'])
    assert caught.value.code == 2
    assert refused == ['none', 'dots']
    shown = capsys.readouterr().err
    assert 'requires 20 GiB' in shown and 'Fix: --config.model.remat=block' in shown


def test_the_page_and_the_json(tmp_path, sharded):
    times = plans.Times(0.2, 0.1, 0.05)
    planned = dataclasses.replace(sharded, topology='v5e:2x4', times=times)
    path = page.write(tmp_path / 'plan.html', planned, [search.Candidate((), planned)])
    text = path.read_text()
    for heading in ('Memory', 'Time', 'Communication', 'Search'):
        assert f'>{heading}</h2>' in text
    assert json.loads(json.dumps(planned.as_json()))['memory']['peak'] == planned.memory.peak


def test_the_config_of_a_run_has_the_length_of_its_rows(tmp_path, capsys):
    values = experiment.to_config(experiment.from_config(flags.load('demo_promoters'))).to_dict()
    assert values['tasks']['promoters']['data']['length'] == 0
    json_files.write_hashed(tmp_path / 'config.json', values)
    command = ['plan', f'--config={tmp_path}/config.json', '--topology=cpu:1']
    with pytest.raises(SystemExit):
        main.main(command)
    assert 'Fix: --config.tasks.promoters.data.length=BASES' in capsys.readouterr().err
    json_files.write_hashed(tmp_path / 'datasets.json', {'promoters': {'length': 40}})
    main.main([*command, f'--out={tmp_path}/plan.json'])
    assert "task 'promoters': rows of 40 bases, as" in capsys.readouterr().err
    main.main([*command[:2], '--config.tasks.promoters.data.length=40', command[2]])
    assert 'rows of 40 bases' not in capsys.readouterr().err


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(errors.UsageError, match='does not divide'):
        plans.make_plan(_with_rows(6), topologies.parse('cpu:4'))


def _with_rows(rows, data=-1):
    planned = small(data=data)
    sizes = dict(fitting.batch_sizes(experiment.to_config(planned).to_dict()['tasks'], 'tasks'))
    return fitting.with_overrides(planned, tuple((path, rows) for path in sizes))


@pytest.mark.slow
def test_the_tpu_compiler_plans_and_refuses():
    pytest.importorskip('libtpu', reason='the TPU compiler is not installed')
    planned = experiment.from_config(flags.load('demo'))
    plan = plans.make_plan(planned, topologies.parse('v5e:2x2'))
    assert plan.devices == 4 and plan.memory.device == 16
    large = fitting.with_overrides(planned, (('tasks.masked_lm.data.mixture.batch_size', 2**20),))
    with pytest.raises(plans.DoesNotFitError, match='exceeds available HBM'):
        plans.make_plan(large, topologies.parse('v5e:2x2'))
