"""Train a model, or resume: the same command on the same workdir continues where it stopped.

Examples:
  genojax train --config=demo --config.tasks.masked_lm.data.shards=shards/ --workdir=runs/pretrain
"""

import contextlib

from genojax import progress
from genojax.cli import flags
from genojax.stores import staging


def run(argv: list[str]) -> None:
    parser = flags.Parser('train', __doc__)
    parser.add_argument(
        '--workdir',
        required=True,
        type=flags.location,
        metavar='DIR',
        help='the run: config.json, checkpoints/, metrics.jsonl; also gs:// or s3://',
    )
    parser.add_argument(
        '--fallback',
        action='store_true',
        help='resume from the newest whole checkpoint if later ones are damaged',
    )
    parser.add_argument(
        '--evaluate', action='store_true', help='then score the best checkpoint on the test split'
    )
    parser.add_argument(
        '--limit', type=flags.positive, help='largest number of test windows to score (all)'
    )
    parser.add_argument(
        '--profile',
        type=flags.positive,
        nargs='?',
        const=5,
        default=0,
        metavar='STEPS',
        help='trace a few steps (%(const)s) for xprof, into profile/ of the workdir',
    )
    parser.add_processes()
    arguments, configs = flags.parse_with_config(parser, argv)

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax import distributed, experiment
        from genojax.pipeline import evaluation
        from genojax.train import changes, log, loop, runs

    distributed.start(distributed.find(processes=arguments.processes))
    distributed.check_alike(flags.alike(arguments, configs['config']))
    described = experiment.from_config(configs['config'])
    evaluation.check_limit(described.tasks, arguments.limit)
    opened = runs.open_run(
        described,
        arguments.workdir,
        say=_say,
        fallback=arguments.fallback,
    )
    with contextlib.closing(opened):
        _say(opened.summary())
        for line in changes.describe(opened.experiment, opened.changed):
            _say(f'changed: {line}')
        state = loop.train(opened, profile=arguments.profile)
        if distributed.is_writer():
            validated = log.last_validation(opened.workdir, log.loss_units(opened.tasks))
            print(f'step {int(state.step)}: {validated}')
        if arguments.evaluate:
            for name, result, path in evaluation.evaluate_run(opened, limit=arguments.limit):
                line = evaluation.step_line(result, path)
                _say(f'{opened.tasks[name].as_text(result)}\n{line}')


def _say(line: str) -> None:
    print(staging.as_named(line), flush=True)
