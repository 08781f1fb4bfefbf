"""Memory that a block of a test adds, whatever earlier tests of the process took."""

import pathlib

import pytest

_RESET, _STATUS = pathlib.Path('/proc/self/clear_refs'), pathlib.Path('/proc/self/status')


def _kib(field: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f'{field}:'))


class Peak:
    """Context whose `added` is the highest resident memory within it less that before it, in KiB.

    `ru_maxrss` never falls, so its difference is 0 once an earlier test has taken more; Linux
    resets the value in /proc.
    """

    added = -1

    def __enter__(self) -> 'Peak':
        try:
            _RESET.write_text('5')
        except OSError:
            pytest.skip('this system does not measure the peak of a part of a process')
        self._before = _kib('VmRSS')
        return self

    def __exit__(self, *_) -> None:
        self.added = _kib('VmHWM') - self._before
