"""A headless Chromium for tests, driven over WebDriver with the standard library alone."""

import contextlib
import http.client
import json
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator

ABSENT = [name for name in ('chromium', 'chromedriver') if shutil.which(name) is None]
REASON = f'not installed: {", ".join(ABSENT)} (apt-get install -y chromium chromium-driver)'
_OPTIONS = (
    *('headless', 'no-sandbox', 'disable-gpu', 'disable-quic', 'no-first-run', 'disable-sync'),
    *('disable-background-networking', 'disable-component-update', 'hide-scrollbars'),
)


class Browser:
    """One session of a driver; `start` makes it."""

    def __init__(self, port: int, session: str = ''):
        self._port, self._path = port, f'/session/{session}' if session else '/session'

    def call(self, path: str, body: dict | None = None, method: str = 'POST'):
        """The value of one WebDriver command."""
        connection = http.client.HTTPConnection('127.0.0.1', self._port, timeout=60)
        with contextlib.closing(connection):
            text = None if method == 'DELETE' else json.dumps(body or {})
            connection.request(method, self._path + path, text)
            value = json.loads(connection.getresponse().read())['value']
        assert not isinstance(value, dict) or 'error' not in value, value
        return value

    def command(self, name: str, **parameters):
        """One command of the DevTools protocol."""
        return self.call('/goog/cdp/execute', {'cmd': name, 'params': parameters})

    def open(self, path: pathlib.Path, width: int, scripts: bool = True) -> None:
        """Loads a file in a window of this many CSS pixels, with the scripts of pages on or off."""
        size = {'width': width, 'height': 900, 'deviceScaleFactor': 1, 'mobile': False}
        self.command('Emulation.setDeviceMetricsOverride', **size)
        self.command('Emulation.setScriptExecutionDisabled', value=not scripts)
        self.call('/url', {'url': path.absolute().as_uri()})

    def evaluate(self, expression: str):
        """The value of a JavaScript expression, whether or not the page may run scripts."""
        result = self.command('Runtime.evaluate', expression=expression, returnByValue=True)
        assert 'exceptionDetails' not in result, result
        return result['result']['value']

    def complaints(self) -> list[str]:
        """Messages of the console since the last call: errors, blocked content, failed loads."""
        return [entry['message'] for entry in self.call('/se/log', {'type': 'browser'})]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call, by pages and not by the browser itself."""
        events = self.call('/se/log', {'type': 'performance'})
        messages = [json.loads(event['message'])['message'] for event in events]
        sent = [one for one in messages if one['method'] == 'Network.requestWillBeSent']
        urls = [one['params']['request']['url'] for one in sent]
        return [url for url in urls if not url.startswith(('data:', 'chrome'))]


@contextlib.contextmanager
def start(folder: pathlib.Path) -> Iterator[Browser]:
    """A browser whose profile is new and lies in `folder`."""
    arguments = [*(f'--{name}' for name in _OPTIONS), f'--user-data-dir={folder / "profile"}']
    wanted = {
        'goog:chromeOptions': {'args': arguments, 'binary': shutil.which('chromium')},
        'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'},
    }
    pipes = {'stdout': subprocess.PIPE, 'stderr': subprocess.DEVNULL, 'text': True}
    with subprocess.Popen(['chromedriver', '--port=0'], **pipes) as driver:
        try:
            started = (re.search(r'on port (\d+)\.', line) for line in driver.stdout)
            port = next(int(found[1]) for found in started if found)
            capabilities = {'capabilities': {'alwaysMatch': wanted}}
            browser = Browser(port, Browser(port).call('', capabilities)['sessionId'])
            try:
                yield browser
            finally:
                browser.call('', method='DELETE')
        finally:
            driver.terminate()
