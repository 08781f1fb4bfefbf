"""Installed versions."""

import importlib.metadata
import json
import pathlib
import re
import subprocess

from genojax import versions


def test_installed_versions_are_those_of_the_metadata(monkeypatch):
    installed = versions.installed()
    assert set(installed) == set(versions.PACKAGES)
    assert installed['jax'] == importlib.metadata.version('jax')
    monkeypatch.setattr(versions, 'PACKAGES', ('numpy', 'no-such-package'))
    assert versions.installed()['no-such-package'] == 'absent'


def test_the_commit_is_that_of_the_clone():
    clone = pathlib.Path(versions.__file__).parent.parent
    if not (clone / '.git').exists():
        assert versions.commit() == ''
        return
    head = subprocess.run(
        ['git', '-C', str(clone), 'rev-parse', 'HEAD'], capture_output=True, text=True, check=True
    )
    assert versions.commit().removesuffix('-dirty') == head.stdout.strip()


def test_extras_of_jax_that_the_setup_names_exist():
    """`pip install -e .[cuda]` installs nothing for a GPU if jax has no extra of that name."""
    setup = pathlib.Path(__file__).parent.parent / 'setup.py'
    named = re.findall(r"'jax\[(\w+)\]'", setup.read_text())
    assert {'tpu', 'cuda12'} <= set(named)
    assert set(named) <= set(importlib.metadata.metadata('jax').get_all('Provides-Extra'))


def test_an_installation_from_git_is_installed_again_from_there(monkeypatch, tmp_path):
    address = {'url': 'https://example.org/genojax', 'vcs_info': {'vcs': 'git', 'commit_id': 'ab'}}
    found = importlib.metadata.distribution('numpy')
    monkeypatch.setattr(importlib.metadata, 'distribution', lambda name: found)
    monkeypatch.setattr(type(found), 'read_text', lambda self, name: json.dumps(address))
    monkeypatch.setattr(versions, '__file__', str(tmp_path / 'genojax' / 'versions.py'))
    line = versions.install_line('cuda')
    assert line.endswith("pip install 'genojax[cuda] @ git+https://example.org/genojax'")
    address.clear()
    assert 'in a clone' in versions.install_line('cuda')
