"""The accelerators that a machine has, and whether jax uses them.

An installation without the extra for a GPU or TPU runs on the CPU, with a warning at most.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

from genojax import errors, versions

# Platform of a `jax.Device` -> the extra of setup.py that jax needs for it.
EXTRAS = {'gpu': 'cuda', 'tpu': 'tpu'}
_DEVICES = pathlib.Path('/dev')
_DEVICE_FILES = {'gpu': ('nvidia[0-9]*',), 'tpu': ('accel[0-9]*', 'vfio/[0-9]*')}
_TPU_VARIABLES = ('COLAB_TPU_ADDR', 'TPU_NAME')  # of Colab, of TPU VMs
_ASK = (
    'import json; from genojax.hardware import devices; text, platforms = devices.used(); '
    'print(json.dumps([text, sorted(platforms)]))'
)


def offered() -> set[str]:
    """Platforms of the accelerators that the machine shows: 'gpu', 'tpu', both or none."""
    platforms = {name for name, patterns in _DEVICE_FILES.items() if _has_device_file(*patterns)}
    if any(os.environ.get(variable) for variable in _TPU_VARIABLES):
        platforms.add('tpu')
    if 'gpu' not in platforms and _nvidia_smi_lists_a_gpu():
        platforms.add('gpu')
    return platforms


def used() -> tuple[str, set[str]]:
    """The devices that jax uses as text, such as '1 x tpu TPU v5 lite', and their platforms.

    Raises:
        ImportError: jax is not installed.
        RuntimeError: jax cannot open its devices.
    """
    import jax  # doctor runs without it

    devices = jax.devices()
    kinds = [' '.join(dict.fromkeys((device.platform, device.device_kind))) for device in devices]
    counts = {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
    text = ', '.join(f'{count} x {kind}' for kind, count in counts.items())
    return text, {device.platform for device in devices}


def check_devices() -> None:
    """Print the devices that jax uses; an error if the machine has an accelerator that it does not.

    Another process asks jax: a TPU belongs to the first process that opens it, and a notebook
    starts commands that need it. JAX_PLATFORMS=cpu, set before, says that the CPU is wanted.

    Raises:
        errors.UsageError: the machine has an accelerator and jax uses the CPU, or jax fails.
    """
    run = subprocess.run([sys.executable, '-c', _ASK], capture_output=True, text=True, check=False)
    if run.returncode:
        reason = (run.stderr.strip() or 'no message').splitlines()[-1]
        raise errors.UsageError(f'jax cannot open its devices: {reason}. Fix: genojax doctor')
    text, platforms = json.loads(run.stdout.splitlines()[-1])
    unused = sorted(offered() - set(platforms))
    if unused and platforms == ['cpu'] and os.environ.get('JAX_PLATFORMS') != 'cpu':
        name = unused[-1]
        raise errors.UsageError(
            f'this machine has a {name.upper()}, and jax uses the CPU alone. '
            f'Fix: {versions.install_line(EXTRAS[name])}   # then restart the session'
        )
    print(text)


def _has_device_file(*patterns: str) -> bool:
    return any(any(_DEVICES.glob(pattern)) for pattern in patterns)


def _nvidia_smi_lists_a_gpu() -> bool:
    """Where no device file shows it, as under WSL; the program alone says nothing."""
    if shutil.which('nvidia-smi') is None:
        return False
    run = subprocess.run(['nvidia-smi', '-L'], capture_output=True, text=True, check=False)
    return run.returncode == 0 and run.stdout.startswith('GPU ')
