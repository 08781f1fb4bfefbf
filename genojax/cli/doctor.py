"""Say what this machine has, and what is missing."""

import importlib.util
import os
import pathlib
import platform
import shutil

import genojax
from genojax import versions
from genojax.cli import flags

# Extra -> (a module it brings, what it adds).
EXTRAS = {
    'dev': ('pytest', 'the tests'),
    'tpu': ('libtpu', 'TPUs'),
    'cuda': ('jax_cuda12_plugin', 'NVIDIA GPUs'),
}


def run(argv: list[str]) -> None:
    flags.Parser('doctor', __doc__).parse_args(argv)
    for name, value in findings():
        print(f'{name:<22} {value}')


def findings() -> list[tuple[str, str]]:
    """Rows of (what, how it stands)."""
    rows = [('genojax', genojax.__version__), ('python', platform.python_version())]
    rows += versions.installed().items()
    rows.append(('devices', _devices()))
    rows.append(('cores', str(len(os.sched_getaffinity(0)))))
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    rows.append(('memory', f'{pages / 2**30:.1f} GiB'))
    here = pathlib.Path.cwd()
    rows.append(('free disk here', f'{shutil.disk_usage(here).free / 2**30:.1f} GiB'))
    rows.append(('this folder', 'writable' if os.access(here, os.W_OK) else 'NOT writable'))
    for extra, (module, what) in EXTRAS.items():
        installed = importlib.util.find_spec(module) is not None
        rows.append(
            (
                f'extra {extra}',
                'installed' if installed else f"absent; {what}: pip install 'genojax[{extra}]'",
            )
        )
    return rows


def _devices() -> str:
    try:
        import jax

        return ', '.join(device.device_kind for device in jax.devices())
    except (ImportError, RuntimeError) as error:
        return f'NONE: {str(error).splitlines()[0]}'
