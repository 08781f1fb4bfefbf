"""Jobs by processes of this machine or by an Apache Beam pipeline, with results in order.

All workers of a pipeline must see the genomes and the folder of the shards by the same path, since
jobs read and write files there: a local runner, or a cluster with a shared file system.
"""

import concurrent.futures
import contextlib
import functools
import multiprocessing
import os
import shlex
import threading
from collections.abc import Callable, Iterator

from genojax import errors, progress


def by_processes(function: Callable, jobs: list, label: str, workers: int) -> Iterator:
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


def beam_runner(options: str) -> Callable[..., Iterator]:
    """`by_beam` with these options, which were tried.

    Args:
        options: of the pipeline, as on Beam's command line: '--runner=FlinkRunner ...'.

    Raises:
        errors.UsageError: Beam is missing or refuses the options.
    """
    with _named(options):
        _pipeline(options)
    return functools.partial(by_beam, options=options)


def by_beam(function: Callable, jobs: list, label: str, options: str) -> Iterator:
    """Results of `function` in order of the jobs, which one pipeline has run.

    The workers' results are dropped. Each job leaves its files complete, so that this process gets
    its result by reading them, or raises what the worker has raised.

    Raises:
        errors.InputError: the first that a job raises.
        errors.UsageError: the pipeline fails.
    """
    import apache_beam as beam

    with progress.stage(label), _named(options), _pipeline(options) as pipeline:
        spread = pipeline | beam.Create(jobs) | beam.Reshuffle()
        _ = spread | beam.Map(_run, function)
    yield from progress.track(map(function, jobs), label, float(len(jobs)))


def _pipeline(options: str):
    try:
        import apache_beam as beam
        from apache_beam.options import pipeline_options
    except ImportError as error:
        problem = f'--beam needs Apache Beam: {error}'
        raise errors.UsageError(f"{problem}. Fix: pip install 'genojax[beam]'") from error
    return beam.Pipeline(options=pipeline_options.PipelineOptions(shlex.split(options)))


@contextlib.contextmanager
def _named(options: str) -> Iterator[None]:
    """Whatever Beam raises, as one line."""
    try:
        yield
    except errors.UsageError:
        raise
    except Exception as error:
        text = str(error).strip() or type(error).__name__
        raise errors.UsageError(f'--beam={options!r}: {text.splitlines()[0]}') from error


def _run(job, function: Callable) -> None:
    caught(function, job)
