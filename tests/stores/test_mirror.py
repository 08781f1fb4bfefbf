"""A bucket always holds a whole run; it is the truth, unless the last push of its run has failed."""

import json

import pytest

from genojax import errors, json_files
from genojax.stores import bucket, lease, mirror
from tests.stores import memory


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(bucket.time, 'sleep', lambda seconds: None)


def write_run(folder, *steps: int, started: str = 'today') -> None:
    """Files as a run writes them, with complete checkpoints of some steps and one incomplete."""
    for step in (*steps, 99):
        state = folder / 'checkpoints' / str(step) / 'state'
        state.mkdir(parents=True, exist_ok=True)
        (state / 'data').write_text(f'{started} {step}')
    for step in steps:
        record = {'loss': None, 'files': {'state/data': 'hash'}}
        json_files.write_hashed(folder / f'checkpoints/integrity/{step}.json', record)
    (folder / 'tokenizer.json').write_text('{}')
    json_files.write_hashed(folder / 'run.json', {'started': started, 'steps': len(steps)})
    json_files.write_hashed(folder / 'config.json', {'steps': 9})
    (folder / 'metrics.jsonl').write_text('{}\n' * len(steps))
    (folder / 'run.lock').write_text('process 1')
    (folder / 'a.json.partial').write_text('')


def new_mirror(target, folder, additions: bool = False) -> mirror.Mirror:
    folder.mkdir(parents=True, exist_ok=True)
    return mirror.Mirror(target, folder, folder.parent / f'{folder.name}.state', additions)


def files(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_a_push_is_in_the_order_in_which_a_run_is_whole(tmp_path):
    target, faults = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1)
    one.push()
    names = [path.partition('/run/')[2] for path in faults.written]
    assert names == [
        *('tokenizer.json', 'run.json', 'config.json', 'metrics.jsonl'),
        *('checkpoints/1/state/data', 'checkpoints/integrity/1.json'),
    ]
    faults.written.clear()
    one.push()
    assert faults.written == []  # nothing has changed
    write_run(tmp_path / 'a', 1, 2)
    one.push()
    names = [path.partition('/run/')[2] for path in faults.written]
    assert names[-6:] == [
        *('checkpoints/2/state/data', 'checkpoints/integrity/2.json'),  # the newest first
        *('checkpoints/1/state/data', 'checkpoints/integrity/1.json'),
        *('run.json', 'config.json'),
    ]


def test_another_machine_continues_and_old_steps_go(tmp_path):
    target, _ = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1, 2)
    one.push()
    two = new_mirror(target, tmp_path / 'b')
    assert two.pull()
    expected = {
        name: text
        for name, text in files(tmp_path / 'a').items()
        if '99' not in name and name not in ('run.lock', 'a.json.partial')
    }
    assert files(tmp_path / 'b') == expected
    (tmp_path / 'b/checkpoints/integrity/1.json').unlink()
    (tmp_path / 'b/checkpoints/1/state/data').unlink()
    two.push()
    assert not [name for name in target.list() if '/1' in name]
    assert one.pull() is False and 'checkpoints/1/state/data' not in files(tmp_path / 'a')
    assert not (tmp_path / 'a/checkpoints/1').exists()


@pytest.mark.parametrize('written', range(1, 9))
def test_after_any_number_of_writes_the_bucket_holds_a_whole_run(tmp_path, written):
    """A push that ends after some writes, as of a killed process, leaves no half of a step."""
    target, faults = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1)
    one.push()
    write_run(tmp_path / 'a', 1, 2)
    faults.plan = ['ok'] * written + ['fail'] * 6
    if written < 8:  # tokenizer, metrics, data and manifest of both steps, record, config
        with pytest.raises(errors.UsageError):
            one.push()
    else:
        one.push()
    two = new_mirror(target, tmp_path / 'b')
    two.pull()
    there = files(tmp_path / 'b')
    assert there['checkpoints/1/state/data'] == 'today 1'
    if 'checkpoints/integrity/2.json' in there:
        assert there['checkpoints/2/state/data'] == 'today 2'
    else:
        assert 'checkpoints/2/state/data' not in there
    assert json.loads(there['run.json'])['steps'] <= sum('integrity' in name for name in there)
    two.push()  # removes what the killed push left
    steps = {name.split('/')[1] for name in target.list() if name.startswith('checkpoints/')}
    assert 'checkpoints/integrity/2.json' in there or '2' not in steps


def test_a_run_whose_last_push_failed_is_ahead(tmp_path):
    target, faults = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1)
    one.push()
    write_run(tmp_path / 'a', 1, 2)
    faults.forever = True
    with pytest.raises(errors.UsageError, match=str(tmp_path / 'a')):
        one.close()
    faults.forever = False
    again = new_mirror(target, tmp_path / 'a')
    assert again.pull() is False
    assert 'checkpoints/integrity/2.json' in files(tmp_path / 'a')
    again.close()
    assert 'checkpoints/integrity/2.json' in target.list()


