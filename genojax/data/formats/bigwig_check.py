"""Reads bigWig files to their end in a process of their own, before anything depends on them.

A few damaged bytes make pybigtools 0.3.0 abort the process, which no handler can prevent, or lose
blocks of the index without a sign. So a child process reads every interval and compares the bases
that have a value with the number in the header; a file that it does not survive is an error here.
"""

import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

from genojax import errors, progress
from genojax.data.formats import bigwig

_ROOT = pathlib.Path(__file__).parents[3]


def check(paths: Sequence[str | os.PathLike]) -> None:
    """Reads bigWig files in a child process.

    Raises:
        InputError: TK10, the first of them that is damaged.
    """
    for path, problem in problems(paths).items():
        if problem:
            raise bigwig.damaged(path, problem)


def problems(paths: Sequence[str | os.PathLike]) -> dict[str, str]:
    """What is wrong with each file, by path; '' if nothing is."""
    result: dict[str, str] = {}
    left = [os.fspath(path) for path in paths]
    while left:
        with progress.stage(f'reading {len(left):,} bigWig files'):
            lines, code = _child(left)
        result |= dict(zip(left, map(json.loads, lines), strict=False))
        left = left[len(lines) :]
        if left and code:  # the child ended at this file
            result[left.pop(0)] = f'its reader ends with signal {-code}' if code < 0 else 'damaged'
    return result


def _child(paths: Sequence[str]) -> tuple[list[str], int]:
    """The lines that a child process prints, one per file, and its exit code."""
    search = os.pathsep.join(filter(None, [str(_ROOT), os.environ.get('PYTHONPATH', '')]))
    done = subprocess.run(
        [sys.executable, '-m', 'genojax.data.formats.bigwig_check', *paths],
        env={**os.environ, 'PYTHONPATH': search},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    return done.stdout.splitlines(), done.returncode


def _problem(path: str) -> str:
    try:
        bigwig.BigWigFile(path).check()
    except errors.InputError as error:
        return error.problem
    return ''


if __name__ == '__main__':
    for argument in sys.argv[1:]:
        print(json.dumps(_problem(argument)), flush=True)
