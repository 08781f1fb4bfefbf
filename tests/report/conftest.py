import shutil

import made_up_run
import pytest


@pytest.fixture(scope='session')
def filled_once(tmp_path_factory):
    return made_up_run.fill(tmp_path_factory.mktemp('made_up') / 'run')


@pytest.fixture
def full_run(filled_once, tmp_path):
    """A complete run with made-up numbers, the test's own copy."""
    return shutil.copytree(filled_once, tmp_path / 'run')
