"""What goes wrong with the requests to a server of a bucket."""

import threading
import time


class Faults:
    """The faults of a server, and what it has been asked.

    Attributes:
        environment: variables with which a process finds the server.
        seconds: that every write takes longer.
        fail_every, break_every: every n-th write is answered by 503, or its connection ends after
            half of its bytes; 0: none.
        down: every request is answered by 503.
        requests, failures: so far.
    """

    def __init__(self):
        self.environment: dict[str, str] = {}
        self._lock = threading.Lock()
        self.requests = self.failures = self._writes = 0
        self.mend()

    def mend(self) -> None:
        """From now on nothing goes wrong."""
        self.seconds, self.fail_every, self.break_every, self.down = 0.0, 0, 0, False

    def next(self, is_write: bool) -> str | None:
        """'refused', 'broken' or None of the request that has come."""
        with self._lock:
            self.requests += 1
            self._writes += is_write
            number = self._writes
        if is_write:
            time.sleep(self.seconds)
        if self.down or (is_write and self.fail_every and not number % self.fail_every):
            self.failures += 1
            return 'refused'
        if is_write and self.break_every and not number % self.break_every:
            self.failures += 1
            return 'broken'
        return None
