"""Variants in a table: TSV or CSV with one row per variant, every row accounted for.

The first line names the columns: contig, position (from 1), reference and alternate bases under
their usual names, a label, and any others. Alleles are written as in VCF.
"""

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from genojax import errors, genome
from genojax.data.formats import delimited, input_file, table_columns

_NAMES = {
    'contig': ('contig', 'chrom', '#chrom', 'chromosome', 'chr'),
    'position': ('position', 'pos'),
    'ref': ('ref', 'reference'),
    'alt': ('alt', 'alternate'),
    'label': ('label',),
}

# Columns of text that `genojax score --tsv --annotation` adds.
ANNOTATION_COLUMNS = (
    *('consequence', 'gene', 'transcript', 'amino_acids', 'codons', 'protein_position'),
)


@dataclasses.dataclass(frozen=True)
class VariantColumns:
    """Names of the columns; '' for the usual name, in any case.

    Attributes:
        group: '' for the contig.
    """

    contig: str = ''
    position: str = ''
    ref: str = ''
    alt: str = ''
    label: str = ''
    group: str = ''


@dataclasses.dataclass(frozen=True, eq=False)
class VariantTable:
    """Rows of a table of variants.

    Attributes:
        variants: of the rows, 0-based.
        labels, groups: text [N].
        cells: every column by name, text.
        lines: 1-based line of the file.
    """

    path: str
    variants: list[genome.Variant]
    labels: np.ndarray
    groups: np.ndarray
    cells: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.variants)

    def where(self, row: int) -> dict[str, Any]:
        """`path` and `line` of a row, for an error."""
        return {'path': self.path, 'line': self.lines[row]}

    def text(self, name: str) -> list[str]:
        """The cells of a column.

        Raises:
            InputError: LB01, no such column.
        """
        if name not in self.cells:
            names = ', '.join(map(repr, self.cells))
            raise errors.InputError(
                'LB01',
                f'no column is called {name!r}; the first line names {names}',
                path=self.path,
                line=1,
                fix='name a column that the table has',
            )
        return self.cells[name]

    def numbers(self, name: str) -> np.ndarray:
        """The numbers of a column, float64 [N]; NaN where the table has none.

        Raises:
            InputError: LB01, no such column; LB02, a cell that is not a number.
        """
        return table_columns.values(self.text(name), name, self.where)

    def take(self, rows: np.ndarray) -> 'VariantTable':
        """These rows, in this order."""
        order = np.asarray(rows, np.int64).tolist()
        return dataclasses.replace(
            self,
            variants=[self.variants[row] for row in order],
            labels=self.labels[order],
            groups=self.groups[order],
            cells={name: [column[row] for row in order] for name, column in self.cells.items()},
            lines=[self.lines[row] for row in order],
        )


def read(path: str | os.PathLike, columns: VariantColumns | None = None) -> VariantTable:
    """The variants of a table.

    Raises:
        InputError: LB01 for a column that is absent, LB03 and LB06 for the rows, VC08 for a row
            that is no variant of A, C, G, T and N.
    """
    path, columns = pathlib.Path(path), columns or VariantColumns()
    header, rows, lines = delimited.read(path)
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=path)
    names = {role: _named(header, getattr(columns, role), role, path) for role in _NAMES}
    cells = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    group = columns.group or names['contig']
    table = VariantTable(
        str(path),
        _variants({role: cells[name] for role, name in names.items()}, path, lines),
        np.array(cells[names['label']]),
        np.array([]),
        cells,
        lines,
    )
    return dataclasses.replace(table, groups=np.array(table.text(group)))


def _named(header: Sequence[str], name: str, role: str, path: pathlib.Path) -> str:
    matching = [n for n in header if (n == name if name else n.lower() in _NAMES[role])]
    if len(matching) == 1:
        return matching[0]
    raise errors.InputError(
        'LB01',
        f'{"more than one" if matching else "no"} column is called {name or role!r}; the first '
        f'line names {", ".join(map(repr, filter(None, header))) or "nothing"}',
        path=path,
        line=1,
        fix=f'--config.tasks.TASK.data.{role}_column={(matching or list(header))[0]}, or rename it',
    )


def _variants(cells: dict[str, list[str]], path: pathlib.Path, lines: list[int]):
    variants = []
    columns = (cells[role] for role in ('contig', 'position', 'ref', 'alt'))
    for line, contig, position, ref, alt in zip(lines, *columns, strict=True):
        try:
            if not position.isdecimal() or len(position) > 18:
                raise ValueError(f'position {position!r} is not a whole number from 1')
            variants.append(genome.Variant.from_vcf(contig, int(position), ref, alt))
        except ValueError as error:
            raise errors.InputError(
                'VC08',
                str(error),
                path=path,
                line=line,
                fix='write both alleles as bases, as VCF does, or remove the row',
            ) from None
    return variants


def is_table(out: str, tsv: bool) -> bool:
    """Whether `genojax score` writes a table: --tsv or the name of the output says so.

    Raises:
        UsageError: the name is of another format.
    """
    named = re.fullmatch(r'(.*)\.(tsv|csv|vcf)((\.b?gz)?)', out, re.IGNORECASE | re.DOTALL)
    kind = named[2].lower() if named else ''
    new = errors.new_name(f'{named[1]}.tsv{named[3]}') if named else ''
    if kind == 'csv':
        raise errors.UsageError(f'--out={out}: tables of scores have TABs. Fix: --out={new}')
    if kind == 'vcf' and tsv:
        raise errors.UsageError(
            f'--tsv writes a table, and --out={out} is a name of VCF. '
            f'Fix: --out={new}, or leave --tsv out'
        )
    return tsv or kind == 'tsv'


def read_scores(path: str | os.PathLike) -> tuple[list[str], dict[tuple, list[float]]]:
    """Scores that `genojax score --tsv` wrote: their names, and values by variant.

    A variant is (contig, position from 1, ref, alt); NaN where it has no such score.

    Raises:
        InputError: LB01, the file is no such table; LB06, a row that is damaged.
    """
    path = pathlib.Path(path)
    lines = input_file.InputFile(path).lines()
    rows = [(n, line.split('\t')) for n, line in lines if line and not line.startswith('# ')]
    header = rows[0][1] if rows else []
    fixed = ('contig', 'position', 'id', 'ref', 'alt', 'state', 'kind', 'window')
    if tuple(header[: len(fixed)]) != fixed:
        raise errors.InputError(
            'LB01',
            'the table was not written by genojax score --tsv',
            path=path,
            fix='name a table that the verb score wrote with --tsv',
        )
    names = [name for name in header[len(fixed) :] if name not in ANNOTATION_COLUMNS]
    where = [header.index(name) for name in names]
    values = {}
    for line, row in rows[1:]:
        try:
            numbers = [float(row[i]) if row[i] != '.' else np.nan for i in where]
            values[row[0], int(row[1]), row[3].upper(), row[4].upper()] = numbers
        except (ValueError, IndexError):
            raise errors.InputError(
                'LB06',
                'the row has fewer cells than the header, or a score or position is not a number',
                path=path,
                line=line,
                fix='write the table again with genojax score --tsv',
            ) from None
    return names, values
