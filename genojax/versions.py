"""Which packages a result depends on, and the versions that are installed."""

import importlib.metadata

PACKAGES = ('jax', 'flax', 'optax', 'orbax-checkpoint', 'grain', 'tensorflow-datasets', 'numpy')


def installed() -> dict[str, str]:
    """Version by package; 'absent' where there is none."""
    return {name: _version(name) for name in PACKAGES}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return 'absent'
