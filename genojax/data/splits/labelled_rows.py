"""Rows of a labelled table in train, validation and test parts that share no sequence."""

import dataclasses

import numpy as np

from genojax import errors
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates


def remove_rows_in(
    corpus: assemblies.Corpus, labelled: labelled_table.LabelledTable
) -> tuple[labelled_table.LabelledTable, dict]:
    """The rows that do not occur in the genomes, on either strand, and a report of those that do."""
    places, skipped = duplicates.occurrences(corpus, labelled.sequences)
    for place in places:
        place['line'] = int(labelled.lines[place['row']])
        place['label'] = int(labelled.labels[place['row']])
    keep = np.setdiff1d(np.arange(len(labelled)), [place['row'] for place in places])
    report = {'rows': len(labelled), 'removed': places, 'rows_too_short_to_search': len(skipped)}
    return labelled.take(keep), report


@dataclasses.dataclass(frozen=True, eq=False)
class RowSplit:
    """Row numbers of each side and the leak group of every row."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    groups: np.ndarray  # int64 [N]
    report: dict


def split_rows(
    labelled: labelled_table.LabelledTable,
    test: float = 0.25,
    validation: float = 0.0,
    seed: int = 0,
    k: int = duplicates.K,
) -> RowSplit:
    """Sides that share no k-mer on either strand, each class in the same proportion.

    A split column is kept as it is if it keeps this rule. Validation rows are drawn from the training
    rows where the column names none.

    Args:
        test: share of the rows. validation: share of the rest.

    Raises:
        InputError: LB08 a split column without train or test rows, LB09 one that leaks, LB10 a side
            without a class.
    """
    if not (0 < test < 1 and 0 <= validation < 1):
        raise ValueError(f'{test=} must be within (0, 1) and {validation=} within [0, 1)')
    group_N = duplicates.groups(labelled.sequences, k)
    if labelled.split is not None:
        side_N = _given_sides(labelled, group_N)
        if validation and not (side_N == 1).any():
            rows = np.flatnonzero(side_N == 0)
            side_N[rows] = duplicates.assign_groups(
                group_N[rows], labelled.labels[rows], (1 - validation, validation), seed
            )
    else:
        shares = ((1 - test) * (1 - validation), (1 - test) * validation, test)
        side_N = duplicates.assign_groups(group_N, labelled.labels, shares, seed)
    rows = [np.flatnonzero(side_N == side) for side in range(3)]
    for name, part in zip(labelled_table.SPLITS, rows, strict=True):
        required = name != 'validation' or validation > 0
        if required and len(np.unique(labelled.labels[part])) < labelled.classes:
            raise errors.InputError(
                'LB10',
                f'the {name} side has {len(part)} of {len(labelled)} rows and lacks a class',
                path=labelled.source,
                fix='more rows, or a larger share for that side',
            )
    return RowSplit(*rows, group_N, _split_report(labelled, rows, group_N, k))


def _given_sides(labelled: labelled_table.LabelledTable, group_N: np.ndarray) -> np.ndarray:
    side_N = np.array([labelled_table.SPLITS.index(word) for word in labelled.split.tolist()])
    for side in (0, 2):
        if not (side_N == side).any():
            raise errors.InputError(
                'LB08',
                f'the split column has no {labelled_table.SPLITS[side]} row',
                path=labelled.source,
            )
    crossing = side_N != side_N[group_N]  # a group is named after its first row
    if crossing.any():
        row = int(np.argmax(crossing))
        other = int(group_N[row])
        raise errors.InputError(
            'LB09',
            f'{np.unique(group_N[crossing]).size} leak groups lie on several sides of the split column, one of them '
            f'with line {labelled.lines[other]} ({labelled_table.SPLITS[side_N[other]]}) and this line ({labelled_table.SPLITS[side_N[row]]})',
            path=labelled.source,
            line=int(labelled.lines[row]),
            fix='delete the split column to get a leak-free split',
        )
    return side_N


def _split_report(
    labelled: labelled_table.LabelledTable, rows: list[np.ndarray], group_N: np.ndarray, k: int
) -> dict:
    """What was split how, and the leak counted afresh: rows scored that share a k-mer with a row fitted."""
    fitted = [labelled.sequences[row] for row in rows[0].tolist()]
    count = np.bincount(group_N, minlength=len(group_N))
    report = {
        'k': k,
        'strands': 2,
        'source': 'split column' if labelled.split is not None else 'leak groups',
        'groups': int((count > 0).sum()),
        'rows_with_a_relative': int(count[count > 1].sum()),
        'rows': {},
        'rows_sharing_a_kmer_with_train': {},
    }
    for name, part in zip(labelled_table.SPLITS, rows, strict=True):
        by_class = np.bincount(labelled.labels[part], minlength=labelled.classes)
        report['rows'][name] = by_class.tolist()
        if name != 'train':
            scored = [labelled.sequences[row] for row in part.tolist()]
            report['rows_sharing_a_kmer_with_train'][name] = int(
                duplicates.shared(scored, fitted, k).sum()
            )
    return report
