"""Buckets in memory whose requests can be made to fail, to end half-way or to be slow."""

import uuid

from fsspec.implementations import memory

from genojax.stores import bucket

WRITES = ('pipe_file', 'put_file')


class Faults:
    """A file system in memory, some of whose writes go wrong.

    Attributes:
        plan: for each of the next writes 'fail', 'half' (an object of half its size is left), 'lost'
            (it is there, but the answer is an error) or 'ok'; then all are.
        forever: every write fails.
        written: paths, in order.
    """

    def __init__(self):
        self._system = memory.MemoryFileSystem(skip_instance_cache=True)
        self.plan, self.forever, self.written = [], False, []

    def __getattr__(self, name):
        return getattr(self._system, name)

    def pipe_file(self, path, data):
        fault = self.plan.pop(0) if self.plan else 'ok'
        if self.forever or fault == 'fail':
            raise OSError('503 slow down')
        self._system.pipe_file(path, data[: len(data) // 2] if fault == 'half' else data)
        if fault == 'lost':
            raise ConnectionError('connection reset')
        self.written.append(path)

    def put_file(self, source, path):
        with open(source, 'rb') as file:
            self.pipe_file(path, file.read())


def new_bucket() -> tuple[bucket.Bucket, Faults]:
    """An empty bucket, and its file system."""
    faults, name = Faults(), uuid.uuid4().hex
    faults.makedirs(f'/{name}/run', exist_ok=True)
    return bucket.Bucket(faults, f'{name}/run', f's3://{name}/run'), faults
