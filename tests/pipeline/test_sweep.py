"""Sweeps: runs in processes of their own; killed, failed, divided and resumed, with equal results.

Most tests have a stand-in for the training process (fake_train.py); the slow one trains.
"""

import csv
import fcntl
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import threading
import time

import pytest

from genojax import config, experiment, json_files, locks
from genojax.cli import flags, main
from genojax.pipeline import evaluation
from genojax.pipeline import sweep as sweeps
from genojax.pipeline.sweep import driver, estimates, results
from genojax.train import runs

FILE = """
from genojax.pipeline import sweep

VARIANTS = ('small', 'large')

def get_sweep(variant='small'):
    assert variant == 'small', 'no large data here'
    return sweep.Sweep(
        arms={{
            'base': sweep.Arm('debug_cpu', {{'optim.peak': 0.1}}, seeds=(0, 1)),
            'other': sweep.Arm('debug_cpu', {{'optim.peak': {peak}}}, seeds=(0, 1)),
        }},
        metrics=('masked_lm/all/model', 'masked_lm/species/*/model'),
        data=lambda folder: {{'tasks.masked_lm.data.shards': str(folder / 'shards')}},
    )
"""


@pytest.fixture(autouse=True)
def stand_in(request, monkeypatch):
    if 'slow' not in request.keywords:
        fake = pathlib.Path(__file__).with_name('fake_train.py')
        monkeypatch.setattr(driver, 'COMMAND', (sys.executable, '-S', str(fake)))


def write(folder, peak=0.2) -> pathlib.Path:
    path = folder / 'sweep.py'
    path.write_text(FILE.format(peak=peak))
    return path


def call(file, workdir, *words) -> int:
    """The exit code of `genojax sweep`."""
    try:
        main.main(['sweep', str(file), f'--workdir={workdir}', *words])
    except SystemExit as stop:
        return stop.code
    return 0


def rows(workdir, without=()) -> list[dict]:
    """The rows of results.csv; without columns."""
    with (workdir / 'results.csv').open() as file:
        return [
            {name: text for name, text in row.items() if name not in without}
            for row in csv.DictReader(file)
        ]


def timeless(workdir) -> str:
    """results.csv without its last column, the CPU seconds."""
    text = (workdir / 'results.csv').read_text()
    assert text.startswith('run,') and ',cpu_seconds\n' in text
    return re.sub(r',[^,\n]*$', '', text, flags=re.MULTILINE)


@pytest.fixture(scope='module')
def whole(tmp_path_factory):
    """The workdir of a sweep that was never interrupted, whose second arm has a rate of 0.2."""
    folder = tmp_path_factory.mktemp('whole')
    with pytest.MonkeyPatch.context() as patch:
        fake = pathlib.Path(__file__).with_name('fake_train.py')
        patch.setattr(driver, 'COMMAND', (sys.executable, '-S', str(fake)))
        assert call(write(folder), folder / 'work') == 0
    return folder / 'work'


def test_a_row_per_run_and_metric(whole):
    table = rows(whole)
    assert [row['run'] for row in table[::3]] == [
        'base_seed0', 'other_seed0', 'base_seed1', 'other_seed1'
    ]  # fmt: skip
    assert [row['metric'] for row in table[:3]] == [
        'masked_lm/all/model', 'masked_lm/species/a/model', 'masked_lm/species/b/model'
    ]  # fmt: skip
    first = table[3]
    assert (first['arm'], first['seed'], first['optim.peak']) == ('other', '0', '0.2')
    assert float(first['value']) == pytest.approx(1.98)
    assert float(first['low']) == pytest.approx(1.88) and float(first['high']) > 2
    assert (table[1]['low'], table[1]['high']) == ('', '')
    assert (first['steps'], first['best_step']) == ('30', '20')
    assert len(first['commit'].removesuffix('-dirty')) in (0, 40)
    assert float(first['cpu_seconds']) >= 0
    # The path of the data that the runs share is in their configs, and is no column.
    assert not any('shards' in name for name in first)
    values = flags.load(str(whole / 'runs' / 'other_seed1.config.json'))
    assert values['tasks']['masked_lm']['data']['shards'] == str(whole.resolve() / 'data/shards')
    assert (values['seed'], values['optim']['peak']) == (1, 0.2)


def test_what_is_done_is_skipped_and_the_results_are_the_same_bytes(whole, tmp_path, capsys):
    before = (whole / 'results.csv').read_bytes()
    file = write(tmp_path)
    assert call(file, whole) == 0
    printed = capsys.readouterr()
    assert printed.err.count('done before') == 4 and '4 of 4 runs are done' in printed.err
    assert (whole / 'results.csv').read_bytes() == before
    lines = printed.out.splitlines()
    assert lines[0] == '| masked_lm/all/model | seeds | mean | sd | minus base, same seed |'
    assert lines[2] == '| base | 2 | 1.9845 | 0.0078 |  |'
    # Seed 0: -0.01, seed 1: -0.011; Student's quantile of one degree of freedom is 12.706.
    assert lines[3] == '| other | 2 | 1.9740 | 0.0085 | -0.0105 (-0.0169 to -0.0041) |'
    assert call(file, whole, '--list') == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ['base_seed0', 'done,']


