"""Which accelerators a machine shows, and the line that stops a session whose jax ignores one."""

import os
import pathlib

import pytest

from genojax import errors, versions
from genojax.hardware import devices


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """A machine without accelerator whose jax may choose; a folder in front of its PATH."""
    for name in ('COLAB_TPU_ADDR', 'TPU_NAME', 'JAX_PLATFORMS'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(devices, '_has_device_file', lambda *patterns: False)
    monkeypatch.setenv('PATH', os.fspath(tmp_path), prepend=os.pathsep)
    write_nvidia_smi(tmp_path, 'NVIDIA-SMI has failed because it has no driver.', 9)
    return tmp_path


def write_nvidia_smi(folder: pathlib.Path, text: str, code: int) -> None:
    program = folder / 'nvidia-smi'
    program.write_text(f'#!/bin/sh\necho "{text}"\nexit {code}\n')
    program.chmod(0o755)


def test_a_machine_without_accelerator_offers_none(machine, capsys):
    assert devices.offered() == set()
    devices.check_devices()
    assert capsys.readouterr().out.strip().endswith(' x cpu')


@pytest.mark.parametrize('variable', ['COLAB_TPU_ADDR', 'TPU_NAME'])
def test_a_tpu_is_shown_by_a_variable(machine, monkeypatch, variable):
    monkeypatch.setenv(variable, '10.0.0.2:8470')
    assert devices.offered() == {'tpu'}
    monkeypatch.setenv(variable, '')
    assert devices.offered() == set()


@pytest.mark.parametrize(
    ('file', 'platform'),
    [
        ('accel0', 'tpu'),
        ('vfio/0', 'tpu'),
        ('nvidia0', 'gpu'),
        ('nvidiactl', ''),
        ('vfio/vfio', ''),
    ],
)
def test_device_files_show_accelerators(monkeypatch, tmp_path, file, platform):
    monkeypatch.setattr(devices, '_nvidia_smi_lists_a_gpu', lambda: False)
    for name in devices._TPU_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    monkeypatch.setattr(devices, '_DEVICES', tmp_path)
    assert devices.offered() == ({platform} if platform else set())


def test_a_program_that_lists_a_gpu_shows_one(machine):
    assert devices.offered() == set()  # its driver is absent
    write_nvidia_smi(machine, 'GPU 0: Tesla T4 (UUID: GPU-1)', 0)
    assert devices.offered() == {'gpu'}


@pytest.mark.parametrize(('platform', 'extra'), devices.EXTRAS.items())
def test_an_accelerator_that_jax_ignores_is_one_line_with_the_fix(machine, monkeypatch, platform, extra):  # fmt: skip
    monkeypatch.setattr(devices, 'offered', lambda: {platform})
    with pytest.raises(errors.UsageError) as caught:
        devices.check_devices()
    message = str(caught.value)
    assert f'has a {platform.upper()}' in message and '\n' not in message
    assert versions.install_line(extra) in message and 'restart' in message
    assert caught.value._render_traceback_() == [message]  # all that a notebook prints
    monkeypatch.setenv('JAX_PLATFORMS', 'cpu')
    devices.check_devices()  # the CPU is wanted


def test_a_jax_that_fails_is_one_line(machine, monkeypatch):
    monkeypatch.setenv('JAX_PLATFORMS', 'tpu')
    with pytest.raises(errors.UsageError, match='jax cannot open its devices: .*genojax doctor'):
        devices.check_devices()
