"""Train a model, or resume: the same command on the same workdir continues where it stopped."""

import contextlib
import pathlib

from genojax.cli import flags


def run(argv: list[str]) -> None:
    parser = flags.Parser('train', __doc__)
    parser.add_argument(
        '--workdir',
        required=True,
        type=pathlib.Path,
        metavar='DIR',
        help='the run: config.json, checkpoints/, metrics.jsonl',
    )
    parser.add_argument(
        '--fallback',
        action='store_true',
        help='resume from the newest whole checkpoint if later ones are damaged',
    )
    parser.add_processes()
    arguments, configs = flags.parse_with_config(parser, argv)

    # Imported here, so that --help does not wait for jax.
    from genojax import distributed, experiment
    from genojax.train import changes, log, loop, runs

    distributed.start(distributed.find(processes=arguments.processes))
    opened = runs.open_run(
        experiment.from_config(configs['config']),
        arguments.workdir,
        say=_say,
        fallback=arguments.fallback,
    )
    with contextlib.closing(opened):
        _say(opened.summary())
        for line in changes.describe(opened.experiment, opened.changed):
            _say(f'changed: {line}')
        state = loop.train(opened)
        if distributed.is_writer():
            print(f'step {int(state.step)}: {log.last_validation(opened.workdir)}')


def _say(line: str) -> None:
    print(line, flush=True)