def test_a_failed_run_is_recorded_and_the_others_go_on(tmp_path, capsys):
    file, workdir = write(tmp_path, peak=1), tmp_path / 'work'
    assert call(file, workdir) == 3
    shown = capsys.readouterr().err
    assert '2 of 4 runs failed: other_seed0 (failed, exit code 3: genojax: error GX-FA07' in shown
    assert {row['run'] for row in rows(workdir)} == {'base_seed0', 'base_seed1'}
    (workdir / 'runs' / 'mended').touch()
    assert call(file, workdir) == 0
    assert capsys.readouterr().err.count('done before') == 2
    assert len({row['run'] for row in rows(workdir)}) == 4


def test_a_killed_run_is_recorded_and_resumed(tmp_path, capsys):
    file, workdir = write(tmp_path, peak=2), tmp_path / 'work'
    assert call(file, workdir) == 1
    assert 'other_seed0 (failed, exit code -9' in capsys.readouterr().err
    assert call(file, workdir) == 0
    record = json_files.read_hashed(workdir / 'runs' / 'other_seed0.json')
    assert (record['attempts'], record['status']) == (2, 'done')


@pytest.mark.parametrize(('peak', 'code'), [(3, 75), pytest.param(4, -15, marks=pytest.mark.slow)])
def test_a_signal_stops_the_run_and_the_same_command_resumes(peak, code, tmp_path, capsys):
    file, workdir = write(tmp_path, peak=peak), tmp_path / 'work'

    def stop():
        while not (workdir / 'runs' / 'waiting').exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    assert call(file, workdir) == 75
    thread.join()
    shown = capsys.readouterr().err
    assert f'other_seed0: stopped, exit code {code}' in shown
    assert 'stopped in run other_seed0; the same command resumes' in shown
    assert {row['run'] for row in rows(workdir)} == {'base_seed0'}
    (workdir / 'runs' / 'other_seed1').mkdir()  # started before
    assert call(file, workdir) == 0
    stopped = timeless(workdir)
    other = tmp_path / 'other'
    (other / 'runs' / 'other_seed0').mkdir(parents=True)
    (other / 'runs' / 'other_seed1').mkdir()
    assert call(file, other) == 0
    assert timeless(other) == stopped


def test_shards_are_disjoint_and_together_all_of_it(whole, tmp_path):
    file, workdir = write(tmp_path), tmp_path / 'work'
    for index in (1, 0):
        assert call(file, workdir, f'--shard={index}/2') == 0
        expected = 2 if index else 4
        assert len({row['run'] for row in rows(workdir)}) == expected
    assert timeless(workdir) == timeless(whole)


def test_a_run_that_another_process_trains_is_left_to_it(tmp_path, capsys):
    file, workdir = write(tmp_path), tmp_path / 'work'
    (workdir / 'runs').mkdir(parents=True)
    with (workdir / 'runs' / 'base_seed1.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert call(file, workdir) == 0
    assert 'base_seed1: another process is training it' in capsys.readouterr().err
    with locks.take(workdir / 'runs' / 'base_seed1.lock', str):
        assert call(file, workdir) == 0
    words = rf'base_seed1: process {os.getpid()} on \S+ since \S+ is training it'
    assert re.search(words, capsys.readouterr().err)
    assert {row['run'] for row in rows(workdir)} == {'base_seed0', 'other_seed0', 'other_seed1'}


def test_a_full_disk_is_one_line_with_the_folder_and_no_half_record(tmp_path, capsys):
    file, workdir = write(tmp_path), tmp_path / 'work'
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        assert call(file, workdir) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last.startswith(f'genojax: error {workdir}') and 'File too large. Fix: free' in last
    names = {path.name for path in (workdir / 'runs').iterdir()}
    assert names == {'base_seed0.lock'}
    assert call(file, workdir) == 0


def test_a_run_of_another_config_is_refused_with_the_difference(tmp_path, capsys):
    file, workdir = write(tmp_path), tmp_path / 'work'
    folder = workdir / 'runs' / 'other_seed0'
    folder.mkdir(parents=True)
    values = flags.load('debug_cpu')
    flags.override(values, 'optim.peak', '0.3')
    shards = str(workdir.resolve() / 'data' / 'shards')
    flags.override(values, 'tasks.masked_lm.data.shards', shards)
    stored = runs.stored(experiment.from_config(values))
    json_files.write_hashed(folder / 'config.json', stored)
    assert call(file, workdir) == 2
    shown = capsys.readouterr().err
    assert (
        'optim.peak: 0.3 -> 0.2' in shown
        and 'Fix: --workdir=' in shown
        and 'another name for the arm' in shown
    )


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (['absent.py'], 'absent.py: no such file'),
        (['FILE:huge'], "no variant 'huge'; sweep is one of small, large"),
        (['FILE:large'], 'sweep.py:7: AssertionError: no large data here'),
        (['FILE', '--config.optim.peak=1'], '--config.optim.peak is set by the sweep itself'),
        (['FILE', '--config.seed=1'], '--config.seed is set by the sweep itself'),
        (['FILE', '--config.optim.peek=1'], "arm 'base': invalid config"),
        (['FILE', '--shard=2/2'], "'2/2' is not I/N with I in 0 .. N - 1"),
    ],
)
def test_mistakes_are_named(words, message, tmp_path, capsys):
    file = write(tmp_path)
    name, *rest = [word.replace('FILE', str(file)) for word in words]
    assert call(name, tmp_path / 'work', *rest) == 2
    assert message in capsys.readouterr().err


