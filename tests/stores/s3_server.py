"""A local S3 server (moto) whose requests can be slow, fail, or end in the middle."""

import contextlib
import threading
import time
from collections.abc import Iterator

KEYS = {
    'AWS_ACCESS_KEY_ID': 'key',
    'AWS_SECRET_ACCESS_KEY': 'secret',
    'AWS_DEFAULT_REGION': 'us-east-1',
}


class Server:
    """The server as a WSGI application.

    Attributes:
        seconds: that every write takes longer.
        fail_every, break_every: every n-th write is answered by 503, or its connection ends after
            half of its bytes; 0: none.
        down: every request is answered by 503.
        requests, failures: so far.
    """

    def __init__(self, application):
        self._application, self._lock = application, threading.Lock()
        self.seconds, self.fail_every, self.break_every, self.down = 0.0, 0, 0, False
        self.requests = self.failures = self._writes = 0
        self.url = ''

    def __call__(self, environ, start_response):
        with self._lock:
            self.requests += 1
            is_write = environ['REQUEST_METHOD'] in ('PUT', 'POST')
            self._writes += is_write
            number = self._writes
        if is_write and self.seconds:
            time.sleep(self.seconds)
        if self.down or (is_write and self.fail_every and not number % self.fail_every):
            self.failures += 1
            start_response('503 Slow Down', [('Content-Type', 'text/plain')])
            return [b'slow down']
        if is_write and self.break_every and not number % self.break_every:
            self.failures += 1
            environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0) // 2)
            raise ConnectionAbortedError('the connection ends here')
        return self._application(environ, start_response)


@contextlib.contextmanager
def serve() -> Iterator[Server]:
    """A server on a free port of this machine, with the bucket 'bucket'."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug import serving

    class Quiet(serving.WSGIRequestHandler):
        def log(self, *arguments):
            pass

    server = Server(DomainDispatcherApplication(create_backend_app))
    http = serving.make_server('127.0.0.1', 0, server, threaded=True, request_handler=Quiet)
    server.url = f'http://127.0.0.1:{http.port}'
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
