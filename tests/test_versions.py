"""Installed versions."""

import importlib.metadata

from genojax import versions


def test_installed_versions_are_those_of_the_metadata(monkeypatch):
    installed = versions.installed()
    assert set(installed) == set(versions.PACKAGES)
    assert installed['jax'] == importlib.metadata.version('jax')
    monkeypatch.setattr(versions, 'PACKAGES', ('numpy', 'no-such-package'))
    assert versions.installed()['no-such-package'] == 'absent'
