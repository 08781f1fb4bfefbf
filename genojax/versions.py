"""Installed versions of the packages that results depend on."""

import importlib.metadata

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
