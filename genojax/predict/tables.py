"""Prediction tables: what identifies each row, its columns from the request, and its predictions.

One row per sequence in the order of the request. `.parquet` holds the same columns with their
types; any other name, and '-' for stdout, is a table with a header line: `.csv` with commas, others
with TABs. Numbers are
written with nine significant digits, which give the same float32 back; of the greatest probability
of a row what it lacks to 1 has nine, as rows are put in order by it.
"""

import collections
import csv
import json
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from genojax import errors, output_files, versions
from genojax.inference import prediction
from genojax.predict import request as requests

Columns = dict[str, Sequence | np.ndarray]
STDOUT = '-'
_MAX_DECIMALS = 17  # the float64 below 1 are 1.1e-16 apart


def columns(request: requests.Request, predictions: prediction.Predictions) -> Columns:
    """The columns of a prediction table, by name.

    A FASTA record has `name`; a BED row, and a window of anything, its coordinates too; a row of a
    table its `line` and its other columns. Then `predicted_class` for a task of classes, and one
    column per class or label (`p_NAME`, a probability) or per value (`predicted_NAME`).

    Raises:
        UsageError: a column of the table has the name of a prediction.
    """
    return joined(request.columns(), predictions, str(request.path))


def joined(identity: Columns, predictions: prediction.Predictions, source: str) -> Columns:
    """Columns that identify rows, and those of their predictions.

    Args:
        source: where the columns come from, for the error.

    Raises:
        UsageError: a column has the name of a prediction.
    """
    predicted: Columns = {}
    if predictions.classes is not None:
        predicted['predicted_class'] = predictions.classes
    prefix = 'predicted_' if predictions.kind == 'values' else 'p_'
    for number, name in enumerate(predictions.names):
        predicted[prefix + name] = predictions.values[:, number]
    for name in predicted:
        if name in identity:
            raise errors.UsageError(
                f'{source} has a column {name!r}, and so have the predictions. '
                'Fix: rename that column'
            )
    return {**identity, **predicted}


def summary(request: requests.Request, predictions: prediction.Predictions) -> list[str]:
    """What was predicted, in a line or two."""
    lines = []
    if request.table is not None and request.table:
        lines.append(f'columns of the table, not read: {", ".join(request.table)}')
    if predictions.classes is not None:
        counts = collections.Counter(predictions.classes)
        each = ', '.join(f'{name}: {counts[name]:,}' for name in predictions.names)
        lines.append(f'{predictions.task}: predicted classes {each}')
    elif len(predictions):
        for number, name in enumerate(predictions.names):
            values = predictions.values[:, number]
            lines.append(
                f'{predictions.task}: {name} from {values.min():.4g} to {values.max():.4g}, '
                f'median {np.median(values):.4g}'
            )
    return lines


def check_path(out: str) -> None:
    """Refuses an output that cannot be written, before anything is computed.

    Raises:
        UsageError: there is no such folder, it is a folder, or Parquet cannot be written here.
    """
    output_files.check_file(out)
    if pathlib.Path(out).suffix == '.parquet':
        _pyarrow(out)


def write(out: str, table: Columns, metadata: Mapping[str, Any]) -> None:
    """Writes a table; `metadata` goes into a Parquet file, or to OUT.json beside a text file.

    Raises:
        UsageError: a file cannot be written.
    """
    if out == STDOUT:
        _write_text(sys.stdout, table, '\t')
        return
    path = pathlib.Path(out)
    with output_files.replaced(path) as partial:
        if path.suffix == '.parquet':
            _write_parquet(partial, table, metadata)
            return
        with open(partial, 'w', encoding='utf-8', newline='') as file:
            _write_text(file, table, ',' if path.suffix == '.csv' else '\t')
        with output_files.replaced(path.with_name(f'{path.name}.json')) as beside:
            beside.write_text(json.dumps(metadata, indent=1))


def _write_text(file, table: Columns, delimiter: str) -> None:
    writer = csv.writer(file, delimiter=delimiter, lineterminator='\n')
    writer.writerow(table)
    writer.writerows(zip(*map(_cells, table.values()), strict=True))


def _cells(column: Sequence | np.ndarray) -> Sequence:
    if isinstance(column, np.ndarray) and column.dtype.kind == 'f':
        exact = column.dtype == np.float64  # of classes, see `prediction.predict`
        return [_near_1(x) if exact and 0.5 < x < 1 else f'{x:.9g}' for x in column.tolist()]
    return column.tolist() if isinstance(column, np.ndarray) else column


def _near_1(p: float) -> str:
    """A probability above 0.5 with as many decimals as 1 - p has in nine significant digits."""
    decimals = min(8 - math.floor(math.log10(1 - p)), _MAX_DECIMALS)
    return f'{p:.{decimals}f}'.rstrip('0')


def _write_parquet(path: pathlib.Path, table: Columns, metadata: Mapping[str, Any]) -> None:
    pyarrow = _pyarrow(path)
    from pyarrow import parquet

    arrays = pyarrow.table({name: pyarrow.array(column) for name, column in table.items()})
    arrays = arrays.replace_schema_metadata({'genojax': json.dumps(metadata)})
    parquet.write_table(arrays, path)


def _pyarrow(out):
    try:
        import pyarrow
    except ImportError as error:
        raise errors.UsageError(
            f'{out}: Parquet needs pyarrow. Fix: {versions.install_line("")}, or name a .tsv'
        ) from error
    return pyarrow
