"""Errors that reach the user as one line (where, what is wrong, how to fix it), with exit codes."""

import os

from genojax.errors import explanations

EXPLANATIONS = explanations.EXPLANATIONS


class GenojaxError(Exception):
    """Base class of every error shown to the user as one line; never raised itself."""

    exit_code = 1


class UsageError(GenojaxError):
    """An invalid command line or config (exit code 2)."""

    exit_code = 2


class DamageError(GenojaxError):
    """A checkpoint or dataset that differs from what was written (exit code 4)."""

    exit_code = 4


class Preempted(GenojaxError):
    """Training was stopped by a signal and its state is saved.

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
