"""The rows of a labelled table that a model is scored on: its test rows."""

import collections
import dataclasses
import pathlib
from collections.abc import Callable, Collection

import numpy as np

from genojax import errors


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows to score.

    Attributes:
        codes: base codes, as the task's `read_row` returned them.
        label_N: whether each is of the class that is explained.
        gene_N: the gene of each, of the column `gene`; None without it.
        left_out: rows that are not scored, by reason.
    """

    codes: list[np.ndarray]
    label_N: np.ndarray
    gene_N: np.ndarray | None
    left_out: dict[str, int]


def open_table(path: pathlib.Path):
    """The rows of a table, before anything is computed.

    Raises:
        UsageError: no column `label`.
        InputError: LB.. for the table.
    """
    from genojax.predict import request

    requested = request.read_table(path)
    if 'label' not in (name.lower() for name in requested.table):
        raise errors.UsageError(f'{path} has no column label, which says what a row is')
    return requested


def read(
    requested, read_row: Callable, positive: str, without_genes: Collection[str] = ()
) -> LabelledRows:
    """The test rows of a table; all rows if it has no column `split`.

    Args:
        requested: of `open_table`.
        read_row: of the task's head.
        positive: text of the label of positive rows.
        without_genes: rows of these genes are left out.

    Raises:
        UsageError: no rows remain.
        InputError: of `read_row`.
    """
    columns = {name.lower(): cells for name, cells in requested.table.items()}
    every = range(len(requested))
    split, gene = columns.get('split'), columns.get('gene')
    left_out: collections.Counter[str] = collections.Counter()
    chosen = []
    for row in every:
        if split and split[row] != 'test':
            left_out['rows that are not of split test'] += 1
        elif gene and gene[row] in without_genes:
            left_out['rows of genes on which the heads were chosen'] += 1
        else:
            chosen.append(row)
    if not chosen:
        path = requested.path
        raise errors.UsageError(f'{path} has no test rows of other genes than the training genes')
    codes = requested.codes(read_row)
    return LabelledRows(
        codes=[codes[row] for row in chosen],
        label_N=np.array([columns['label'][row] == positive for row in chosen]),
        gene_N=np.array([gene[row] for row in chosen]) if gene else None,
        left_out=dict(left_out),
    )
