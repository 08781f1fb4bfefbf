"""Jobs as an Apache Beam pipeline, for genomes that one machine reads too slowly.

The jobs are those of `processes`, and their files are the same; only where they run differs. All
workers of the pipeline must see the genomes and the folder of the shards by the same path: a local
runner, or a cluster with a shared file system.
"""

import contextlib
import functools
import shlex
from collections.abc import Callable, Iterator

from genojax import errors, progress
from genojax.data.store import processes


def runner(options: str) -> Callable[..., Iterator]:
    """`run_jobs` with these options, which were tried.

    Args:
        options: of the pipeline, as on Beam's command line: '--runner=FlinkRunner ...'.

    Raises:
        errors.UsageError: Beam is missing or refuses the options.
    """
    with _named(options):
        _pipeline(options)
    return functools.partial(run_jobs, options=options)


def run_jobs(function: Callable, jobs: list, label: str, options: str) -> Iterator:
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
    processes.caught(function, job)
