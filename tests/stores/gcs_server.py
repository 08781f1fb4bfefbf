"""A local server of Google Cloud Storage whose requests can be slow, fail, or end in the middle."""

import contextlib
import functools
import http.server
import threading
from collections.abc import Iterator

from tests.stores import faults


@contextlib.contextmanager
def serve() -> Iterator[faults.Faults]:
    """A server on a free port of this machine, with the bucket 'bucket'."""
    from gcp_storage_emulator import server as emulator
    from gcp_storage_emulator.handlers import buckets
    from gcp_storage_emulator.storage import Storage

    storage, state = Storage(use_memory_fs=True), faults.Faults()
    buckets.create_bucket('bucket', storage)

    class Handler(emulator.RequestHandler):
        def handle_one_request(self):
            with contextlib.suppress(ConnectionError):
                super().handle_one_request()

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            fault = state.next(self.command in ('PUT', 'POST'))
            if fault == 'refused':
                self.send_error(503)
            elif fault == 'broken':
                self.rfile.read(int(self.headers.get('Content-Length') or 0) // 2)
            return fault is None

    httpd = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Handler, storage))
    state.environment = {
        'STORAGE_EMULATOR_HOST': f'http://127.0.0.1:{httpd.server_port}',
        'GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT': 'false',  # the server does not know zonal buckets
    }
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        httpd.shutdown()
        httpd.server_close()
        thread.join()
