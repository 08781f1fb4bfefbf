"""Progress for people: a bar on a terminal, one line every 30 s in a log, so long work is never silent."""

import contextlib
import sys
import time
from collections.abc import Iterable, Iterator

LOG_SECONDS = 30.0


class _LogProgress:
    """What a bar becomes where there is no terminal: plain lines, rarely."""

    def __init__(self, label: str, total: int | float | None):
        self.label, self.total, self.done = label, total, 0.0
        self.started = self.spoken = time.monotonic()

    def advance(self, amount: int | float = 1, note: str = '') -> None:
        self.done += amount
        now = time.monotonic()
        if now - self.spoken >= LOG_SECONDS:
            self.spoken = now
            share = f' of {self.total:g} ({self.done / self.total:.0%})' if self.total else ''
            print(
                f'{self.label}: {self.done:g}{share}, {now - self.started:.0f} s {note}'.rstrip(),
                file=sys.stderr,
                flush=True,
            )


class _TerminalProgress:
    def __init__(self, progress, task):
        self.progress, self.task = progress, task

    def advance(self, amount: int | float = 1, note: str = '') -> None:
        self.progress.update(self.task, advance=amount, note=note)


@contextlib.contextmanager
def bar(label: str, total: int | float | None = None) -> Iterator[_LogProgress | _TerminalProgress]:
    """A progress display for work of `total` units; call `.advance(amount, note)` as units are done."""
    if not sys.stderr.isatty():
        yield _LogProgress(label, total)
        return
    from rich import console, progress  # a tenth of a second that --help should not pay

    columns = (
        progress.TextColumn('{task.description}'),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn('{task.fields[note]}'),
    )
    with progress.Progress(*columns, console=console.Console(stderr=True)) as display:
        yield _TerminalProgress(display, display.add_task(label, total=total, note=''))


def track(items: Iterable, label: str, total: int | float | None = None) -> Iterator:
    """Yield the items, showing how many have passed."""
    if total is None and hasattr(items, '__len__'):
        total = len(items)
    with bar(label, total) as display:
        for item in items:
            yield item
            display.advance()
