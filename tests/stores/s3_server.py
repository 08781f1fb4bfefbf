"""A local S3 server (moto) whose requests can be slow, fail, or end in the middle."""

import contextlib
import threading
from collections.abc import Iterator

from tests.stores import faults

KEYS = {
    'AWS_ACCESS_KEY_ID': 'key',
    'AWS_SECRET_ACCESS_KEY': 'secret',
    'AWS_DEFAULT_REGION': 'us-east-1',
}


@contextlib.contextmanager
def serve() -> Iterator[faults.Faults]:
    """A server on a free port of this machine, with the bucket 'bucket'."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug import serving

    class Quiet(serving.WSGIRequestHandler):
        def log(self, *arguments):
            pass

    application, state = DomainDispatcherApplication(create_backend_app), faults.Faults()

    def answer(environ, start_response):
        fault = state.next(environ['REQUEST_METHOD'] in ('PUT', 'POST'))
        if fault == 'refused':
            start_response('503 Slow Down', [('Content-Type', 'text/plain')])
            return [b'slow down']
        if fault == 'broken':
            environ['wsgi.input'].read(int(environ.get('CONTENT_LENGTH') or 0) // 2)
            raise ConnectionAbortedError('the connection ends here')
        return application(environ, start_response)

    http = serving.make_server('127.0.0.1', 0, answer, threaded=True, request_handler=Quiet)
    state.environment = {**KEYS, 'AWS_ENDPOINT_URL': f'http://127.0.0.1:{http.port}'}
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        http.shutdown()
        thread.join()
