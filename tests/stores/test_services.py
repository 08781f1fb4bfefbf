"""Runs and shards in buckets of local servers that are slow, fail and break connections.

Of Google Cloud Storage too, where its client and a server are: pip install gcsfs gcp-storage-emulator.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest

import genojax
from genojax import simulate, stores
from genojax.cli import main
from genojax.data.store import ingest
from genojax.stores import bucket, staging
from genojax.train import log, loop, runs, timing
from tests.stores import gcs_server, s3_server
from tests.train import process_driver

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings('ignore')]
ROOT = pathlib.Path(genojax.__file__).parent.parent
STEPS = 8


@pytest.fixture(scope='module')
def shards(tmp_path_factory):
    folder = tmp_path_factory.mktemp('clade')
    small = simulate.SimulationConfig(species=2, length=60_000, genes=12, task_rows=0)
    simulate.write(folder / 'genomes', small)
    ingest.ingest(folder / 'genomes', folder / 'shards')
    return folder / 'shards'


# Scheme of a URL -> its server, and what is needed for that.
SERVICES = {
    's3': (s3_server.serve, ('moto', 's3fs')),
    'gs': (gcs_server.serve, ('gcp_storage_emulator', 'gcsfs')),
}
# Of how many writes one is refused, or broken off: gcsfs waits seconds before it tries again.
REFUSED, BROKEN = {'s3': 3, 'gs': 7}, {'s3': 7, 'gs': 11}


@pytest.fixture(scope='module', params=SERVICES)
def scheme(request):
    for package in SERVICES[request.param][1]:
        pytest.importorskip(package, reason=f'no {package}: see the first lines of this file')
    return request.param


@pytest.fixture(scope='module')
def server(scheme):
    with SERVICES[scheme][0]() as running:
        yield running


def file_system(scheme):
    import fsspec

    return fsspec.filesystem(scheme, skip_instance_cache=True, use_listings_cache=False)


@pytest.fixture
def machine(scheme, server, tmp_path, monkeypatch):
    """A function that makes this process another machine: with an empty staging folder."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    server.mend()
    system = file_system(scheme)
    if not system.exists('bucket'):
        system.mkdir('bucket')

    def start(name: str) -> pathlib.Path:
        monkeypatch.setenv(staging.VARIABLE, str(tmp_path / name))
        monkeypatch.setattr(staging, '_read', {})
        return tmp_path / name

    # What is broken off is noticed by waiting.
    seconds = {'connect_timeout': 2, 'read_timeout': 2}
    monkeypatch.setattr(bucket, '_SECONDS', seconds)
    start('first')
    return start


def train(shards, workdir, stop_at=None):
    run = runs.open_run(process_driver.describe(str(shards), STEPS), workdir, jax.devices()[:2])
    try:
        return loop.train(run, stop_at)
    finally:
        run.close()


def logged(workdir) -> list[dict]:
    return [
        {name: value for name, value in row.items() if name not in timing.FIELDS}
        for row in log.read(workdir)
    ]


@pytest.fixture(scope='module')
def whole(shards, tmp_path_factory):
    """A run on a disk: its state and its workdir."""
    folder = tmp_path_factory.mktemp('whole') / 'run'
    return train(shards, folder), folder


def test_a_run_in_a_bucket_that_changes_machines_equals_one_on_a_disk(
    shards, whole, scheme, server, machine, capsys
):
    url = f'{scheme}://bucket/runs/one'
    server.seconds = 0.05
    server.fail_every, server.break_every = REFUSED[scheme], BROKEN[scheme]
    train(shards, url, stop_at=5)
    assert server.failures > 3
    machine('second')
    state = train(shards, url)
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole[0]), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))
    machine('third')
    assert logged(stores.local(url)) == logged(whole[1])
    # Verbs that read a run read this one, and what they write goes there.
    main.main(['evaluate', url, '--limit=4'])
    assert f'written to {url}/evaluation/masked_lm.test.limit4.json' in capsys.readouterr().out
    main.main(['report', url])
    assert capsys.readouterr().out.startswith(f'{url}/report.html')
    machine('fourth')
    folder = stores.local(url)
    assert (folder / 'evaluation/masked_lm.test.limit4.json').is_file()
    assert (folder / 'report.html').is_file()
    sequences = ['ACGTTGCAACGTAAAT']
    there, here = (genojax.load(place).embed(sequences) for place in (url, whole[1]))
    np.testing.assert_array_equal(there, here)


