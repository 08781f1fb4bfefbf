"""Fixtures of the attention tests."""

import gc

import jax
import pytest


@pytest.fixture(scope='module')
def frees_compiled():
    """Drops the programs that a module compiled: each test compiles its own, used only once."""
    yield
    jax.clear_caches()
    gc.collect()
