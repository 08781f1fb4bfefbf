"""Installed versions of the packages that results depend on."""

import contextlib
import importlib.metadata
import pathlib
import subprocess

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
    command = ['git', '-C', str(clone), 'describe', '--always', '--dirty', '--abbrev=40']
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return ''
