"""Rows of a labelled table in train, validation and test parts that share no sequence."""

import dataclasses

import numpy as np

from genojax import errors
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates

SPLITS = labelled_table.SPLITS


def remove_rows_in(
    corpus: assemblies.Corpus, table: labelled_table.LabelledTable
) -> tuple[labelled_table.LabelledTable, dict]:
    """The rows that do not occur in the genomes on either strand, and a report of the others."""
    occurrences, skipped = duplicates.occurrences(corpus, table.sequences)
    for one in occurrences:
        one['line'] = int(table.lines[one['row']])
        one['label'] = int(table.labels[one['row']])
    rows = np.setdiff1d(np.arange(len(table)), [one['row'] for one in occurrences])
    report = {
        'rows': len(table),
        'removed': occurrences,
        'rows_too_short_to_search': len(skipped),
    }
    return table.take(rows), report


@dataclasses.dataclass(frozen=True, eq=False)
class RowSplit:
    """Row numbers of each part, int64, and the leak group of every row."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    groups: np.ndarray  # int64 [N]
    report: dict

    def rows(self, name: str) -> np.ndarray:
        """Row numbers of 'train', 'validation' or 'test'.

        Raises:
            ValueError: another name.
        """
        if name not in SPLITS:
            raise ValueError(f'{name!r} is not one of {SPLITS}')
        return getattr(self, name)


def split_rows(
    table: labelled_table.LabelledTable,
    test: float = 0.25,
    validation: float = 0.0,
    seed: int = 0,
    k: int = duplicates.K,
) -> RowSplit:
    """Parts that share no k-mer on either strand, with each class in the same proportion.

    A split column is used as it is, if its parts share no k-mer. Where it names no validation rows,
    they are drawn from the training rows.

    Args:
        test: share of the rows.
        validation: share of the other rows.

    Raises:
        InputError: LB08 a split column without train or test rows, LB09 one that leaks, LB10 a part
            without a class.
    """
    if not (0 < test < 1 and 0 <= validation < 1):
        raise ValueError(f'{test=} must be within (0, 1) and {validation=} within [0, 1)')
    group_N = duplicates.groups(table.sequences, k)
    if table.split is None:
        shares = ((1 - test) * (1 - validation), (1 - test) * validation, test)
        part_N = duplicates.assign_groups(group_N, table.labels, shares, seed)
    else:
        part_N = _column_parts(table, group_N)
        if validation and not (part_N == 1).any():
            rows = np.flatnonzero(part_N == 0)
            part_N[rows] = duplicates.assign_groups(
                group_N[rows], table.labels[rows], (1 - validation, validation), seed
            )
    rows_of = {name: np.flatnonzero(part_N == part) for part, name in enumerate(SPLITS)}
    _check_classes(table, rows_of, [name for name in SPLITS if name != 'validation' or validation])
    return RowSplit(**rows_of, groups=group_N, report=_report(table, rows_of, group_N, k))


def _check_classes(
    table: labelled_table.LabelledTable, rows_of: dict[str, np.ndarray], names: list[str]
) -> None:
    for name in names:
        rows = rows_of[name]
        if len(np.unique(table.labels[rows])) < table.classes:
            raise errors.InputError(
                'LB10',
                f'the {name} part has {len(rows)} of {len(table)} rows and lacks a class',
                path=table.source,
                fix='more rows, or a larger share for that part',
            )


def _column_parts(table: labelled_table.LabelledTable, group_N: np.ndarray) -> np.ndarray:
    """The part of every row by the split column, as a number in `SPLITS`, int64 [N]."""
    part_N = np.array([SPLITS.index(word) for word in table.split.tolist()])
    for part in (0, 2):
        if not (part_N == part).any():
            raise errors.InputError(
                'LB08', f'the split column has no {SPLITS[part]} row', path=table.source
            )
    crossing = part_N != part_N[group_N]  # a group is named after its first row
    if crossing.any():
        row = int(np.argmax(crossing))
        other = int(group_N[row])
        raise errors.InputError(
            'LB09',
            f'{np.unique(group_N[crossing]).size} leak groups have rows in several parts of the '
            f'split column, one of them line {table.lines[other]} ({SPLITS[part_N[other]]}) and '
            f'this line ({SPLITS[part_N[row]]})',
            path=table.source,
            line=int(table.lines[row]),
            fix='delete the split column to get a leak-free split',
        )
    return part_N


def _report(
    table: labelled_table.LabelledTable, rows_of: dict[str, np.ndarray], group_N: np.ndarray, k: int
) -> dict:
    """Sizes of the parts, and a new count of rows that share a k-mer with a training row."""
    train = [table.sequences[row] for row in rows_of['train'].tolist()]
    count = np.bincount(group_N, minlength=len(group_N))
    report = {
        'k': k,
        'strands': 2,
        'source': 'split column' if table.split is not None else 'leak groups',
        'groups': int((count > 0).sum()),
        'rows_with_a_relative': int(count[count > 1].sum()),
        'rows': {},
        'rows_sharing_a_kmer_with_train': {},
    }
    for name, rows in rows_of.items():
        by_class = np.bincount(table.labels[rows], minlength=table.classes)
        report['rows'][name] = by_class.tolist()
        if name != 'train':
            sequences = [table.sequences[row] for row in rows.tolist()]
            shared = duplicates.shared(sequences, train, k)
            report['rows_sharing_a_kmer_with_train'][name] = int(shared.sum())
    return report
