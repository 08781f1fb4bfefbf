"""Work shared among processes, results in order."""

import concurrent.futures
import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator

from genojax import errors, progress


def each(function: Callable, jobs: list, workers: int, label: str) -> Iterator:
    """Results in order of the jobs, from this process or from new ones."""
    if workers == 1 or len(jobs) == 1:
        yield from progress.track(map(function, jobs), label, float(len(jobs)))
        return
    # Fresh processes: a fork of a process with threads (jax, grain) can lock up.
    context = multiprocessing.get_context('spawn')
    count = min(workers, len(jobs))
    with concurrent.futures.ProcessPoolExecutor(count, context, _end_with_parent) as pool:
        guarded = functools.partial(_guarded, function)
        for result, error in progress.track(pool.map(guarded, jobs), label, float(len(jobs))):
            if error is not None:
                pool.shutdown(cancel_futures=True)
                code, problem, where = error
                raise errors.InputError(code, problem, **where)
            yield result


def _end_with_parent() -> None:
    """A worker whose parent was killed would go on writing beside the parent's next run."""
    parent = multiprocessing.parent_process()

    def watch():
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _guarded(function: Callable, job) -> tuple:
    """An InputError crosses the process border in parts: its constructor cannot take it back whole."""
    try:
        return function(job), None
    except errors.InputError as error:
        names = ('path', 'line', 'record', 'position', 'fix')
        return None, (error.code, error.problem, {name: getattr(error, name) for name in names})
