"""A server in the process of the test, whose answers can be cut, slow, wrong or changed."""

import contextlib
import hashlib
import http.server
import threading
import time
from dataclasses import dataclass, field


@dataclass
class Page:
    """How a path is answered.

    Attributes:
        cuts: bytes after which the connection ends, one per request until they are used up.
        statuses: answered in place of the file, one per request until they are used up.
        headers: that are sent besides, or None to leave one out.
        stated_length: in place of the right Content-Length.
        stall: seconds before each block of the body.
        location: another URL, to which the request is redirected.
        ranges: whether parts are sent.
        obeys: whether `If-Range` counts.
    """

    body: bytes = b''
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: dict[str, str | None] = field(default_factory=dict)
    stated_length: int | None = None
    stall: float = 0.0
    location: str = ''
    ranges: bool = True
    obeys: bool = True

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


class Server:
    """Pages by path, and the requests that came: (path, Range)."""

    def __init__(self):
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str]] = []
        self.url = ''

    def ranges(self, path: str) -> list[str]:
        """The ranges asked for of a path, '' for the whole."""
        return [value for name, value in self.requests if name == path]


@contextlib.contextmanager
def running():
    """Within the block, a server on a free port of this machine."""
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = 'HTTP/1.1'

        def do_GET(self):
            state.requests.append((self.path, self.headers.get('Range', '')))
            page = state.pages.get(self.path)
            status = page.statuses.pop(0) if page and page.statuses else 0
            if page is None or status:
                self._send(status or 404, {'Content-Length': '0', 'Retry-After': '0'}, b'')
            elif page.location:
                headers = {'Location': page.location, 'Content-Length': '0', **page.headers}
                self._send(302, headers, b'')
            else:
                self._file(page)

        def _file(self, page):
            wanted, start, status = self.headers.get('Range', ''), 0, 200
            same = self.headers.get('If-Range') == page.headers.get('ETag', page.etag)
            if wanted and page.ranges and (same or not page.obeys):
                start, status = int(wanted.removeprefix('bytes=').rstrip('-')), 206
            if start >= len(page.body) > 0:
                self._send(416, {'Content-Length': '0'}, b'')
                return
            body = page.body[start:]
            headers = {'ETag': page.etag, 'Content-Length': str(len(body))}
            if status == 206:
                last = len(page.body) - 1
                headers['Content-Range'] = f'bytes {start}-{last}/{len(page.body)}'
            if page.stated_length is not None:
                headers['Content-Length'] = str(page.stated_length)
            headers |= page.headers
            cut = page.cuts.pop(0) if page.cuts else None
            self._send(status, headers, body[:cut], page.stall)
            if cut is not None or page.stated_length is not None:
                self.close_connection = True

        def _send(self, status, headers, body, stall=0.0):
            self.send_response(status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                for at in range(0, len(body), 4096) if stall else (0,):
                    time.sleep(stall)
                    self.wfile.write(body[at : at + 4096] if stall else body)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.daemon_threads = True
    state.url = f'http://127.0.0.1:{server.server_address[1]}'
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
