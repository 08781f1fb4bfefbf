"""Labelled sequences with classes, as batches."""

import dataclasses
import pathlib

import numpy as np

from genojax.data.formats import labelled_table, table_columns
from genojax.tasks.labelled import dataset


@dataclasses.dataclass(frozen=True)
class LabelledDataConfig(dataset.LabelledRowsConfig):
    """Sequences and their classes, which may be whole numbers or names."""

    label_column: str = ''  # '': the column called label

    def columns(self) -> table_columns.TableColumns:
        labels = (self.label_column,) if self.label_column else ()
        return table_columns.TableColumns(
            self.sequence_column, labels, self.split_column, rna=self.rna
        )


class LabelledDatasets(dataset.RowDatasets):
    """Rows of a table and their classes; a batch has `label`, int32 [B]."""

    def label_entries(self, row_B: np.ndarray) -> dict[str, np.ndarray]:
        return {'label': self.table.labels[row_B]}

    @property
    def description(self) -> dict:
        """As `RowDatasets` has it, and `classes`: names in the order of the logits."""
        return super().description | {'classes': list(self.table.names)}

    @property
    def summary(self) -> list[str]:
        """As `RowDatasets` has it, and the rows of every class."""
        counts = np.bincount(self.table.labels, minlength=self.table.classes).tolist()
        order = np.argsort(-np.array(counts), kind='stable').tolist()
        shown = [f'{self.table.names[number]}: {counts[number]:,}' for number in order[:12]]
        if len(order) > len(shown):
            shown.append(f'and {len(order) - len(shown)} more classes')
        return [*super().summary, f'  rows per class: {", ".join(shown)}']


def check_table(
    path: str | pathlib.Path,
    length: int,
    columns: table_columns.TableColumns = table_columns.DEFAULT,
) -> labelled_table.LabelledTable:
    """Reads a table and refuses what would stop training later.

    Args:
        length: bases that the model can read per row; 0 for no limit.

    Raises:
        InputError: LB01 .. LB07, LB13.
    """
    table = labelled_table.read(path, columns)
    labelled_table.check_classes(table)
    if length and table.longest > length:
        table.padded(length=length)  # LB05 names the row
    return table
