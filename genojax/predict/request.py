"""What to predict for: FASTA records, BED intervals of a genome, or the rows of a table."""

import dataclasses
import os
import shlex
from collections.abc import Callable, Mapping

import numpy as np

from genojax import errors, genome
from genojax.data.formats import delimited, labelled_table, table_columns
from genojax.inference import requests


@dataclasses.dataclass(frozen=True, eq=False)
class Request:
    """Sequences in a fixed order, and what is written beside the prediction of each.

    Attributes:
        path: the file that names the rows, for errors.
        regions: the sequences; the contigs of a table are its rows, numbered from 0.
        has_places: coordinates say more than the name: BED rows and windows.
        table: the columns of a table besides the sequence, as text, one cell per row of the table;
            None for FASTA and BED.
    """

    path: str | os.PathLike
    regions: requests.Regions
    has_places: bool = False
    table: Mapping[str, list[str]] | None = None

    def __len__(self) -> int:
        return len(self.regions)

    def windows(self, length: int, stride: int) -> 'Request':
        """The same with every longer sequence as windows; see `requests.Regions.windows`."""
        cut = self.regions.windows(length, stride)
        return dataclasses.replace(self, regions=cut, has_places=True)

    def codes(self, read_row: Callable[..., np.ndarray]) -> list[np.ndarray]:
        """The base codes of every row, as a task's `read_row` returns them.

        Raises:
            InputError: of `read_row`, naming file, line and record.
        """
        result = []
        for number, row in enumerate(self.regions.rows):
            record = row.name if self.table is None else None
            codes_L = self.regions.codes(number)
            result.append(read_row(codes_L, path=self.path, line=row.line, record=record))
        return result

    def columns(self) -> dict[str, list]:
        """What identifies each row: its name or line, coordinates, and the columns of a table."""
        rows, result = self.regions.rows, {}
        if self.table is None:
            result['name'] = [row.name for row in rows]
        else:
            result['line'] = [row.line for row in rows]
            numbers = [int(row.interval.contig) for row in rows]
            for name, cells in self.table.items():
                result[name] = [cells[number] for number in numbers]
        if self.has_places:
            intervals = [row.interval for row in rows]
            if self.table is None:
                result['contig'] = [interval.contig for interval in intervals]
            result['start'] = [interval.start for interval in intervals]
            result['end'] = [interval.end for interval in intervals]
            if self.table is None:
                result['strand'] = [interval.strand for interval in intervals]
        return result


def read_fasta(
    path: str | os.PathLike, bed: str | os.PathLike | None = None, **options: bool
) -> Request:
    """Every record of a FASTA file, or every row of a BED file; see `requests.read`."""
    return Request(bed or path, requests.read(path, bed, **options), has_places=bed is not None)


def read_table(
    path: str | os.PathLike, sequence_column: str = 'sequence', rna: bool = False
) -> Request:
    """Every row of a TSV or CSV whose first line names its columns; labels are not needed.

    Args:
        sequence_column: the column with the DNA, in either case of its letters.
        rna: read U as T.

    Raises:
        InputError: FA.. unreadable; LB01 no such column, LB03 no row or an empty sequence, LB04 not
            DNA, LB06 another number of columns, LB13 no header.
    """
    table = delimited.read(path)
    delimited.check_header(path, table)
    header, rows, lines = table
    chosen = [i for i, name in enumerate(header) if name.lower() == sequence_column.lower()]
    if len(chosen) != 1:
        likely = table_columns.dna_columns(header, rows)
        raise errors.InputError(
            'LB01',
            f'{"no" if not chosen else "more than one"} column is called {sequence_column!r}; the '
            f'first line names {", ".join(map(repr, header)) or "nothing"}',
            path=path,
            line=1,
            fix=shlex.quote(f'--sequence-column={(*likely, "NAME")[0]}'),
        )
    contigs, regions = {}, []
    for number, (line, cells) in enumerate(zip(lines, rows, strict=True)):
        codes_L = labelled_table.sequence_codes(cells[chosen[0]], path, line, rna, of_verb=True)
        contigs[str(number)] = codes_L
        interval = genome.Interval(str(number), 0, len(codes_L), '+')
        regions.append(requests.SequenceRegion(f'line {line}', interval, line))
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=path)
    others = {name: [cells[i] for cells in rows] for i, name in enumerate(header) if i != chosen[0]}
    return Request(path, requests.Regions(regions, contigs), table=others)
