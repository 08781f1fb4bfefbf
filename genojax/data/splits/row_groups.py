"""Which rows of a labelled table stay in one part: leak groups, the user's groups, equal rows."""

import shlex

import numpy as np

from genojax import dna, errors
from genojax.data.formats import labelled_table
from genojax.data.genomes import kmers
from genojax.data.splits import duplicates


def designed(table) -> str:
    """What to do where most rows are related, as variants of one sequence are."""
    return (
        'if they are designed sequences, name a column of their families, which then stay in one '
        f'part, as in {_group_option(table)} or add a column split (train, validation or test in '
        'every row). Or --config.tasks.TASK.data.keep_together=equal keeps only rows of equal '
        'sequence in one part: test rows may then be relatives of training rows, and how many '
        'there are is reported'
    )


def _group_option(table) -> str:
    column = next(iter(table.extra), 'COLUMN')
    return shlex.quote(f'--config.tasks.TASK.data.group_column={column}')


def groups(table, k: int, keep_together: str, group_column: str) -> np.ndarray:
    """The group of every row, the number of its first row, int64 [N]."""
    if group_column:
        if table.split is not None:
            raise errors.UsageError(
                f'{table.source}: the table has a split, and data.group_column is for tables '
                'without one. Fix: delete the column split, or '
                "--config.tasks.TASK.data.group_column=''"
            )
        if group_column not in table.extra:
            raise errors.InputError(
                'LB01',
                f'no other column is called {group_column!r}; there are '
                f'{", ".join(map(repr, table.extra)) or "none"}',
                path=table.source,
                line=1,
                fix=f'name one of them, as in {_group_option(table)}',
            )
        keys = [str(cell) for cell in table.extra[group_column]]
    elif keep_together == 'equal':
        keys = [min(strands(codes)) for codes in table.sequences]
    else:
        return duplicates.groups(table.sequences, k)
    first: dict = {}
    return np.array([first.setdefault(key, row) for row, key in enumerate(keys)], np.int64)


def units(keep_together: str, group_column: str) -> str:
    """What `groups` are, in words: rows of a group are resampled together."""
    if group_column:
        return f'groups of rows with the same {group_column}'
    if keep_together == 'equal':
        return 'groups of equal rows (related rows taken as independent)'
    return 'groups of related rows'


def source(table, keep_together: str, group_column: str) -> str:
    """What decided which rows are in one part, for the report."""
    if table.split is not None:
        return 'files of the folder' if table.is_folder else 'split column'
    if group_column:
        return f'column {group_column}'
    return 'equal rows' if keep_together == 'equal' else 'leak groups'


def conflicting(table: labelled_table.LabelledTable) -> np.ndarray:
    """Which rows have the sequence of another row, on the same strand, and another label, bool [N].

    Of values, those that both rows have are compared.
    """
    conflicting_N, rows_of = np.zeros(len(table), bool), {}
    for row, codes in enumerate(table.sequences):
        rows_of.setdefault(codes.tobytes(), []).append(row)
    for rows in rows_of.values():
        labels = table.labels[rows].reshape(len(rows), -1).astype(np.float64)
        known = ~np.isnan(labels)
        lowest, highest = (
            extreme(labels, axis=0, where=known, initial=start)
            for extreme, start in ((np.min, np.inf), (np.max, -np.inf))
        )
        differs = known & (lowest < highest)
        conflicting_N[np.array(rows)[differs.any(1)]] = True
    return conflicting_N


def common_flanks(sequences: list[np.ndarray]) -> tuple[int, int]:
    """How many bases all rows share at their starts and at their ends."""
    shortest = min(len(codes) for codes in sequences)
    left = right = shortest
    for codes in sequences[1:]:
        left = _equal_bases(codes[:left], sequences[0][:left])
        right = _equal_bases(codes[::-1][:right], sequences[0][::-1][:right])
    return left, right


def _equal_bases(a: np.ndarray, b: np.ndarray) -> int:
    differs = a != b
    return int(differs.argmax()) if differs.any() else len(a)


def check_flanks(table: labelled_table.LabelledTable, k: int) -> None:
    """Refuses rows that are one leak group because all of them carry the same adapter."""
    left, right = common_flanks(table.sequences)
    shortest = min(len(codes) for codes in table.sequences)
    if max(left, right) < k or left + right >= shortest:
        return
    first = table.sequences[0]
    ends = [
        f'{where} with the {count} bases {dna.decode(codes)}'
        for where, count, codes in (
            ('begin', left, first[:left]),
            ('end', right, first[len(first) - right :]),
        )
        if count
    ]
    raise errors.InputError(
        'LB12',
        f'all {len(table):,} rows {" and ".join(ends)}, so that every row shares sequence with '
        'every other',
        path=table.source,
        fix=f'--config.tasks.TASK.data.trim={left},{right} leaves the shared bases out',
    )


def largest(table: labelled_table.LabelledTable, group_N: np.ndarray) -> str:
    """Why most rows are one leak group: the k-mer that most of its rows share; '' if they are not.

    The k-mer is shown on the strand of the first of its rows.
    """
    count = np.bincount(group_N)
    if 2 * count.max() <= len(table):
        return ''
    rows = np.flatnonzero(group_N == count.argmax()).tolist()
    values = [kmers.canonical(table.sequences[row], duplicates.K)[0] for row in rows]
    distinct = [np.unique(value[value != kmers.NONE]) for value in values]
    value, shared = np.unique(np.concatenate(distinct), return_counts=True)
    text = f'; {count.max():,} rows are related and stay in one part'
    if not len(value):
        return text
    at = next(n for n, part in enumerate(distinct) if value[shared.argmax()] in part)
    start = int(np.argmax(values[at] == value[shared.argmax()]))
    bases = dna.decode(table.sequences[rows[at]][start : start + duplicates.K])
    return f'{text}, {shared.max():,} of them with the bases {bases}'


def strands(codes: np.ndarray) -> tuple[bytes, bytes]:
    """The bytes of a row's base codes on either strand."""
    return codes.tobytes(), dna.reverse_complement(codes).tobytes()
