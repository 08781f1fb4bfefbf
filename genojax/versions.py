"""Installed versions of the packages that results depend on, and how to install what is missing."""

import contextlib
import importlib.metadata
import json
import pathlib
import shlex
import subprocess
import sys

PACKAGES = (
    'jax',
    'flax',
    'optax',
    'orbax-checkpoint',
    'grain',
    'tensorflow-datasets',
    'numpy',
    'scikit-learn',
)


def installed() -> dict[str, str]:
    """Version per package of `PACKAGES`; 'absent' where it is not installed."""
    return {name: _version(name) for name in PACKAGES}


def install_line(extra: str) -> str:
    """The command that installs an extra, '' for the package itself, from where this one came.

    genojax is not on a package index, so its name alone would not install it.
    """
    root = pathlib.Path(__file__).resolve().parent.parent
    suffix = f'[{extra}]' if extra else ''
    python = shlex.quote(sys.executable)
    if (root / 'setup.py').exists():
        return f'{python} -m pip install -e {shlex.quote(f"{root}{suffix}")}'
    repository = _repository()
    if repository:
        return f"{python} -m pip install 'genojax{suffix} @ git+{repository}'"
    return f"{python} -m pip install '.{suffix}' (in a clone of the project)"


def _repository() -> str:
    """The address that pip cloned for this installation; '' where it did not."""
    try:
        text = importlib.metadata.distribution('genojax').read_text('direct_url.json')
    except importlib.metadata.PackageNotFoundError:
        return ''
    source = json.loads(text or '{}')
    return source['url'] if source.get('vcs_info', {}).get('vcs') == 'git' else ''


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'absent'


def commit() -> str:
    """The commit of a clone of genojax, with '-dirty' where files were changed; '' elsewhere."""
    clone = pathlib.Path(__file__).parent.parent
    # An installed copy may lie in another repository.
    if not (clone / '.git').exists():
        return ''
    # Without the lock of the index, which a git that is stopped would leave in the clone.
    command = ['git', '--no-optional-locks', '-C', str(clone), 'describe', '--always', '--dirty']
    command.append('--abbrev=40')
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return ''
