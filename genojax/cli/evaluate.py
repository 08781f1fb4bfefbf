"""Score a trained run on data it was not trained on, beside baselines.

--against=OTHER scores two runs on the same rows instead, such as a fine-tuned network and the same
from scratch: the scores of both, and their paired difference with a 95 % interval. Runs whose rows,
labels or scores differ are refused. For every task but variant effects.

Examples:
  genojax evaluate runs/pretrain
  genojax evaluate runs/promoters --against=runs/scratch
"""

import sys

from genojax import errors, progress
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
    parser.add_argument(
        '--against',
        type=flags.readable,
        help='another run: the paired difference of both on the same rows',
    )
    flags.add_fallback(parser)
    parser.add_processes()
    arguments = parser.parse_args(argv)

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax import distributed
        from genojax.pipeline import comparison, evaluation
        from genojax.train import runs

    distributed.start(distributed.find(processes=arguments.processes))
    distributed.check_alike(flags.alike(arguments))
    experiment = runs.read_experiment(arguments.workdir)
    names = [arguments.task] if arguments.task else list(experiment.tasks)
    if names[0] not in experiment.tasks:
        raise errors.UsageError(
            f'{arguments.workdir} has no task {names[0]!r}; it has {", ".join(experiment.tasks)}. '
            f'Fix: --task={next(iter(experiment.tasks))}'
        )
    evaluation.check_limit(names, arguments.limit)
    options = {'say': _say, 'read_only': True, 'fallback': arguments.fallback}
    against = _other(arguments) if arguments.against else None
    opened = runs.open_run(experiment, arguments.workdir, **options)
    part = arguments.split, arguments.limit
    if against is not None:
        other = runs.open_run(against, arguments.against, **options)
        for row in comparison.compare_runs(opened, other, names, *part, say=_say):
            print(staging.as_named(comparison.as_text(*row)))
        other.close()
    else:
        for name, result, path in evaluation.evaluate_run(opened, names, *part):
            print(opened.tasks[name].as_text(result))
            print(staging.as_named(evaluation.step_line(result, path)))
    opened.close()


def _other(arguments):
    """The experiment of the run to compare with."""
    from genojax.train import runs

    if arguments.against.resolve() == arguments.workdir.resolve():
        raise errors.UsageError(
            f'--against={arguments.against} is the run itself. Fix: leave --against out, or name '
            'another run'
        )
    return runs.read_experiment(arguments.against)


def _say(line: str) -> None:
    """Progress goes to stderr: stdout has the scores alone."""
    print(staging.as_named(line), file=sys.stderr, flush=True)
