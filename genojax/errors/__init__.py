"""Errors that reach the user as one line (where, what is wrong, how to fix it), with exit codes."""

import contextlib
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping

from genojax.errors import explanations, families

EXPLANATIONS = explanations.EXPLANATIONS
FAMILIES = families.FAMILIES
_FIX = 'Fix: '


class GenojaxError(Exception):
    """Base class of every error shown to the user as one line; never raised itself."""

    exit_code = 1

    def _render_traceback_(self) -> list[str]:
        """What IPython prints, and so a notebook: the line, as the command does."""
        return [str(self)]

    def renamed(self, names: Mapping[str, str]) -> 'GenojaxError':
        """The same error whose fix has other names; this one where it has none of them."""
        text = str(self)
        problem, sign, fix = text.partition(_FIX)
        changed = problem + sign + _replaced(fix, names)
        return self if changed == text else type(self)(changed)


class UsageError(GenojaxError):
    """An invalid command line or config (exit code 2)."""

    exit_code = 2


class DamageError(GenojaxError):
    """A checkpoint or dataset that differs from what was written (exit code 4)."""

    exit_code = 4


class Preempted(GenojaxError):
    """A command was stopped by a signal or for want of a network; it can be run again.

    What it had done is saved.

    Exit code 75 (EX_TEMPFAIL), on which schedulers can requeue the job.
    """

    exit_code = 75


class InputError(GenojaxError):
    """Invalid input data (exit code 3).

    The message reads `GX-FA07: file:line: record 'chr1', base 21: problem. Fix: fix`, without the
    parts that are not passed.

    Args:
        code: a key of `EXPLANATIONS`, whose text `genojax explain CODE` prints.
        problem: what is wrong, without a full stop at its end.
        path: the file.
        line: 1-based line of a text file.
        record: name of a sequence or row in the file.
        position: 1-based base in the record.
        fix: what to do, an imperative sentence.

    Raises:
        KeyError: `code` has no entry in `EXPLANATIONS`.
    """

    exit_code = 3

    def __init__(
        self,
        code: str,
        problem: str,
        *,
        path: str | os.PathLike | None = None,
        line: int | None = None,
        record: str | None = None,
        position: int | None = None,
        fix: str = '',
    ):
        if code not in EXPLANATIONS:
            raise KeyError(f'{code} has no entry in EXPLANATIONS')
        self.code, self.problem, self.path, self.fix = code, problem, path, fix
        self.line, self.record, self.position = line, record, position
        where = ''
        if path is not None:
            where = f'{os.fspath(path)}:{line}: ' if line is not None else f'{os.fspath(path)}: '
        inside = []
        if record is not None:
            inside.append(f'record {record!r}')
        if position is not None:
            inside.append(f'base {position}')
        if inside:
            where += ', '.join(inside) + ': '
        text = f'GX-{code}: {where}{problem}.' + (f' Fix: {fix}' if fix else '')
        super().__init__(' '.join(text.split()))

    def renamed(self, names: Mapping[str, str]) -> 'GenojaxError':
        fix = _replaced(self.fix, names)
        return self if fix == self.fix else self.with_fix(fix)

    def with_fix(self, fix: str) -> 'InputError':
        """The same error with another fix."""
        return InputError(
            self.code,
            self.problem,
            path=self.path,
            line=self.line,
            record=self.record,
            position=self.position,
            fix=fix,
        )


def absent(path: str | os.PathLike, flag: str = '') -> InputError:
    """The error of a path of data where nothing is.

    Args:
        flag: that names it, such as '--fasta'.
    """
    problem = f'{flag}: no such file or folder' if flag else 'no such file or folder'
    return InputError('FA20', problem, path=path, fix='check the path')


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        text = text.replace(old, new)
    return text


@contextlib.contextmanager
def renaming(names: Mapping[str, str]) -> Iterator[None]:
    """Within the block, the fixes of errors name other options: those of a verb or of a task.

    Args:
        names: text of a fix -> text in its place, as in {'tasks.TASK.': 'tasks.promoters.'}.
    """
    try:
        yield
    except GenojaxError as error:
        renamed = error.renamed(names)
        if renamed is error:
            raise
        raise renamed from error.__cause__


def new_name(path: str | os.PathLike, another: bool = False) -> str:
    """A path at which nothing is, quoted for a shell: this one, or PATH_2, PATH_3, ...

    Args:
        another: not this one, although nothing may be there yet.
    """
    path = os.fspath(path)
    stem, suffix = os.path.splitext(path)
    if suffix in ('.gz', '.bgz'):
        stem, inner = os.path.splitext(stem)
        suffix = inner + suffix
    others = (f'{stem}_{number}{suffix}' for number in itertools.count(2))
    names = others if another else itertools.chain([path], others)
    return shlex.quote(next(name for name in names if not os.path.exists(name)))
