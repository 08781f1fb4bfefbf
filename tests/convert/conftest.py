"""Published checkpoints, written from the oracles once per session."""

import pytest

from genojax import convert
from tests.convert import published


@pytest.fixture(scope='session')
def sources(tmp_path_factory):
    """Name -> the directory of a published checkpoint. Tests must not change it."""
    folder = tmp_path_factory.mktemp('published')
    return {name: published.write(name, folder / name) for name in published.NAMES}


@pytest.fixture(scope='session')
def loaded(sources):
    """Name -> the converted model."""
    return {name: convert.load(path) for name, path in sources.items()}
