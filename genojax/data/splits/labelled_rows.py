"""Rows of a labelled table in train, validation and test parts that share no sequence."""

import dataclasses

import numpy as np

from genojax import errors
from genojax.data.formats import labelled_table
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates, near_copies, occurrences

SPLITS = labelled_table.SPLITS


# For rows that occur in the genomes of pretraining. 'remove': they are not used; 'keep': they are,
# and the report says that pretraining has read them; 'auto': they are removed where they are few.
POLICIES = ('auto', 'remove', 'keep')
MAX_REMOVED = 0.1  # share of the rows, and of each class, that 'auto' removes


def screen(
    corpus: assemblies.Corpus, table: labelled_table.LabelledTable, policy: str = 'auto'
) -> tuple[labelled_table.LabelledTable, dict]:
    """The rows to use of a table whose rows may occur in genomes, and a report of those that do.

    A row occurs if the genomes hold it, or a near copy of it, on either strand (`occurrences`).

    Args:
        policy: one of `POLICIES`. Rows that were cut from these genomes all occur in them: 'auto'
            keeps them.

    Raises:
        InputError: LB11, 'remove' leaves no row or none of a class.
    """
    places, skipped = occurrences.find(corpus, table.sequences)
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
        'removed': _described(corpus, table, places) if remove else [],
        'rows_too_short_to_search': len(skipped),
    }
    if not remove:
        return table, report
    if (share_C == 1).any():
        label = int(np.argmax(share_C == 1))
        raise errors.InputError(
            'LB11',
            f'{len(places.row):,} of {len(table):,} rows occur in the genomes, among them every '
            f'row of class {label}: nothing is left to train on',
            path=table.source,
            fix="keep them with in_genomes='keep' (--config.tasks.NAME.data.in_genomes=keep)",
        )
    return table.take(np.setdiff1d(np.arange(len(table)), places.row)), report


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
    labels = table.labels if rows is None else table.labels[rows]
    return np.bincount(labels, minlength=table.classes)


def _described(corpus, table, places: occurrences.Occurrences) -> list[dict]:
    """One entry of a report per occurrence; `start` is its lowest position on the contig."""
    described = []
    for row, s, contig, start, flip, substitutions in zip(
        *(column.tolist() for column in places), strict=True
    ):
        member = corpus[corpus.species[s]]
        described.append(
            {
                'row': row,
                'species': member.name,
                'contig': member.contigs[contig].name,
                'start': start,
                'strand': '-' if flip else '+',
                'substitutions': substitutions,
                'line': int(table.lines[row]),
                'label': int(table.labels[row]),
            }
        )
    return described


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
    """Parts without related rows, with each class in the same proportion.

    Related rows share a k-mer on either strand or are near copies (`duplicates`). A split column is
    used as it is, if its parts have no related rows. Where it names no validation rows,
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
            f'{np.unique(group_N[crossing]).size} leak groups (rows that share {duplicates.K} '
            'bases, or are near copies) have rows in several parts of the split column, one of '
            f'them line {table.lines[other]} ({SPLITS[part_N[other]]}) and this line '
            f'({SPLITS[part_N[row]]})',
            path=table.source,
            line=int(table.lines[row]),
            fix='delete the split column: rows are then split so that no row shares sequence with '
            'a row of another part',
        )
    return part_N


def _report(
    table: labelled_table.LabelledTable, rows_of: dict[str, np.ndarray], group_N: np.ndarray, k: int
) -> dict:
    """Sizes of the parts, and a new count of rows that are related to a training row."""
    train = [table.sequences[row] for row in rows_of['train'].tolist()]
    count = np.bincount(group_N, minlength=len(group_N))
    report = {
        'k': k,
        'near_copies': {'identity': near_copies.MIN_IDENTITY, 'bases': near_copies.MIN_BASES},
        'strands': 2,
        'source': 'split column' if table.split is not None else 'leak groups',
        'groups': int((count > 0).sum()),
        'largest_group': int(count.max(initial=0)),
        'rows_with_a_relative': int(count[count > 1].sum()),
        'rows': {},
        'rows_sharing_a_kmer_with_train': {},
        'rows_related_to_train': {},
    }
    for name, rows in rows_of.items():
        by_class = np.bincount(table.labels[rows], minlength=table.classes)
        report['rows'][name] = by_class.tolist()
        if name != 'train':
            sequences = [table.sequences[row] for row in rows.tolist()]
            shared = duplicates.shared(sequences, train, k)
            report['rows_sharing_a_kmer_with_train'][name] = int(shared.sum())
            related = duplicates.related(sequences, train, k)
            report['rows_related_to_train'][name] = int(related.sum())
    return report
