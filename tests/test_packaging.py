"""The wheel holds what the package needs, and installs few packages. `.ci/package` builds and runs it."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

from tests import commands

ROOT = commands.ROOT
CORE = ROOT / '.ci' / 'locks' / 'core_packages.txt'
# As resolved on the day of the list. tensorflow-datasets alone brings 19 of them, matplotlib 9,
# scikit-learn 3.
MAX_PACKAGES = 70
LIST_FILES = """
import os, sys
from setuptools import Distribution  # before distutils
from distutils import core
result = core.run_setup('setup.py', stop_after='config')
build = result.get_command_obj('build_py')
build.ensure_finalized()
for package, module, path in build.find_all_modules():
    print(package + '/' + os.path.relpath(path))
for package, source, _, names in build.data_files:
    for name in names:
        print(package + '/' + os.path.join(source, name))
print('requires', *result.install_requires, sep='\\n  ')
"""


@pytest.fixture(scope='module')
def metadata() -> tuple[dict[str, str], list[str]]:
    """Path in the clone -> package in the wheel, and the names of the required packages."""
    output = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', LIST_FILES],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': ''},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed, _, required = output.partition('requires\n')
    pairs = [line.partition('/')[::2] for line in listed.splitlines()]
    names = [re.match(r'[\w.-]+', line.strip())[0] for line in required.splitlines()]
    return {path: package for package, path in pairs}, [name.lower() for name in names]


def tracked(*folders: str) -> set[str]:
    """Files of the clone, without what git ignores."""
    names = (path for folder in folders for path in (ROOT / folder).rglob('*') if path.is_file())
    return {
        str(path.relative_to(ROOT))
        for path in names
        if '__pycache__' not in path.parts and path.suffix != '.pyc'
    }


def test_the_wheel_has_every_file_of_the_package_and_no_other(metadata):
    files, _ = metadata
    assert set(files) == tracked('genojax', 'configs')


def test_modules_are_where_their_imports_expect_them(metadata):
    for path, package in metadata[0].items():
        folder = str(pathlib.PurePath(path).parent).replace('/', '.')
        assert package == folder.replace('configs', 'genojax.configs', folder == 'configs'), path


def test_named_configs_are_found_where_the_wheel_has_them(metadata):
    configs = {path for path, package in metadata[0].items() if package == 'genojax.configs'}
    from genojax.cli import flags

    assert {f'configs/{name}.py' for name in flags.config_names()} | {
        'configs/__init__.py'
    } == configs


def test_few_packages_are_installed(metadata):
    first, *names = CORE.read_text().splitlines()
    assert re.fullmatch(r'# (\d+) packages .*', first)[0].split()[1] == str(len(names))
    assert len(names) <= MAX_PACKAGES
    assert {re.sub('[_.]', '-', name) for name in metadata[1]} <= set(names)
