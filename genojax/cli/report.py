"""`genojax report WORKDIR`: write report.html from what a run left on disk."""

import argparse
import sys

from genojax import report


def run(argv: list[str]) -> int:
    """Write the page and print its path; 0 when it is written.

    Args:
        argv: what follows the verb.
    Raises:
        errors.UsageError: no such directory.
    """
    parser = argparse.ArgumentParser(prog='genojax report', description=__doc__)
    parser.add_argument('directory', nargs='?', help='the run to report on')
    parser.add_argument('--workdir', help='the same, named as for the other verbs')
    arguments = parser.parse_args(argv)
    directories = [d for d in (arguments.directory, arguments.workdir) if d]
    if len(directories) != 1:
        parser.error('name one directory: genojax report WORKDIR')
    path = report.write(directories[0])
    print(f'{path} ({path.stat().st_size / 1e6:.1f} MB)', file=sys.stdout)
    return 0
