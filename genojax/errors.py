"""Errors a user can act on: one line that says where, what and the fix, and the exit code that goes with it."""

import os


class GenojaxError(Exception):
    """The base of every error that reaches the user as one line; never raised itself."""

    exit_code = 1


class UsageError(GenojaxError):
    """A command or a config that cannot be meant (exit code 2)."""

    exit_code = 2


class DamageError(GenojaxError):
    """A checkpoint or a dataset that is not what was written (exit code 4)."""

    exit_code = 4


class Preempted(GenojaxError):
    """Told to stop, and everything is saved (exit code 75, which schedulers read as 'requeue')."""

    exit_code = 75


class InputError(GenojaxError):
    """Bad input data (exit code 3).

    The line reads `GX-FA07: file:line: record 'chr1', base 21: problem. Fix: fix`, with the parts that are known.

    Args:
        code: an entry of `EXPLANATIONS`; `genojax explain CODE` prints it.
        problem: what is wrong, without a full stop.
        line: 1-based line of a text file.
        position: 1-based base in the record.
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


# Code -> what it means and what to do; `genojax explain CODE` prints it. The letters name the family: FA sequence,
# GT genome table, GF annotation, BD intervals, LB labels, MX mixture weights, AR shards, SP splits.
EXPLANATIONS: dict[str, str] = {
    # Sequence files
    'FA01': 'The file holds no FASTA record. Check that it is the file you meant and that its download finished.',
}
