"""Labelled sequences with values, as batches of standardised targets."""

import dataclasses

import numpy as np

from genojax.data.formats import table_columns
from genojax.tasks.labelled import dataset
from genojax.tokenizers.base import Tokenizer


@dataclasses.dataclass(frozen=True)
class ValueDataConfig(dataset.LabelledRowsConfig):
    """Sequences and their values, in one column or several; empty cells are absent values."""

    value_columns: tuple[str, ...] = ()  # (): the column called label or value

    def columns(self) -> table_columns.TableColumns:
        return table_columns.TableColumns(
            self.sequence_column, self.value_columns, self.split_column, values=True, rna=self.rna
        )


class ValueDatasets(dataset.RowDatasets):
    """Rows of a table and their values.

    A batch has `label` float32 [B, C], values minus `mean_C` over `sd_C`, 0 where absent, and
    `known` bool [B, C].

    Attributes:
        mean_C, sd_C: of the known values of the training rows, float64; sd is 1 where it is 0.
    """

    def __init__(
        self, config: ValueDataConfig, seed: int, tokenizer: Tokenizer, init_from: str = ''
    ):
        super().__init__(config, seed, tokenizer, init_from)
        train_NC = self.table.labels[self.rows('train')]
        self.mean_C, sd_C = np.nanmean(train_NC, axis=0), np.nanstd(train_NC, axis=0)
        self.sd_C = np.where(sd_C > 0, sd_C, 1.0)

    def label_entries(self, row_B: np.ndarray) -> dict[str, np.ndarray]:
        value_BC = (self.table.labels[row_B] - self.mean_C) / self.sd_C
        known_BC = ~np.isnan(value_BC)
        return {
            'label': np.where(known_BC, value_BC, 0).astype(np.float32),
            'known': known_BC,
        }

    @property
    def description(self) -> dict:
        """As `RowDatasets` has it, and `values`: their names, mean and standard deviation."""
        values = {
            'names': list(self.table.names),
            'mean': self.mean_C.tolist(),
            'sd': self.sd_C.tolist(),
            'absent': np.isnan(self.table.labels).sum(0).tolist(),
        }
        return super().description | {'values': values}

    @property
    def summary(self) -> list[str]:
        """As `RowDatasets` has it, and mean, deviation and absent values of every column."""
        absent_C = np.isnan(self.table.labels).sum(0)
        parts = [
            f'{name}: mean {mean:.4g}, sd {sd:.4g}, {absent:,} absent'
            for name, mean, sd, absent in zip(
                self.table.names, self.mean_C, self.sd_C, absent_C, strict=True
            )
        ]
        return [*super().summary, f'  {"; ".join(parts[:12])}']
