"""What every test stands on: eight CPU devices, strict shapes, warnings as errors, real data."""

import os

from tests import xla_flags

# Before jax is imported, here and in the subprocesses that tests start.
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
os.environ['XLA_FLAGS'] = xla_flags.merged(os.environ.get('XLA_FLAGS', ''))
os.environ.setdefault('MPLBACKEND', 'Agg')

import ctypes
import gc
import pathlib

import jax
import pytest

from genojax import progress
from genojax.hardware import cpu_threads

cpu_threads.leave_one_free()  # as the verbs do
jax.config.update('jax_numpy_rank_promotion', 'raise')
# What a command prints does not depend on how busy the machine is; tests of progress set these.
progress.FIRST_SECONDS = progress.STAGE_SECONDS = 3_600.0


# Tracing makes millions of objects that live: Python's collector is a sixth of the time that tests
# take unless it runs rarely. `bounded_memory` collects.
gc.set_threshold(50_000, 20, 50)

# Files of long tests come first, so that the workers end together.
FIRST = ('tests/train/', 'tests/predict/', 'tests/test_end_to_end.py', 'tests/tasks/')


def pytest_collection_finish(session):
    gc.collect()
    gc.freeze()  # what was imported stays


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))
    chosen = os.environ.get('GENOJAX_DATA')
    skip = pytest.mark.skip(reason='GENOJAX_DATA names no folder of real genomes')
    for item in items:
        if 'real' in item.keywords and not chosen:
            item.add_marker(skip)


@pytest.fixture(scope='session')
def real_data() -> pathlib.Path:
    """The folder of real genomes; a test that asks for it carries the marker `real`."""
    folder = pathlib.Path(os.environ['GENOJAX_DATA']).resolve()
    assert folder.is_dir(), f'GENOJAX_DATA={folder} is not a folder'
    return folder


@pytest.fixture(scope='module')
def one_device():
    """`jax.devices()` is one of the eight: a program for eight takes several times to compile."""
    every = jax.devices
    one = every()[:1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, 'devices', lambda *backend: every(*backend) if backend else one)
        yield


@pytest.fixture(scope='module')
def two_point_grids():
    """Baselines of classifiers choose among two values per setting, in place of up to seven."""
    from genojax.tasks.classification import baselines

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baselines, 'K_GRID', (4, 5))
        patch.setattr(baselines, '_LOGISTIC_C', (1.0, 5.0))
        patch.setattr(baselines, '_POSITIONAL_C', (0.01, 0.1))
        patch.setattr(baselines, '_SVM_C', (1.0, 3.0))
        patch.setattr(baselines, '_SVM_WIDTH', (2.0, 4.0))
        yield


@pytest.fixture(autouse=True)
def bounded_memory():
    """Compiled programs are dropped after a test once a worker holds more than 1.25 GiB.

    Each one holds 1.5 MB, even a single addition: a module of them can fill a GiB.
    """
    yield
    statm = pathlib.Path('/proc/self/statm')
    if not statm.exists():  # not Linux
        return
    if int(statm.read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE') > 1.25 * 2**30:
        jax.clear_caches()
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
