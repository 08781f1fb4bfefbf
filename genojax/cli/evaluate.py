"""Score a trained run on data it was not trained on, beside baselines.

Examples:
  genojax evaluate runs/pretrain
"""

import sys

from genojax import progress
from genojax.cli import flags
from genojax.stores import staging


def run(argv: list[str]) -> None:
    parser = flags.Parser('evaluate', __doc__)
    parser.add_argument('workdir', type=flags.readable, help='the run to score')
    parser.add_argument('--task', help='score one task of several (all)')
    parser.add_argument(
        '--split',
        choices=('test', 'validation'),
        default='test',
        help='validation: the rows that selected the checkpoint (%(default)s)',
    )
    parser.add_argument(
        '--limit',
        type=flags.positive,
        help='largest number of windows to score, into a file of its own (all)',
    )
    flags.add_fallback(parser)
    parser.add_processes()
    arguments = parser.parse_args(argv)

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax import distributed, errors
        from genojax.pipeline import evaluation
        from genojax.train import runs

    distributed.start(distributed.find(processes=arguments.processes))
    experiment = runs.read_experiment(arguments.workdir)
    names = [arguments.task] if arguments.task else list(experiment.tasks)
    if names[0] not in experiment.tasks:
        raise errors.UsageError(
            f'{arguments.workdir} has no task {names[0]!r}; it has {", ".join(experiment.tasks)}. '
            f'Fix: --task={next(iter(experiment.tasks))}'
        )
    evaluation.check_limit(names, arguments.limit)
    opened = runs.open_run(
        experiment, arguments.workdir, say=_say, read_only=True, fallback=arguments.fallback
    )
    scores = evaluation.evaluate_run(opened, names, arguments.split, arguments.limit)
    for name, result, path in scores:
        print(opened.tasks[name].as_text(result))
        print(staging.as_named(evaluation.step_line(result, path)))
    opened.close()


def _say(line: str) -> None:
    """Progress goes to stderr: stdout has the scores alone."""
    print(staging.as_named(line), file=sys.stderr, flush=True)
