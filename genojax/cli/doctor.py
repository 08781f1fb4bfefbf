"""Say what this machine has, what is missing, and the command that adds it.

Prints versions, devices, memory, disk and optional parts (extras). Lines that begin with `fix:`
name what adds a missing part: the command after `fix:` can be pasted into a shell.

Examples:
  genojax doctor
"""

import contextlib
import importlib
import importlib.metadata
import os
import pathlib
import platform
import re
import shutil
import sys
import tempfile

import genojax
from genojax import plugins, versions
from genojax.cli import flags
from genojax.hardware import cpu_threads, devices

# What an extra adds; extras that setup.py names and this does not are listed without a word.
EXTRAS = {
    'dev': 'the tests',
    'docs': 'building the documentation',
    'bench': 'peers to measure against',
    'weights': 'published weights (safetensors) and their tokenizers',
    'convert': "reading torch's .bin files of published weights",
    'bpe': 'byte-pair encoding by a tokenizer.json',
    'tensorboard': 'training logs as TensorBoard events',
    'tpu': 'TPUs',
    'cuda': 'NVIDIA GPUs',
    'tracks': 'coverage tracks as bigWig files',
    'hic': 'contacts as .cool and .mcool files',
    's3': 'runs and shards in buckets of S3',
    'gcs': 'runs and shards in buckets of Google Cloud Storage',
    'beam': 'ingest as an Apache Beam pipeline',
}
# The package that shows that jax was installed with an extra of its own.
_SHOWN_BY = {'jax[tpu]': 'libtpu', 'jax[cuda12]': 'jax-cuda12-plugin'}
_REQUIREMENT = re.compile(r'([A-Za-z0-9._-]+(?:\[[a-z0-9,]+\])?)')
_EXTRA = re.compile(r'extra == ["\']([^"\']+)["\']')
_PYTHONS = ((3, 11), (3, 13))
_ROOT = pathlib.Path(genojax.__file__).resolve().parent.parent


def run(argv: list[str]) -> None:
    """Print the findings, and the fixes after them."""
    flags.Parser('doctor', __doc__).parse_args(argv)
    rows, fixes = findings()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        print(f'{name:<{width}}  {value}')
    for fix in fixes:
        print(f'fix: {fix}')


def findings() -> tuple[list[tuple[str, str]], list[str]]:
    """Rows of (what, how it stands), and commands that mend what is missing."""
    core, extras = _requirements()
    rows, fixes = [('genojax', f'{genojax.__version__} in {_ROOT}')], []
    rows.append(('python', f'{platform.python_version()} ({sys.executable})'))
    if not _PYTHONS[0] <= sys.version_info[:2] <= _PYTHONS[1]:
        rows[-1] = ('python', rows[-1][1] + ': not one of 3.11 to 3.13, which are tested')
    installed = {name: _version(name) for name in sorted({*core, 'jaxlib'})}
    rows += [(name, version or 'ABSENT') for name, version in installed.items()]
    if not all(installed.values()):
        fixes.append(versions.install_line(''))
    try:
        text, platforms = devices.used()
    except (ImportError, RuntimeError) as error:
        text, platforms = f'NONE: {str(error).splitlines()[0]}', set()
    rows.append(('devices', text))
    rows += _machine()
    for path in (pathlib.Path.cwd(), pathlib.Path(tempfile.gettempdir())):
        writable = 'writable' if os.access(path, os.W_OK) else 'NOT writable'
        free = shutil.disk_usage(path).free / 2**30
        rows.append((f'free disk of {path}', f'{free:.1f} GiB, {writable}'))
    for variable in ('JAX_PLATFORMS', 'XLA_FLAGS', 'JAX_COMPILATION_CACHE_DIR'):
        if os.environ.get(variable):
            rows.append((variable, os.environ[variable]))
    unused = sorted(devices.offered() - platforms)
    for extra, names in extras.items():
        missing = [name for name in names if _version(_SHOWN_BY.get(name, name)) is None]
        what = EXTRAS.get(extra, '')
        line = versions.install_line(extra)
        state = f'lacks {", ".join(missing)}' if missing else 'installed'
        if missing and extra not in {devices.EXTRAS[name] for name in unused}:
            fixes.append(f'{line}   # extra {extra}{f": {what}" if what else ""}')
        rows.append((f'extra {extra}', f'{what}: {state}' if what else state))
    rows += _plugins()
    for name in unused:
        line = versions.install_line(devices.EXTRAS[name])
        fixes.append(f'{line}   # a {name.upper()} is here that jax does not use')
    return rows, fixes


def _requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Names of the required packages, and of those of each extra."""
    core, extras = [], {}
    try:
        listed = importlib.metadata.requires('genojax') or []
    except importlib.metadata.PackageNotFoundError:
        return ['jax', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'numpy'], {}
    for requirement in listed:
        name, extra = _REQUIREMENT.match(requirement)[1], _EXTRA.search(requirement)
        if extra:
            extras.setdefault(extra[1], []).append(name)
        else:
            core.append(name)
    return core, extras


def _plugins() -> list[tuple[str, str]]:
    """The kinds of tasks, models and tokenizers that other packages add, and whether they count."""
    installed = plugins.installed()
    if not installed:
        return []
    with contextlib.suppress(ImportError):  # what is absent is named in rows of its own
        importlib.import_module('genojax.tasks')  # registers the kinds of this package
    rows = []
    for (group, kind), packages in installed.items():
        if plugins.is_own(group, kind):
            packages += ': not used, because genojax has a kind of this name'
        elif ' and ' in packages:
            packages += ': refused, because two packages have this kind'
        rows.append((f'{group} {kind}', packages))
    return rows


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package.partition('[')[0])
    except importlib.metadata.PackageNotFoundError:
        return None


def _machine() -> list[tuple[str, str]]:
    """Cores and memory: of the machine, and what a container may use."""
    pages = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
    memory = f'{pages / 2**30:.1f} GiB'
    meminfo = pathlib.Path('/proc/meminfo')
    if meminfo.exists():
        fields = dict(line.split(':', 1) for line in meminfo.read_text().splitlines())
        memory += f', {int(fields["MemAvailable"].split()[0]) / 2**20:.1f} GiB available'
    limit = pathlib.Path('/sys/fs/cgroup/memory.max')
    if limit.exists() and (text := limit.read_text().strip()).isdecimal():
        memory += f', {int(text) / 2**30:.1f} GiB allowed by the container'
    return [
        ('platform', f'{platform.system()} {platform.machine()}'),
        ('cores', f'{cpu_threads.cores()} of {os.cpu_count()}'),
        ('memory', memory),
    ]
