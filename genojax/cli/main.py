"""`genojax VERB [--flags]`: runs the verb's module; an error becomes one line and an exit code.

Verbs are imported only when called, so `genojax --help` does not wait for jax.
"""

import contextlib
import difflib
import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator

import genojax
from genojax import errors, output_files
from genojax.hardware import cpu_threads
from genojax.stores import staging

# Verb -> what it does; the module of the same name has `run(argv)`.
VERBS = {
    'demo': 'the main job: genomes, pretraining, fine-tuning, baselines, report',
    'simulate': 'write a simulated clade: genomes, annotation and promoters with a known ceiling',
    'download': 'fetch public genomes or published weights, or list where they are',
    'check': 'say what a folder of genomes holds, or what is wrong with it',
    'explain': 'explain an error code, such as GX-FA07',
    'ingest': 'turn checked genomes into shards for training',
    'promoters': 'cut promoters and negatives of the same genomes into a table to fine-tune on',
    'tracks': 'turn bigWig and bedGraph files along genomes into windows for training',
    'hic': 'turn Hi-C matrices (.cool, .mcool) along genomes into windows for training',
    'windows': 'windows of splice sites and of all other GT or AG of genes, as a labelled table',
    'configs': 'list the named configs, or every field of one with its meaning',
    'train': 'train a model from a config, or resume',
    'sweep': 'train, score and compare the runs of a sweep file, or resume',
    'finetune': 'a model and a labelled table: train, evaluate, predict, report in one step',
    'evaluate': 'score a trained run on its test split, beside baselines',
    'embed': 'vectors of FASTA records or BED intervals by any model, to .npz or .tsv',
    'predict': 'classes or values of sequences by a trained run, as a table',
    'score': 'score the variants of a VCF by any model: the same VCF with scores in INFO',
    'interpret': 'mutagenesis, attributions, dependency maps, attention and motifs of a model',
    'convert': 'published weights in, or a model out for the class that published it',
    'report': 'write report.html for a run',
    'plan': 'compile a config for named hardware: memory, FLOPs, communication, step time',
    'doctor': 'say what this machine has and what is missing',
}


def usage() -> str:
    width = max(map(len, VERBS))
    lines = [f'  {verb:<{width}}  {what}' for verb, what in VERBS.items()]
    return '\n'.join(
        [
            f'genojax {genojax.__version__}: genomic foundation models, from genomes to a report',
            '',
            'usage: genojax VERB [--flags]      genojax VERB --help      genojax --version',
            '',
            *lines,
            '',
            'exit codes: 0 ok, 2 usage or config, 3 bad input, 4 damaged data or checkpoint, '
            '75 stopped and saved',
        ]
    )


def main(argv: list[str] | None = None) -> None:
    """The console script. Never shows a traceback for an error that a user can act on."""
    argv = sys.argv[1:] if argv is None else argv
    quiet_checkpoints()
    try:
        with _stopped_by_sigterm():
            _run(argv)
            sys.stdout.flush()  # here, where a full disk is one line
        staging.push_additions()
    except errors.GenojaxError as error:
        _fail(staging.as_named(str(error)), error.exit_code)
    except KeyboardInterrupt:
        _fail('interrupted', 130)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader of a pipe (head, less) has gone; nothing is wrong here.
            _drop_output()
            return
        if error.filename is None and error.errno is None:
            raise
        if error.filename is None and error.errno in output_files.NO_ROOM:
            _drop_output()
        _fail(output_files.problem(error), errors.UsageError.exit_code)


def _drop_output() -> None:
    """What is left of standard output goes nowhere: writing it at exit would fail once more."""
    with contextlib.suppress(OSError, ValueError):  # in a notebook or a test it is no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Within the block SIGTERM ends the verb as an error does; training saves first (`loop`).

    Raises:
        Preempted: at the first signal; a second one ends the process.
    """

    def stop(number, frame):
        signal.signal(number, signal.SIG_DFL)
        raise errors.Preempted('by SIGTERM; the same command goes on from what is there')

    if threading.current_thread() is not threading.main_thread():  # which alone gets signals
        yield
        return
    previous = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _is_critical(record: logging.LogRecord) -> bool:
    return record.levelno > logging.ERROR


def _is_not_of_orbax(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    return not ('exception was never retrieved' in text and 'orbax' in text)


def quiet_checkpoints() -> None:
    """What checkpoints print by themselves is not shown: this program says what has failed.

    Orbax warns of every checkpoint opened for reading, and prints a failed save several times.
    After one, TensorStore's threads report the arrays that were still being written to an event
    loop that Orbax has closed, each with a traceback; and asyncio logs the writes that failed and
    that nobody waited for.
    """
    # A level would be set again when absl is imported.
    logging.getLogger('absl').addFilter(_is_critical)
    logging.getLogger('asyncio').addFilter(_is_not_of_orbax)
    show = sys.unraisablehook
    if show.__module__ == __name__:  # this was called before
        return

    def show_others(event) -> None:
        if not (event.exc_type is RuntimeError and str(event.exc_value) == 'Event loop is closed'):
            show(event)

    sys.unraisablehook = show_others


def _run(argv: list[str]) -> None:
    if not argv or argv[0] in ('-h', '--help', 'help'):
        print(usage(), flush=True)
        if not argv:
            sys.exit(errors.UsageError.exit_code)
        return
    verb = argv[0]
    if verb == '--version':
        print(genojax.__version__)
    elif verb in VERBS:
        cpu_threads.leave_one_free()
        importlib.import_module(f'genojax.cli.{verb}').run(argv[1:])
    else:
        near = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f'; did you mean {near[0]!r}?' if near else ''
        raise errors.UsageError(f'no verb {verb!r}{hint} (`genojax --help` lists them)')


def _fail(message: str, exit_code: int) -> None:
    word = 'stopped' if exit_code == errors.Preempted.exit_code else 'error'
    print(f'genojax: {word} {message}', file=sys.stderr)
    several = sys.modules.get('genojax.distributed')
    if several is not None and several.joined():
        several.leave()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(exit_code)  # or jax would wait for the other processes once more
    sys.exit(exit_code)


if __name__ == '__main__':
    main()
