"""Rows of a labelled table in train, validation and test parts that share no sequence."""

import dataclasses
import hashlib
from collections.abc import Iterable
from typing import Literal

import numpy as np

from genojax import errors
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates, near_copies, occurrences, row_groups

SPLITS = labelled_table.SPLITS


# For rows that occur in the genomes of pretraining. 'remove': they are not used; 'keep': they are,
# and the report says that pretraining has read them; 'auto': they are removed where they are few.
POLICIES = ('auto', 'remove', 'keep')
_MANY_CLASSES = 10  # whole numbers; more of them may be values
MAX_REMOVED = 0.1  # share of the rows, and of each class, that 'auto' removes


def screen(
    genomes: Iterable[assemblies.Genome], table: labelled_table.LabelledTable, policy: str = 'auto'
) -> tuple[labelled_table.LabelledTable, dict]:
    """The rows to use of a table whose rows may occur in genomes, and a report of those that do.

    A row occurs if the genomes hold it, or a near copy of it, on either strand (`occurrences`).

    Args:
        policy: one of `POLICIES`. Rows that were cut from these genomes all occur in them: 'auto'
            keeps them.

    Raises:
        InputError: LB11, 'remove' leaves no row or none of a class.
    """
    genomes = list(genomes)
    places, skipped = occurrences.find(genomes, table.sequences)
    places = places.closest()
    share_C = _class_counts(table, places.row) / np.maximum(_class_counts(table), 1)
    few = len(places.row) <= MAX_REMOVED * len(table) and share_C.max(initial=0) <= MAX_REMOVED
    remove = policy == 'remove' or (policy == 'auto' and few)
    report = {
        'rows': len(table),
        'checked': True,
        'policy': policy,
        'occurring': len(places.row),
        'kept': 0 if remove else len(places.row),
        'removed': _described(genomes, table, places) if remove else [],
        'rows_too_short_to_search': len(skipped),
    }
    if not remove:
        return table, report
    if (share_C == 1).any():
        label = table.names[int(np.argmax(share_C == 1))]
        of_class = f', among them every row of class {label}' if table.has_classes else ''
        raise errors.InputError(
            'LB11',
            f'{len(places.row):,} of {len(table):,} rows occur in the genomes{of_class}: nothing '
            'is left to train on',
            path=table.source,
            fix='--config.tasks.TASK.data.in_genomes=keep keeps them',
        )
    return table.take(np.setdiff1d(np.arange(len(table)), places.row)), report


def digest(table: labelled_table.LabelledTable, rows: np.ndarray) -> str:
    """A hash of the sequences of some rows, whatever their order."""
    texts = sorted(table.sequences[row].tobytes() for row in rows.tolist())
    return hashlib.sha256(b'\xff'.join(texts)).hexdigest()


def not_screened(table: labelled_table.LabelledTable, reason: str) -> dict:
    """The report of `screen` for a table that was compared with no genome."""
    return {
        'rows': len(table),
        'checked': False,
        'reason': reason,
        'occurring': 0,
        'kept': 0,
        'removed': [],
        'rows_too_short_to_search': 0,
    }


def _class_counts(
    table: labelled_table.LabelledTable, rows: np.ndarray | None = None
) -> np.ndarray:
    if not table.has_classes:
        return np.array([len(table) if rows is None else len(rows)])
    labels = table.labels if rows is None else table.labels[rows]
    return np.bincount(labels, minlength=table.classes)


def _described(genomes, table, places: occurrences.Occurrences) -> list[dict]:
    """One entry of a report per occurrence; `start` is its lowest position on the contig."""
    described = []
    for row, s, contig, start, flip, substitutions in zip(
        *(column.tolist() for column in places), strict=True
    ):
        member = genomes[s]
        described.append(
            {
                'row': row,
                'species': member.name,
                'contig': member.contigs[contig].name,
                'start': start,
                'strand': '-' if flip else '+',
                'substitutions': substitutions,
                'line': int(table.lines[row]),
                'label': _label(table, row),
            }
        )
    return described


def _label(table: labelled_table.LabelledTable, row: int) -> int | str | list[float | None]:
    """A row's label as JSON: the name of its class (a whole number as such), or its values."""
    if not table.has_classes:
        return [None if np.isnan(value) else float(value) for value in table.labels[row]]
    name = table.names[int(table.labels[row])]
    return int(name) if name.removeprefix('-').isdecimal() else name


