"""Train, score and compare the runs of a sweep file; or resume: what is done is skipped.

FILE.py has a function get_sweep(), or get_sweep(variant) with a tuple VARIANTS, that returns a
genojax.pipeline.sweep.Sweep: arms, each a config with overrides and seeds, and metrics. Each run
has a process and a folder of its own; a run that fails is recorded, and the others go on.

Examples:
  genojax sweep experiments/ablations/positions/sweep.py --workdir=runs/sweep --list
"""

import pathlib
import sys

from genojax import output_files
from genojax.cli import flags

_EPILOG = """
  --config.FIELD=VALUE   override a field in all runs
  --shard=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT   for the tasks of an array: every N-th run
"""


def run(argv: list[str]) -> None:
    parser = flags.Parser('sweep', __doc__, epilog=_EPILOG)
    parser.add_argument('file', metavar='FILE[:VARIANT]', help='the sweep file')
    parser.add_argument(
        '--workdir',
        required=True,
        type=pathlib.Path,
        metavar='DIR',
        help='for all runs, and results.csv',
    )
    parser.add_argument(
        '--shard',
        type=_shard,
        default=(0, 1),
        metavar='I/N',
        help='train every N-th run from run I',
    )
    parser.add_argument('--list', action='store_true', help='list the runs and what became of them')
    parser.add_argument(
        '--dry-run', action='store_true', help='measure memory and time of a step of every arm'
    )
    rest, overrides = flags.split_overrides(argv, ['config'])
    arguments = parser.parse_args(rest)
    loaded = _load(arguments.file)

    # Imported here, so that --help does not wait for jax.
    from genojax.pipeline.sweep import driver, folder, results

    files = folder.SweepFolder(arguments.workdir)
    prepare = loaded.data is not None and not (arguments.list or arguments.dry_run)
    shared = _prepare(loaded, files) if prepare else {}
    runs = _runs(loaded, shared, overrides['config'])
    own = driver.shard_of(runs, *arguments.shard)
    if arguments.list:
        for run in own:
            print(f'{run.name:<32} {driver.describe(files.record(run))}')
        return
    if arguments.dry_run:
        _dry_run(own, files)
        return
    files.make()
    with output_files.writing(files.path):
        try:
            driver.train_all(own, files, loaded.limit, _say)
        finally:  # of the runs that are done, also when others have failed
            rows = results.write(loaded, runs, files)
            print(results.as_text(loaded, rows), flush=True)
            done = len({row.run.name for row in rows})
            _say(f'{done} of {len(runs)} runs are done; {files.path / results.FILE}')


def _load(name: str):
    """The `Sweep` of FILE or FILE:VARIANT.

    Raises:
        UsageError: there is no such file or variant, or it fails (with its line).
    """
    from genojax import errors
    from genojax.pipeline.sweep import Sweep

    file, _, variant = name.partition(':')
    path = pathlib.Path(file)
    if not path.is_file():
        raise errors.UsageError(f'{file}: no such file')
    sweep = flags.call(path, variant, 'get_sweep', flag='')
    if not isinstance(sweep, Sweep):
        raise errors.UsageError(f'{file}: get_sweep() returns no genojax.pipeline.sweep.Sweep')
    return sweep


def _shard(text: str) -> tuple[int, int]:
    index, _, count = text.partition('/')
    if not (index.isdecimal() and count.isdecimal() and int(index) < int(count)):
        raise flags.argparse.ArgumentTypeError(f'{text!r} is not I/N with I in 0 .. N - 1')
    return int(index), int(count)


def _prepare(sweep, files) -> dict:
    """What the sweep's `data` returns; one process writes, others wait for it."""
    files.make()
    with files.lock('data', wait=True):
        data = files.path / 'data'
        data.mkdir(exist_ok=True)
        return dict(sweep.data(data.resolve()))


def _runs(sweep, shared: dict, overrides: dict[str, str]) -> list:
    """The runs with their experiments.

    Raises:
        UsageError: a config has a mistake, or an override is of a field that differs between arms.
    """
    from genojax import errors, experiment
    from genojax.pipeline.sweep import SweepRun

    own = {name for arm in sweep.arms.values() for name in arm.overrides}
    both = sorted(own & overrides.keys() | overrides.keys() & {'seed'})
    if both:
        raise errors.UsageError(
            f'--config.{both[0]} is set by the sweep itself. Fix: change its file'
        )
    runs = []
    for name, arm_name, seed in sweep.names():
        arm = sweep.arms[arm_name]
        values = flags.load(arm.config)
        for path, value in {**shared, **arm.overrides}.items():
            flags.override(values, path, value if isinstance(value, str) else repr(value))
        for path, text in overrides.items():
            flags.override(values, path, text)
        values['seed'] = seed
        try:
            runs.append(SweepRun(name, arm_name, seed, experiment.from_config(values)))
        except errors.UsageError as error:
            raise errors.UsageError(f'arm {arm_name!r}: {error}') from error
    return runs


def _dry_run(runs: list, files) -> None:
    from genojax import errors
    from genojax.pipeline.sweep import estimates, folder, results

    for arm, experiment in results.experiments_by_arm(runs).items():
        left = [
            run for run in runs if run.arm == arm and files.record(run)['status'] != folder.DONE
        ]
        try:
            text = estimates.estimate(experiment).text(experiment.steps, len(left))
        except errors.UsageError as error:
            text = f'not known: {error}'
        print(f'{arm}: {text}', flush=True)


def _say(line: str) -> None:
    """Progress goes to stderr: stdout has the tables alone."""
    print(line, file=sys.stderr, flush=True)
