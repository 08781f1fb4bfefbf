"""genojax train --config=NAME_OR_FILE --workdir=DIR: train a model, or resume."""

import pathlib

from genojax import errors
from genojax.cli import flags


def run(argv: list[str]) -> None:
    values, own = flags.parse(
        argv, {'workdir': 'the run: config.json, checkpoints/, metrics.jsonl'}, __doc__
    )
    if not own['workdir']:
        raise errors.UsageError('--workdir=DIR is missing')

    # Imported here, so that --help does not wait for jax.
    from genojax import experiment
    from genojax.train import log, loop, runs

    opened = runs.open_run(experiment.from_config(values), pathlib.Path(own['workdir']), say=_say)
    print(opened.summary(), flush=True)
    state = loop.train(opened)
    print(f'step {int(state.step)}: {log.last_validation(opened.workdir)}')
    opened.close()


def _say(line: str) -> None:
    print(line, flush=True)