@dataclasses.dataclass(frozen=True, eq=False)
class RowSplit:
    """Row numbers of each part, int64, and what rows share.

    Attributes:
        groups: the leak group of every row, int64 [N].
        shared: validation rows that share sequence with a training row, and test rows that share
            sequence with a training or validation row, bool [N].
        report: sizes, and rows that share sequence, as JSON.
    """

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    groups: np.ndarray
    shared: np.ndarray
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
    shared_rows: Literal['refuse', 'report'] = 'refuse',
    keep_together: Literal['related', 'equal'] = 'related',
    group_column: str = '',
) -> RowSplit:
    """Parts without related rows, with each class in the same proportion.

    Related rows share a k-mer on either strand or are near copies (`duplicates`). The table's own
    split (a column, or the files of a folder) is used as it is. Where it names no validation rows,
    they are drawn from the training rows. Designed sequences may all be related: then the parts
    hold whole groups of the user's (`group_column`), or equal rows alone are kept together.

    Args:
        test: share of the rows.
        validation: share of the other rows.
        shared_rows: what to do if parts of the table's own split have related rows.
        keep_together: rows that stay in one part: related ones, or those of equal sequence.
        group_column: rows with the same text in it stay in one part, instead; '' for none.

    Raises:
        UsageError: there are both a split and a group column.
        InputError: LB01 there is no such group column, LB08 a split column without train or test
            rows, LB09 one that leaks, LB10 a part without a class, LB12 rows that all share their
            first or last bases.
    """
    if not (0 < test < 1 and 0 <= validation < 1):
        raise ValueError(f'{test=} must be within (0, 1) and {validation=} within [0, 1)')
    if not group_column and keep_together == 'related':
        row_groups.check_flanks(table, k)
    group_N = row_groups.groups(table, k, keep_together, group_column)
    stratum_N = _strata(table)
    if table.split is None:
        shares = ((1 - test) * (1 - validation), (1 - test) * validation, test)
        part_N = duplicates.assign_groups(group_N, stratum_N, shares, seed)
    else:
        part_N = _column_parts(table, group_N, shared_rows)
        if validation and not (part_N == 1).any():
            rows = np.flatnonzero(part_N == 0)
            part_N[rows] = duplicates.assign_groups(
                group_N[rows], stratum_N[rows], (1 - validation, validation), seed
            )
    rows_of = {name: np.flatnonzero(part_N == part) for part, name in enumerate(SPLITS)}
    needed = [name for name in SPLITS if name != 'validation' or validation]
    _check_parts(table, rows_of, needed, group_N)
    source = row_groups.source(table, keep_together, group_column)
    units = row_groups.units(keep_together, group_column)
    report = _report(table, rows_of, group_N, k, source, units)
    shared_N = _related(table, rows_of, k)
    return RowSplit(**rows_of, groups=group_N, shared=shared_N, report=report)


def _strata(table: labelled_table.LabelledTable, quantiles: int = 5) -> np.ndarray:
    """What parts hold in equal shares, int64 [N]: classes, or fifths of the first value."""
    if table.has_classes:
        return table.labels
    value_N = table.labels[:, 0]
    known_N = ~np.isnan(value_N)
    edges = np.quantile(value_N[known_N], np.arange(1, quantiles) / quantiles)
    return np.where(known_N, np.searchsorted(edges, value_N), quantiles)


def _check_parts(
    table: labelled_table.LabelledTable,
    rows_of: dict[str, np.ndarray],
    names: list[str],
    group_N: np.ndarray,
) -> None:
    """Refuses a part without a class, or without a value of a column."""
    for name in names:
        rows = rows_of[name]
        counts = _label_counts(table, rows)
        if counts.all():
            continue
        lacking = table.names[int(np.argmin(counts > 0))]
        what = f'row of class {lacking!r}' if table.has_classes else f'value of column {lacking!r}'
        raise errors.InputError(
            'LB10',
            f'the {name} part would have {len(rows):,} of {len(table):,} rows and no {what}'
            f'{row_groups.largest(table, group_N)}',
            path=table.source,
            fix=(
                row_groups.designed(table)
                if 2 * np.bincount(group_N).max() > len(table)
                else _larger_share(table, name)
            )
            + _or_values(table),
        )


def _or_values(table: labelled_table.LabelledTable) -> str:
    """What else to do where many classes are whole numbers, which may be values."""
    numbers = table.has_classes and all(n.removeprefix('-').isdecimal() for n in table.names)
    if not numbers or table.classes <= _MANY_CLASSES:
        return ''
    fix = (
        f'. Or, if the {table.classes} classes are values, predict them: genojax finetune '
        '--kind=regression'
    )
    return fix


