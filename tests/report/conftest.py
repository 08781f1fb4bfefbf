import shutil

import pytest

from tests.report import made_up_run


@pytest.fixture(scope='session')
def filled_once(tmp_path_factory):
    return made_up_run.fill(tmp_path_factory.mktemp('made_up') / 'demo')


@pytest.fixture
def demo_directory(filled_once, tmp_path):
    """A directory of three runs with made-up numbers, the test's own copy."""
    return shutil.copytree(filled_once, tmp_path / 'demo')


@pytest.fixture
def coverage_run(tmp_path):
    """A run on coverage tracks."""
    return made_up_run.fill_coverage(tmp_path / 'tracks')
