"""Jobs run in several processes, with results in order."""

import concurrent.futures
import functools
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator

from genojax import errors, progress


def run_jobs(function: Callable, jobs: list, workers: int, label: str) -> Iterator:
    """Results of `function` in order of the jobs, from this process or from `workers` new ones.

    Raises:
        errors.InputError: the first that a job raises.
    """
    if workers == 1 or len(jobs) == 1:
        yield from progress.track(map(function, jobs), label, float(len(jobs)))
        return
    # New processes: a fork of a process with threads (jax, grain) can deadlock.
    context = multiprocessing.get_context('spawn')
    count = min(workers, len(jobs))
    with concurrent.futures.ProcessPoolExecutor(count, context, _exit_with_parent) as pool:
        job = functools.partial(caught, function)
        for result, error in progress.track(pool.map(job, jobs), label, float(len(jobs))):
            if error is not None:
                pool.shutdown(cancel_futures=True)
                code, problem, details = error
                raise errors.InputError(code, problem, **details)
            yield result


def _exit_with_parent() -> None:
    """End a worker whose parent was killed: it would write beside the parent's next run."""
    parent = multiprocessing.parent_process()

    def watch():
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def caught(function: Callable, job) -> tuple:
    """(result, None), or (None, parts of an InputError), because one cannot be unpickled."""
    try:
        return function(job), None
    except errors.InputError as error:
        names = ('path', 'line', 'record', 'position', 'fix')
        return None, (error.code, error.problem, {name: getattr(error, name) for name in names})
