"""Progress in a log: rare lines with a share of the total."""

import contextlib
import io
import sys
import time

import pytest

from genojax import progress


@pytest.fixture(autouse=True)
def usual_seconds(monkeypatch):
    """As in a user's process: other tests wait for no line."""
    monkeypatch.setattr(progress, 'FIRST_SECONDS', 2.0)
    monkeypatch.setattr(progress, 'STAGE_SECONDS', 2.0)


@pytest.fixture
def clock(monkeypatch):
    """Seconds, to be advanced by a test."""
    seconds = [100.0]
    monkeypatch.setattr(progress.time, 'monotonic', lambda: seconds[0])
    return seconds


def test_a_log_gets_one_line_per_interval_and_one_at_the_end(clock, capsys):
    with progress.bar('ingest', 40) as display:
        for seconds in (1, 1, 15, 15, 15, 15, 1, 1):
            clock[0] += seconds
            display.advance(5, 'chr1')
    assert capsys.readouterr().err.splitlines() == [
        'ingest: 10 of 40 (25%), 2 s chr1',
        'ingest: 20 of 40 (50%), 32 s chr1',
        'ingest: 30 of 40 (75%), 62 s chr1',
        'ingest: 40 of 40 (100%), 64 s chr1',
    ]


def test_work_that_stops_has_no_last_line(clock, capsys):
    with pytest.raises(KeyError), progress.bar('ingest', 40) as display:
        clock[0] += progress.FIRST_SECONDS
        display.advance(5)
        display.advance(5)
        raise KeyError
    assert capsys.readouterr().err.splitlines() == ['ingest: 5 of 40 (12%), 2 s']


def test_short_work_is_silent(clock, capsys):
    assert list(progress.track('abc', 'letters')) == ['a', 'b', 'c']
    assert capsys.readouterr().err == ''


def test_items_without_a_length_are_counted_without_a_total(clock, capsys):
    def items():
        for item in range(3):
            clock[0] += progress.LOG_SECONDS
            yield item

    assert list(progress.track(items(), 'items')) == [0, 1, 2]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == 'items: 1, 30 s' and len(lines) == 3


def test_a_terminal_gets_a_bar(monkeypatch, capsys):
    monkeypatch.delenv('JPY_PARENT_PID', raising=False)
    monkeypatch.setattr(progress.sys.stderr, 'isatty', lambda: True)
    with progress.bar('ingest', 2) as display:
        display.advance(1, 'chr1')
        display.advance()
    assert 'ingest' in capsys.readouterr().err


def test_a_notebook_gets_lines(clock, monkeypatch, capsys):
    monkeypatch.setattr(progress.sys.stderr, 'isatty', lambda: True)
    monkeypatch.setenv('JPY_PARENT_PID', '1')
    with progress.bar('ingest', 2) as display:
        clock[0] += progress.FIRST_SECONDS
        display.advance(1, 'chr1')
    assert capsys.readouterr().err == 'ingest: 1 of 2 (50%), 2 s chr1\n'


def shown(monkeypatch, *labels: str) -> list[str]:
    """The first three lines while stages run, each within the one before."""
    text = io.StringIO()
    monkeypatch.setattr(sys, 'stderr', text)
    with contextlib.ExitStack() as stack:
        for label in labels:
            stack.enter_context(progress.stage(label))
        while text.getvalue().count('\n') < 3:
            time.sleep(0.001)
    return text.getvalue().splitlines()[:3]


def test_a_stage_is_named_if_it_takes_long_and_then_timed(monkeypatch):
    monkeypatch.setattr(progress, 'STAGE_SECONDS', 0.05)
    monkeypatch.setattr(progress, 'LOG_SECONDS', 0.02)
    assert shown(monkeypatch, 'searching') == ['searching ...', 'searching: 0 s', 'searching: 0 s']
    both = shown(monkeypatch, 'searching', 'reading')
    assert both == ['reading ...', 'reading: 0 s', 'reading: 0 s']


def test_a_short_stage_is_silent(monkeypatch, capsys):
    monkeypatch.setattr(progress, 'STAGE_SECONDS', 60.0)
    with progress.stage('searching'):
        pass
    assert capsys.readouterr().err == ''
