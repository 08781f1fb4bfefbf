"""genojax train --config=NAME_OR_FILE --workdir=DIR: train a model, or go on where it stopped."""

import pathlib

from genojax import errors
from genojax.cli import flags


def run(argv: list[str]) -> None:
    config, own = flags.parse(
        argv, {'workdir': 'the run: config.json, checkpoints/, metrics.jsonl'}, __doc__
    )
    if not own['workdir']:
        raise errors.UsageError('--workdir=DIR is missing')

    # Imported here, so that --help does not wait for jax.
    from genojax import experiment
    from genojax.train import log, loop, runs

    job = runs.Run(experiment.from_config(config), pathlib.Path(own['workdir']))
    print(job.describe())
    state = loop.train(job)
    print(f'step {int(state.step)}: {log.last_evaluation(job.workdir)}')
    job.close()