def test_a_killed_run_resumes_on_another_machine(shards, scheme, server, machine, tmp_path):
    url = f'{scheme}://bucket/runs/killed'
    server.seconds, server.fail_every = 0.1, REFUSED[scheme]
    code = (
        'import sys; from genojax.stores import mirror; mirror.PUSH_SECONDS = 0.5; '
        'from tests.train import process_driver; process_driver.main(*sys.argv[1:])'
    )

    def start(name: str) -> subprocess.Popen:
        folder = machine(name)
        environment = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *sys.path])}
        command = [sys.executable, '-c', code, str(shards), url, '100000', 'one']
        folder.mkdir(exist_ok=True)
        # The driver writes the hashes of its batches to 'WORKDIR.0.jsonl', a local file.
        (folder / f'{scheme}:/bucket/runs').mkdir(parents=True, exist_ok=True)
        return subprocess.Popen(command, env=environment, cwd=folder)

    def steps() -> list[int]:
        found = file_system(scheme).find('bucket/runs/killed/checkpoints/integrity')
        return sorted(int(pathlib.Path(n).stem) for n in found if n.endswith('.json'))

    def wait_for(step: int, process: subprocess.Popen) -> int:
        while not (saved := steps()) or saved[-1] < step:
            assert process.poll() is None
            time.sleep(0.5)
        return saved[-1]

    process = start('a')
    try:
        saved = wait_for(8, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = start('b')
        later = wait_for(saved + 8, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=120) > 0  # Preempted: the driver shows it as a traceback
    finally:
        process.kill()
    machine('c')
    folder = stores.local(url)
    rows = [row['step'] for row in log.read(folder) if row['kind'] == 'train']
    assert rows == list(range(1, len(rows) + 1)) and len(rows) >= later
    model = genojax.load(url)  # every hash of its checkpoint is compared
    assert model.metadata['step'] == steps()[-1] == rows[-1]


def test_shards_in_a_bucket(shards, whole, scheme, machine, server, capsys):
    url = f'{scheme}://bucket/shards'
    main.main(['ingest', str(shards.parent / 'genomes'), f'--out={url}'])
    assert capsys.readouterr().out.startswith(f'{url}: ')
    machine('second')
    state = train(url, f'{scheme}://bucket/runs/two')
    for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(whole[0]), strict=True):
        assert np.array_equal(np.asarray(a), np.asarray(b))
    before = server.requests
    copy = staging.local_shards(url, lambda folder: pytest.fail('read again'))
    assert (copy / 'manifest.json').read_bytes() == (shards / 'manifest.json').read_bytes()
    assert server.requests - before < 5
    # One flipped bit.
    system = file_system(scheme)
    name = next(path for path in system.find('bucket/shards') if 'array_record' in path)
    data = bytearray(system.cat_file(name))
    data[len(data) // 2] ^= 1
    system.pipe_file(name, bytes(data))
    machine('third')
    arguments = ['train', '--config=debug_cpu', f'--config.tasks.masked_lm.data.shards={url}']
    with pytest.raises(SystemExit) as stop:
        main.main([*arguments, f'--workdir={scheme}://bucket/runs/three'])
    shown = capsys.readouterr().err
    assert stop.value.code == 4 and f'{scheme}://{name}' in shown and 'GX-AR01' in shown
    assert not system.exists('bucket/runs/three')


def test_a_bucket_that_does_not_answer_is_one_line(scheme, machine, server, monkeypatch, capsys):
    monkeypatch.setattr(bucket, '_FIRST_WAIT', 0.01)
    monkeypatch.setattr(bucket, '_ATTEMPTS', 2)  # each is several of gcsfs
    for name in ('AWS_MAX_ATTEMPTS',):
        monkeypatch.setenv(name, '1')
    with pytest.raises(SystemExit) as stop:
        main.main(['report', f'{scheme}://nobody/run'])
    assert stop.value.code == 2 and f'{scheme}://nobody/run' in capsys.readouterr().err
    server.down = True
    with pytest.raises(SystemExit) as stop:
        main.main(['train', '--config=debug_cpu', f'--workdir={scheme}://bucket/runs/down'])
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert (
        stop.value.code == 2 and f'{scheme}://bucket/runs/down/run.lock cannot be read' in message
    )