def test_another_run_in_the_bucket_replaces_the_copy(tmp_path):
    target, _ = memory.new_bucket()
    one, other = (new_mirror(target, tmp_path / name) for name in 'ab')
    one.pull()
    write_run(tmp_path / 'a', 1, 2, 3)
    other.pull()
    write_run(tmp_path / 'b', 1, started='tomorrow')
    other.push()
    one.pull()
    assert files(tmp_path / 'a')['checkpoints/1/state/data'] == 'tomorrow 1'
    assert 'checkpoints/3/state/data' not in files(tmp_path / 'a')


def test_a_step_that_is_removed_while_it_is_pushed_has_no_manifest(tmp_path, monkeypatch):
    target, _ = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1, 2)
    upload = target.upload

    def remove_first(path, name):
        if name == 'checkpoints/1/state/data':
            raise FileNotFoundError(2, 'No such file', str(path))
        return upload(path, name)

    monkeypatch.setattr(target, 'upload', remove_first)
    one.push()
    assert sorted(name for name in target.list() if 'integrity' in name) == [
        'checkpoints/integrity/2.json'
    ]


def test_checkpoints_that_are_removed_faster_than_they_are_sent_arrive(tmp_path, monkeypatch):
    """While step 1 is sent the run saves step 2 and removes step 1; and so on."""
    target, _ = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1)
    upload = target.upload

    def replace_first(path, name):
        if name.endswith('state/data') and '99' not in name:
            step = int(name.split('/')[1])
            (tmp_path / 'a' / name).unlink()
            (tmp_path / f'a/checkpoints/integrity/{step}.json').unlink()
            write_run(tmp_path / 'a', step + 1)
        return upload(path, name)

    monkeypatch.setattr(target, 'upload', replace_first)
    for step in (1, 2, 3):
        one.push()
        steps = {name for name in target.list() if name.startswith('checkpoints/')}
        assert f'checkpoints/integrity/{step}.json' in steps
        assert f'checkpoints/{step}/state/data' in steps
    assert len(steps) == 2  # the older ones are gone
    assert not one._outbox.exists()


def test_a_copy_to_read_sends_what_is_new_and_removes_nothing(tmp_path):
    target, _ = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    write_run(tmp_path / 'a', 1)
    one.push()
    reader = new_mirror(target, tmp_path / 'b', additions=True)
    reader.pull()
    (tmp_path / 'b' / 'evaluation').mkdir()
    (tmp_path / 'b' / 'evaluation' / 'task.test.json').write_text('{}')
    (tmp_path / 'b' / 'tokenizer.json').unlink()
    reader.push()
    assert {'tokenizer.json', 'evaluation/task.test.json'} <= target.list().keys()


def test_pushes_in_the_background_go_on_after_a_failure(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(mirror, 'PUSH_SECONDS', 0.01)
    target, faults = memory.new_bucket()
    one = new_mirror(target, tmp_path / 'a')
    one.pull()
    one.start()
    faults.plan = ['fail'] * 6
    write_run(tmp_path / 'a', 1)
    for _ in range(500):
        if 'checkpoints/integrity/1.json' in target.list():
            break
        one._stop.wait(0.01)
    one.close()
    assert 'checkpoints/integrity/1.json' in target.list()
    assert '503 slow down' in capsys.readouterr().err


@pytest.fixture
def quick_lease(monkeypatch):
    monkeypatch.setattr(lease, 'RENEW_SECONDS', 0.05)
    monkeypatch.setattr(lease, 'STALE_SECONDS', 0.4)
    monkeypatch.setattr(lease, '_POLL_SECONDS', 0.05)


def test_a_run_in_use_is_refused_and_one_that_was_left_is_taken_over(quick_lease, monkeypatch):
    monkeypatch.setattr(lease, '_is_dead_here', lambda data: False)
    import time

    target, _ = memory.new_bucket()
    lines = []
    first = lease.Lease(target)
    monkeypatch.setattr(lease.time, 'sleep', lambda seconds: first._stop.wait(seconds))
    first.acquire(lines.append)
    assert lines == []
    with pytest.raises(errors.UsageError, match=r'is in use: process \d+ on .* is training in it'):
        lease.Lease(target).acquire(lines.append)
    first._stop.set()  # as if killed: nothing is renewed any more
    first._thread.join()
    monkeypatch.setattr(lease.time, 'sleep', lambda seconds: None)
    began = time.monotonic()
    second = lease.Lease(target)
    second.acquire(lines.append)
    assert time.monotonic() - began >= 0.4 and 'waiting for a sign of it' in lines[-1]
    with pytest.raises(errors.UsageError, match='was taken over by process'):
        first.check(now=True)
    first.release()  # the lock is not its own any more
    assert target.read(lease.NAME) is not None
    second.release()
    assert target.read(lease.NAME) is None


def test_a_process_of_this_machine_that_has_ended_is_not_waited_for(quick_lease):
    target, _ = memory.new_bucket()
    host = lease.socket.gethostname()
    gone = {'owner': f'process 999999999 on {host}', 'token': 'x', 'count': 1}
    target.write(lease.NAME, json.dumps(gone).encode())
    lines = []
    one = lease.Lease(target)
    one.acquire(lines.append)
    one.release()
    assert lines == []
