"""What every test stands on: eight CPU devices, strict shapes, warnings as errors, and the real data's place."""

import os

# Before jax is imported, here and in the subprocesses that tests start.
os.environ.setdefault('JAX_PLATFORMS', 'cpu')
# Two workers with eight devices each on two cores can starve a collective, so its time-outs are raised.
os.environ.setdefault(
    'XLA_FLAGS',
    '--xla_force_host_platform_device_count=8'
    # Tests compile much and compute little.
    ' --xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true'
    ' --xla_cpu_collective_call_warn_stuck_timeout_seconds=120'
    ' --xla_cpu_collective_call_terminate_timeout_seconds=600',
)
os.environ.setdefault('MPLBACKEND', 'Agg')

import pathlib

import jax
import pytest

jax.config.update('jax_numpy_rank_promotion', 'raise')


def pytest_collection_modifyitems(items):
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