def test_a_metric_that_no_evaluation_has_is_named_with_those_there_are(whole, tmp_path, capsys):
    file = write(tmp_path)
    file.write_text(file.read_text().replace('all/model', 'all/modle'))
    assert call(file, whole) == 2
    shown = capsys.readouterr().err
    assert "no metric 'masked_lm/all/modle' in the evaluation of run base_seed0" in shown
    assert 'masked_lm/all/model' in shown.partition('Fix:')[2]


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'arms': {}}, 'at least one arm'),
        ({'metrics': ()}, 'one metric'),
        ({'reference': 'b'}, "reference='b' is not one of the arms a"),
        ({'arms': {'a/b': sweeps.Arm('demo')}}, "arm 'a/b' must be letters"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        sweeps.Sweep(**{'arms': {'a': sweeps.Arm('demo')}, 'metrics': ('x',), **changes})
    with pytest.raises(ValueError, match='different numbers'):
        sweeps.Arm('demo', seeds=(1, 1))


def test_arms_of_several_configs_differ_in_all_their_fields():
    described = [
        sweeps.SweepRun(name, name, 0, experiment.from_config(flags.load(name)))
        for name in ('debug_cpu', 'demo')
    ]
    fields = results.varying(described)
    assert {'model.width', 'optim.peak', 'steps'} <= set(fields) and 'seed' not in fields
    assert config.to_dict(described[0].experiment)['model']['width'] == 16


def test_the_interval_is_student_s():
    mean, sd, half = results.moments([1.0, 2.0, 3.0])
    assert (mean, sd) == (2.0, 1.0)
    assert half == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


@pytest.mark.slow
def test_a_dry_run_measures_a_step(one_device):
    described = experiment.from_config(flags.load('debug_cpu'))
    measured = estimates.estimate(described)
    assert measured.parameters == 8_037
    assert measured.memory.activations > 0 and 0 < measured.seconds_per_step < 5
    text = measured.text(described.steps, 3)
    assert text.startswith('8,037 parameters, ') and 'for 3 runs' in text
    assert 'does not fit here' in estimates.RunEstimate(1, measured.memory, None).text(1, 1)


@pytest.mark.slow
def test_a_sweep_that_trains_is_killed_and_resumed(shards, tmp_path):
    """The sweep and its run are killed while training; the results are those of one not killed."""
    file = write(tmp_path)
    text = re.sub(r"str\(folder / 'shards'\)", repr(str(shards)), file.read_text())
    text = text.replace("'masked_lm/species/*/model'", "'masked_lm/all/order5'")
    file.write_text(text.replace('0.1', '0.001').replace('0.2', '0.002'))
    command = [sys.executable, '-m', 'genojax', 'sweep', str(file)]
    short = ['--config.steps=40', '--config.save_every=4', '--config.log_every=1']
    environment = {**os.environ, 'XLA_FLAGS': os.environ['XLA_FLAGS'].replace('=8', '=1')}

    def start(workdir):
        return subprocess.Popen(
            [*command, f'--workdir={workdir}', *short], env=environment, start_new_session=True
        )

    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    assert start(whole).wait() == 0
    process = start(killed)
    log = killed / 'runs' / 'other_seed0' / 'metrics.jsonl'
    while not log.exists() or len(log.read_text().splitlines()) < 10:
        time.sleep(0.05)
    child = json_files.read(killed / 'runs' / 'other_seed0.json')
    assert child['status'] == 'started'
    process.kill()
    process.wait()
    lock = (killed / 'runs' / 'other_seed0' / 'run.lock').read_text()
    os.kill(int(lock.split()[1]), signal.SIGKILL)
    assert start(killed).wait() == 0
    assert timeless(killed) == timeless(whole)
    assert len(rows(killed)) == 8


def test_scores_of_a_part_are_read_where_the_sweep_has_a_limit(tmp_path):
    """Those of all windows, as earlier versions named both, where there are no others."""
    whole = evaluation.path_of(tmp_path, 'masked_lm')
    assert results._evaluation_path(tmp_path, 'masked_lm', 7) == whole
    part = evaluation.path_of(tmp_path, 'masked_lm', limit=7)
    part.parent.mkdir()
    part.touch()
    assert part.name == 'masked_lm.test.limit7.json'
    assert results._evaluation_path(tmp_path, 'masked_lm', 7) == part
    assert results._evaluation_path(tmp_path, 'masked_lm', None) == whole