def _larger_share(table: labelled_table.LabelledTable, name: str) -> str:
    if table.split is not None and name != 'validation':
        return 'more rows of that part'
    share = 'test=0.1' if name == 'train' else f'{name}=0.4'
    fix = f'more rows, or another share for that part, as in --config.tasks.TASK.data.{share}'
    return fix


def _column_parts(
    table: labelled_table.LabelledTable, group_N: np.ndarray, shared_rows: str
) -> np.ndarray:
    """The part of every row by the table's own split, as a number in `SPLITS`, int64 [N]."""
    part_N = np.array([SPLITS.index(word) for word in table.split.tolist()])
    for part in (0, 2):
        if not (part_N == part).any():
            raise errors.InputError(
                'LB08', f'the split column has no {SPLITS[part]} row', path=table.source
            )
    crossing = part_N != part_N[group_N]  # a group is named after its first row
    if crossing.any() and shared_rows == 'refuse':
        row = int(np.argmax(crossing))
        other = int(group_N[row])
        raise errors.InputError(
            'LB09',
            f'{np.unique(group_N[crossing]).size} leak groups (rows that share {duplicates.K} '
            'bases, or are near copies) have rows in several parts of the split column, one of '
            f'them line {table.lines[other]} ({SPLITS[part_N[other]]}) and this line '
            f'({SPLITS[part_N[row]]})',
            fix='delete the split column: rows are then split so that no row shares sequence with '
            'a row of another part. Or use it as it is: '
            '--config.tasks.TASK.data.shared_rows=report scores the rows that share nothing beside '
            'all',
            **table.where(row),
        )
    return part_N


def _related(
    table: labelled_table.LabelledTable, rows_of: dict[str, np.ndarray], k: int
) -> np.ndarray:
    """`RowSplit.shared`: rows related to a row of the parts that come before theirs, bool [N].

    Rows too short for a k-mer are related to rows that are equal to them.
    """
    related_N = np.zeros(len(table), bool)
    for number, name in enumerate(SPLITS[1:], 1):
        before = np.concatenate([rows_of[other] for other in SPLITS[:number]])
        these, those = (
            [table.sequences[row] for row in rows.tolist()] for rows in (rows_of[name], before)
        )
        if these and those:
            known = {strand for codes in those for strand in row_groups.strands(codes)}
            equal = np.array([codes.tobytes() in known for codes in these])
            related_N[rows_of[name]] = equal | duplicates.related(these, those, k)
    return related_N


def _report(
    table: labelled_table.LabelledTable,
    rows_of: dict[str, np.ndarray],
    group_N: np.ndarray,
    k: int,
    source: str,
    units: str,
) -> dict:
    """Sizes of the parts, and a new count of rows that are related to a training row.

    `rows` are per class, or rows with a value per column of values.
    """
    train = [table.sequences[row] for row in rows_of['train'].tolist()]
    count = np.bincount(group_N, minlength=len(group_N))
    report = {
        'k': k,
        'near_copies': {'identity': near_copies.MIN_IDENTITY, 'bases': near_copies.MIN_BASES},
        'strands': 2,
        'source': source,
        'units': units,
        'groups': int((count > 0).sum()),
        'largest_group': int(count.max(initial=0)),
        'rows_with_a_relative': int(count[count > 1].sum()),
        'names': list(table.names),
        'sizes': {name: len(rows) for name, rows in rows_of.items()},
        'rows': {},
        'conflicting_rows': {},
        'rows_sharing_a_kmer_with_train': {},
        'rows_related_to_train': {},
    }
    conflicting_N = row_groups.conflicting(table)
    for name, rows in rows_of.items():
        report['rows'][name] = _label_counts(table, rows).tolist()
        report['conflicting_rows'][name] = int(conflicting_N[rows].sum())
        if name != 'train':
            sequences = [table.sequences[row] for row in rows.tolist()]
            shared = duplicates.shared(sequences, train, k)
            report['rows_sharing_a_kmer_with_train'][name] = int(shared.sum())
            related = duplicates.related(sequences, train, k)
            report['rows_related_to_train'][name] = int(related.sum())
    return report


def _label_counts(table: labelled_table.LabelledTable, rows: np.ndarray) -> np.ndarray:
    """Rows of every class, or with a value in every column of values."""
    if table.has_classes:
        return np.bincount(table.labels[rows], minlength=table.classes)
    return (~np.isnan(table.labels[rows])).sum(0)
