"""Disks that are full, fill up or are read-only, and folders without permission, as they are.

The disks are tmpfs mounts in a mount namespace of their own, which needs no privileges where user
namespaces are allowed.
"""

import os
import pathlib
import subprocess

import pytest

from genojax.cli import main
from tests.train import test_resume

ROOT = pathlib.Path(__file__).parent.parent.parent
NAMESPACE = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c']

pytestmark = pytest.mark.slow


def has_namespaces() -> bool:
    """Whether a user may mount a tmpfs in a namespace."""
    try:
        command = [*NAMESPACE, 'mount -t tmpfs tmpfs /mnt']
        return subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        return False


def on_disk(folder, options: str, script: str, command: list[str]) -> tuple[int, str]:
    """Exit code and output of a shell script in a namespace where `folder` is a tmpfs.

    Args:
        options: of the mount.
        script: reads the folder as $1 and the command that trains as the words after it.
    """
    if not has_namespaces():
        pytest.skip('no mount namespaces here')
    whole = f'mount -t tmpfs -o {options} tmpfs "$1"; disk=$1; shift; {script}'
    result = subprocess.run(
        [*NAMESPACE, whole, 'sh', str(folder), *command],
        env={**os.environ, **test_resume.ONE_DEVICE, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
    )
    return result.returncode, result.stdout + result.stderr


def last_line(output: str) -> str:
    assert 'Traceback' not in output
    return output.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ('options', 'words'),
    [
        ('ro', 'cannot be written: Read-only file system'),
        ('size=512k', 'cannot be written: No space left on device'),
        ('size=2m,nr_inodes=2', 'cannot be written: No space left on device'),
    ],
)
def test_a_disk_that_takes_no_files_is_refused_before_the_first_step(
    shards, tmp_path, options, words
):
    disk = tmp_path / 'disk'
    disk.mkdir()
    command = test_resume.train_command(shards, disk / 'run')
    code, output = on_disk(disk, options, '"$@"; code=$?; ls -A "$disk"; exit $code', command)
    assert code == 2 and words in last_line(output), output
    assert 'compiling' not in output


def test_a_folder_without_permission_is_refused_before_the_first_step(shards, tmp_path):
    folder = tmp_path / 'own'
    folder.mkdir(mode=0o555)
    command = test_resume.train_command(shards, folder / 'run')
    if os.geteuid() == 0:  # root may write anywhere, unless it gives that up
        capabilities = '--bounding-set=-dac_override,-dac_read_search'
        command = ['setpriv', capabilities, *command]
    environment = {**os.environ, **test_resume.ONE_DEVICE, 'PYTHONPATH': str(ROOT)}
    result = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert result.returncode == 2, result.stderr
    assert 'cannot be written: Permission denied' in last_line(result.stderr)
    assert not os.listdir(folder)


FILLS_UP = """
"$@" >"$disk.log" 2>&1 &
while ! [ -f "$disk/run/checkpoints/integrity/3.json" ]; do
    kill -0 $! || { cat "$disk.log"; exit 99; }
    sleep 0.05
done
cat /dev/zero >"$disk/filler" 2>/dev/null
wait $!
echo "first exit $?"
cat "$disk.log"
ls "$disk/run/checkpoints/integrity"
rm "$disk/filler"
"$@" >"$disk.log" 2>&1 &
while ! grep -q 'per step: about' "$disk.log"; do
    kill -0 $! || break
    sleep 0.05
done
kill -TERM $!
wait $!
echo "second exit $?"
cat "$disk.log"
"""


def test_a_disk_that_fills_up_while_training_costs_nothing_that_was_saved(shards, tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    command = [*test_resume.train_command(shards, disk / 'run'), '--config.steps=1000000']
    code, output = on_disk(disk, 'size=16m', FILLS_UP, command)
    assert 'first exit 2' in output and 'second exit 75' in output, output
    assert 'No space left on device' in output and 'Traceback' not in output
    assert 'resuming from step' in output


def test_a_second_process_is_refused_and_the_first_goes_on(shards, tmp_path, capsys):
    folder = tmp_path / 'run'
    first = test_resume.start(shards, folder, steps=1_000_000)
    try:
        test_resume.wait_for(folder / 'checkpoints' / 'integrity' / '3.json', first)
        with pytest.raises(SystemExit) as stop:
            main.main([*test_resume.train_command(shards, folder)[3:], '--config.steps=1000000'])
        assert stop.value.code == 2
        assert f'is in use: process {first.pid} on ' in capsys.readouterr().err
        before = len((folder / 'metrics.jsonl').read_bytes())
        test_resume.wait_for(folder / 'checkpoints' / 'integrity' / '6.json', first)
        assert first.poll() is None and len((folder / 'metrics.jsonl').read_bytes()) > before
    finally:
        first.terminate()
        first.communicate()
    assert first.returncode == 75
    steps = list(test_resume.losses(folder))
    assert steps == list(range(1, len(steps) + 1))
