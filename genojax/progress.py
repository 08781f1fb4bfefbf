"""Progress displays: a bar on a terminal; in a log or a notebook a line after 2 s, then every 30 s,
and one at the end.

Work of unknown length is a stage: its name after 2 s, then the time every 30 s.
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sized

LOG_SECONDS = 30.0
FIRST_SECONDS = 2.0  # before the first line
STAGE_SECONDS = 2.0  # a stage that takes longer is named
_stages: list[threading.Event] = []  # that run now, each within the one before


class _LogProgress:
    """Progress as plain lines for stderr without a terminal: after 2 s, then every 30 s."""

    def __init__(self, label: str, total: int | float | None):
        self.label, self.total, self.done = label, total, 0.0
        self.started = self.printed = time.monotonic()
        self.note, self.shown = '', 0.0

    def advance(self, amount: int | float = 1, note: str = '') -> None:
        self.done += amount
        self.note = note
        interval = FIRST_SECONDS if self.printed == self.started else LOG_SECONDS
        if time.monotonic() - self.printed >= interval:
            self._show()

    def finish(self) -> None:
        """The last line, if there were others."""
        if 0 < self.shown < self.done:
            self._show()

    def _show(self) -> None:
        self.printed, self.shown = time.monotonic(), self.done
        share = f' of {self.total:g} ({self.done / self.total:.0%})' if self.total else ''
        seconds = self.printed - self.started
        text = f'{self.label}: {self.done:g}{share}, {seconds:.0f} s {self.note}'
        print(text.rstrip(), file=sys.stderr, flush=True)


class _TerminalProgress:
    """Progress as a bar of `rich`."""

    def __init__(self, progress, task):
        self.progress, self.task = progress, task

    def advance(self, amount: int | float = 1, note: str = '') -> None:
        self.progress.update(self.task, advance=amount, note=note)


@contextlib.contextmanager
def bar(label: str, total: int | float | None = None) -> Iterator[_LogProgress | _TerminalProgress]:
    """A progress display on stderr for work of `total` units (None: unknown).

    Call `.advance(amount, note)` on the result as units are done.
    """
    # A notebook keeps every state of a bar that a command draws.
    if not sys.stderr.isatty() or 'JPY_PARENT_PID' in os.environ:
        display = _LogProgress(label, total)
        yield display
        display.finish()
        return
    from rich import console, progress  # an import of 0.1 s, too slow for --help

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
    """Yields the items while a progress display counts them; `total` defaults to their number."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(label, total) as display:
        for item in items:
            yield item
            display.advance()


@contextlib.contextmanager
def stage(label: str) -> Iterator[None]:
    """Lines on stderr that name a stage of a command while it runs: after 2 s, then every 30 s.

    Of stages within each other the innermost one is shown.
    """
    ended, started = threading.Event(), time.monotonic()

    def show() -> None:
        text, interval = f'{label} ...', STAGE_SECONDS
        while not ended.wait(interval):
            if _stages[-1] is ended:
                print(text, file=sys.stderr, flush=True)
            interval = LOG_SECONDS
            text = f'{label}: {time.monotonic() - started + interval:.0f} s'

    thread = threading.Thread(target=show, daemon=True)
    _stages.append(ended)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        _stages.remove(ended)
