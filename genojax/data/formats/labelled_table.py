"""Labelled sequences in a table, read with every row accounted for.

A table is TSV or CSV (gzip or not) whose first line names its columns: by default `sequence`,
`label` (classes; or numbers, for regression) and perhaps `split` (train, validation, test). Other
columns are read as they are. A folder with files named train, dev or valid, and test (as GUE
publishes them) is one table whose split is that of the files. Nothing is skipped, cut or repaired.
"""

import dataclasses
import os
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any

import numpy as np

from genojax import dna, errors
from genojax.data.formats import delimited, table_columns

SPLITS = ('train', 'validation', 'test')
_SPLIT_OF_WORD = {
    'train': 'train',
    'training': 'train',
    'validation': 'validation',
    'valid': 'validation',
    'val': 'validation',
    'dev': 'validation',
    'test': 'test',
}


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledTable:
    """Rows of a table: base codes of each sequence, its label, and its line of the file.

    Attributes:
        sequences: uint8, each its own length.
        labels: int32 [N], numbers of classes; or float64 [N, C], values with NaN where the table
            has none.
        names: of the classes, or of the columns of values.
        split: text [N], words of SPLITS; None without that column.
        source: the file, or the folder of a published split.
        lines: int64 [N], 1-based line of the file.
        extra: other columns: float64 where every row is a number, else text.
        files: of a folder; `file_N` is the number of each row's file.
    """

    sequences: list[np.ndarray]
    labels: np.ndarray
    names: tuple[str, ...]
    split: np.ndarray | None
    source: str
    lines: np.ndarray
    extra: dict[str, np.ndarray]
    files: tuple[str, ...]
    file_N: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_classes(self) -> bool:
        """Whether labels are classes; else they are values."""
        return self.labels.ndim == 1

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.names)

    @property
    def is_folder(self) -> bool:
        """Whether the split is that of the files of a folder."""
        return len(self.files) > 1

    @property
    def longest(self) -> int:
        """Bases of the longest sequence."""
        return max(len(codes) for codes in self.sequences)

    def where(self, row: int) -> dict[str, Any]:
        """`path` and `line` of a row, for an error."""
        return {'path': self.files[int(self.file_N[row])], 'line': int(self.lines[row])}

    def take(self, rows: np.ndarray) -> 'LabelledTable':
        """These rows, in this order."""
        rows = np.asarray(rows, np.int64)
        return dataclasses.replace(
            self,
            sequences=[self.sequences[row] for row in rows.tolist()],
            labels=self.labels[rows],
            split=None if self.split is None else self.split[rows],
            lines=self.lines[rows],
            extra={name: column[rows] for name, column in self.extra.items()},
            file_N=self.file_N[rows],
        )

    def trimmed(self, left: int, right: int) -> 'LabelledTable':
        """The table without so many bases at the ends of every sequence.

        Raises:
            InputError: LB03, a sequence of which nothing would remain.
        """
        for row, codes in enumerate(self.sequences):
            if len(codes) <= left + right:
                raise errors.InputError(
                    'LB03',
                    f'{len(codes)} bases, of which data.trim={left},{right} leaves none',
                    fix='trim less, or remove the row',
                    **self.where(row),
                )
        sequences = [codes[left : len(codes) - right] for codes in self.sequences]
        return dataclasses.replace(self, sequences=sequences)

    def padded(
        self, rows: np.ndarray | None = None, length: int = 0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Base codes uint8 [n, length], 4 after each row's end, and real bases per row, int32 [n].

        Args:
            rows: row numbers; None means all rows.
            length: 0 means that of the longest row of the whole table.

        Raises:
            InputError: LB05, a row that is longer.
        """
        length = length or self.longest
        rows = np.arange(len(self)) if rows is None else np.asarray(rows, np.int64)
        valid = np.array([len(self.sequences[row]) for row in rows.tolist()], np.int32)
        if len(valid) and valid.max() > length:
            raise errors.InputError(
                'LB05',
                f'{int(valid.max())} bases, but the model reads {length}',
                fix='shorten the sequence, or use a model with a longer input',
                **self.where(int(rows[valid.argmax()])),
            )
        codes = np.full((len(rows), length), dna.UNKNOWN, np.uint8)
        for i, row in enumerate(rows.tolist()):
            codes[i, : valid[i]] = self.sequences[row]
        return codes, valid


def check_classes(table: LabelledTable) -> None:
    """Refuses a table of one class.

    Raises:
        InputError: LB02.
    """
    if table.has_classes and table.classes == 1:
        raise errors.InputError(
            'LB02',
            f'all rows have label {table.names[0]}',
            path=table.source,
            fix='add rows of another class, or name another label column',
        )


def read(
    path: str | os.PathLike, columns: table_columns.TableColumns = table_columns.DEFAULT
) -> LabelledTable:
    """The rows of a table, of a folder with a published split, or of the only table in a folder.

    A folder with a train and a test table is a published split. In any other folder, a table
    without the two columns, or whose first sequence is not plain DNA (k-mers with spaces, for
    example), is not a table of labelled DNA.

    Raises:
        InputError: LB01 to LB08 and LB13, each naming file and line; as `input_file` for what
            cannot be read.
    """
    path = pathlib.Path(path)
    files = _published_split(path) if path.is_dir() else {}
    if files:
        parts = [_read_file(file, columns) for file in files.values()]
        return _joined(parts, tuple(files), path, columns)
    part = _read_file(_only_table(path, columns) if path.is_dir() else path, columns)
    return _joined([part], (None,), part.path, columns)


@dataclasses.dataclass(frozen=True, eq=False)
class _FilePart:
    """One file before labels are numbered: the classes of a folder are those of all its files."""

    path: pathlib.Path
    sequences: list[np.ndarray]
    labels: dict[str, list[str]]
    split: list[str] | None
    lines: list[int]
    extra: dict[str, list[str]]


def _read_file(path: pathlib.Path, columns: table_columns.TableColumns) -> _FilePart:
    cells_of_file = delimited.read(path)
    delimited.check_header(path, cells_of_file)
    header, rows, lines = cells_of_file
    sequence, labels, split = table_columns.select(header, rows, columns, path)
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=path)
    cells = {name: [row[i] for row in rows] for i, name in enumerate(header)}
    texts = zip(cells.pop(sequence), lines, strict=True)
    return _FilePart(
        path,
        [sequence_codes(text, path, line, columns.rna) for text, line in texts],
        {name: cells.pop(name) for name in labels},
        _split(cells.pop(split), path, lines) if split else None,
        lines,
        cells,
    )


def _joined(
    parts: Sequence[_FilePart],
    splits: tuple[str | None, ...],
    source: pathlib.Path,
    columns: table_columns.TableColumns,
) -> LabelledTable:
    """The rows of all files; a file has its own split column, or is one split of a folder."""
    for part, split in zip(parts, splits, strict=True):
        if split and part.split is not None:
            raise errors.InputError(
                'LB08',
                'the table has a split column, and the folder is a split already',
                path=part.path,
                fix='remove the column, or name one file',
            )
    size = [len(part.lines) for part in parts]
    file_N = np.repeat(np.arange(len(parts)), size)
    lines = np.array([line for part in parts for line in part.lines], np.int64)
    files = tuple(str(part.path) for part in parts)

    def where(row: int) -> dict[str, Any]:
        return {'path': files[int(file_N[row])], 'line': int(lines[row])}

    names = list(dict.fromkeys(name for part in parts for name in part.labels))
    cells = {n: [cell for part in parts for cell in part.labels.get(n, ())] for n in names}
    for name, column in cells.items():
        if len(column) != len(lines):
            raise errors.InputError(
                'LB01', f'the files do not all have a column {name!r}', path=source
            )
    if columns.values:
        labels = np.stack([table_columns.values(c, n, where) for n, c in cells.items()], axis=1)
    else:
        ((name, column),) = cells.items()
        labels, names = table_columns.classes(column, name, where)
    split = np.repeat(splits, size) if splits[0] else parts[0].split
    shared = [name for name in parts[0].extra if all(name in part.extra for part in parts)]
    extra = {name: [cell for part in parts for cell in part.extra[name]] for name in shared}
    return LabelledTable(
        sequences=[codes for part in parts for codes in part.sequences],
        labels=labels,
        names=tuple(names),
        split=None if split is None else np.array(split),
        source=str(source),
        lines=lines,
        extra={name: _column(cells) for name, cells in extra.items()},
        files=files,
        file_N=file_N,
    )


def _published_split(directory: pathlib.Path) -> dict[str, pathlib.Path]:
    """The file of each split, in the order of SPLITS; empty without both train and test.

    Raises:
        InputError: LB07, two files of one split.
    """
    result: dict[str, pathlib.Path] = {}
    for path in sorted(directory.iterdir()):
        stem, _, suffix = path.name.partition('.')
        split = _SPLIT_OF_WORD.get(stem.lower())
        if split is None or f'.{suffix}' not in delimited.SUFFIXES or not path.is_file():
            continue
        if split in result:
            raise errors.InputError(
                'LB07',
                f'two tables are the {split} split: {result[split].name} and {path.name}',
                path=directory,
                fix='move one of them away',
            )
        result[split] = path
    if not {'train', 'test'} <= result.keys():
        return {}
    return {split: result[split] for split in SPLITS if split in result}


def _only_table(directory: pathlib.Path, columns: table_columns.TableColumns) -> pathlib.Path:
    tables, without_header = [], None
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name.endswith(delimited.SUFFIXES):
            try:
                start = delimited.read(path, limit=1)
                delimited.check_header(path, start)
                header, rows, lines = start
                sequence, _, _ = table_columns.select(header, rows, columns, path)
                sequence_codes(rows[0][header.index(sequence)], path, lines[0], columns.rna)
            except (errors.InputError, IndexError) as error:
                if isinstance(error, errors.InputError) and error.code == 'LB13':
                    without_header = without_header or error
                continue
            tables.append(path)
    if not tables and without_header:
        raise without_header
    if len(tables) != 1:
        names = ', '.join(path.name for path in tables) or 'none'
        raise errors.InputError(
            'LB07',
            f'the directory must hold one table of labelled DNA, or a train and a test table; it '
            f'has: {names}',
            path=directory,
            fix=f'name the file, as in --config.tasks.TASK.data.path={shlex.quote(str(tables[0]))}'
            if tables
            else 'name a TSV or CSV with columns sequence and label',
        )
    return tables[0]


def sequence_codes(
    text: str,
    path: pathlib.Path,
    line: int,
    rna: bool,
    of_verb: bool = False,
) -> np.ndarray:
    """The base codes of a sequence in a table.

    Args:
        rna: U is read as T.
        of_verb: `rna` is a flag of the verb, not a field of a task's data.

    Raises:
        InputError: LB03 an empty cell, LB04 a letter that is not DNA, with its position.
    """
    if not text:
        raise errors.InputError('LB03', 'the sequence is empty', path=path, line=line)
    if rna:
        text = text.replace('U', 'T').replace('u', 't')
    try:
        return dna.encode(text)
    except ValueError:
        position = next(i for i, letter in enumerate(text) if letter.upper() not in dna.IUPAC)
        raise errors.InputError(
            'LB04',
            f'{text[position]!r} is not a DNA letter',
            path=path,
            line=line,
            position=position + 1,
            fix='write DNA as plain letters, without spaces'
            if text[position] not in 'Uu'
            else '--rna reads U as T'
            if of_verb
            else '--config.tasks.TASK.data.rna=True reads U as T',
        ) from None


def _split(cells: list[str], path: pathlib.Path, lines: list[int]) -> list[str]:
    for cell, line in zip(cells, lines, strict=True):
        if cell.lower() not in _SPLIT_OF_WORD:
            raise errors.InputError(
                'LB08', f'split {cell!r} is not train, validation or test', path=path, line=line
            )
    return [_SPLIT_OF_WORD[cell.lower()] for cell in cells]


def _column(cells: list[str]) -> np.ndarray:
    try:
        return np.array(cells, np.float64)
    except ValueError:
        return np.array(cells)
