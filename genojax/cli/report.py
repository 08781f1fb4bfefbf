"""Write report.html for a run, or for a directory of runs such as that of `genojax demo`.

Examples:
  genojax report runs/promoters
"""

from genojax import progress
from genojax.cli import flags
from genojax.stores import staging


def run(argv: list[str]) -> None:
    """Writes the page and prints its path.

    Args:
        argv: what follows the verb.

    Raises:
        UsageError: there is no such directory, or it holds no run.
    """
    parser = flags.Parser('report', __doc__)
    parser.add_argument('directory', nargs='?', help='the run to report on')
    parser.add_argument('--workdir', help='the same, named as for the other verbs')
    arguments = parser.parse_args(argv)
    directories = [d for d in (arguments.directory, arguments.workdir) if d]
    if len(directories) != 1:
        parser.error('name one directory: genojax report WORKDIR')

    # Imported here, so that --help does not wait for jax.
    with progress.stage('loading libraries'):
        from genojax.pipeline import run_report

    directory = flags.readable(directories[0])
    with progress.stage('drawing the report'):
        path = run_report.write(directory)
    print(staging.as_named(f'{path} ({path.stat().st_size / 1e6:.1f} MB)'))
