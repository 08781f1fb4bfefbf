import pytest

from genojax.download import transfer
from tests.download import local_server

SETTINGS = transfer.TransferSettings(timeout=10.0, attempts=4, first_wait=0.01)


@pytest.fixture
def server(monkeypatch):
    """A local server, asked without the proxies of this machine."""
    monkeypatch.setenv('no_proxy', '*')
    with local_server.running() as state:
        yield state
