"""LabelledTable sequences in a table, read with every row accounted for.

A table is TSV or CSV (gzip or not) whose first line names its columns: `sequence`, `label` (whole
numbers from 0), and perhaps `split` (train, validation, test). Other columns are read as they are.
Nothing is skipped, cut or repaired.
"""

import dataclasses
import gzip
import os
import pathlib
import re
import zlib

import numpy as np

from genojax import dna, errors

_SUFFIXES = ('.tsv', '.csv', '.tsv.gz', '.csv.gz')
SPLITS = ('train', 'validation', 'test')
_SPLIT_OF_WORD = {
    'train': 'train',
    'validation': 'validation',
    'valid': 'validation',
    'val': 'validation',
    'dev': 'validation',
    'test': 'test',
}


@dataclasses.dataclass(frozen=True, eq=False)
class LabelledTable:
    """Rows of a table: base codes of each sequence, its class, and its line of the file."""

    sequences: list[np.ndarray]  # uint8, each its own length
    labels: np.ndarray  # int32 [N]
    split: np.ndarray | None  # text [N], words of SPLITS; None without that column
    source: str
    lines: np.ndarray  # int64 [N], 1-based line of the file
    extra: dict[str, np.ndarray]  # other columns: float64 where every row is a number, else text

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1

    @property
    def longest(self) -> int:
        """Bases of the longest sequence."""
        return max(len(codes) for codes in self.sequences)

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
        )

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
            row = int(rows[valid.argmax()])
            raise errors.InputError(
                'LB05',
                f'{int(valid.max())} bases, but the model reads {length}',
                path=self.source,
                line=int(self.lines[row]),
                fix='shorten the sequence, or use a model with a longer input',
            )
        codes = np.full((len(rows), length), dna.UNKNOWN, np.uint8)
        for i, row in enumerate(rows.tolist()):
            codes[i, : valid[i]] = self.sequences[row]
        return codes, valid


def read(path: str | os.PathLike) -> LabelledTable:
    """The rows of a table, or of the only table of labelled DNA in a directory.

    In a directory, a table without the two columns, or whose first sequence is not plain DNA
    (k-mers with spaces, for example), is not a table of labelled DNA.

    Raises:
        InputError: LB01 to LB08, each naming file and line.
    """
    path = pathlib.Path(path)
    if path.is_dir():
        path = _only_table(path)
    header, rows = _rows(path)
    columns = {name: [cells[i] for _, cells in rows] for i, name in enumerate(header)}
    lines = np.array([line for line, _ in rows], np.int64)
    sequences = [
        _sequence(text, path, line)
        for text, line in zip(columns.pop('sequence'), lines.tolist(), strict=True)
    ]
    labels = _labels(columns.pop('label'), path, lines)
    split = _split(columns.pop('split'), path, lines) if 'split' in columns else None
    extra = {name: _column(cells) for name, cells in columns.items()}
    return LabelledTable(sequences, labels, split, source=str(path), lines=lines, extra=extra)


def _only_table(directory: pathlib.Path) -> pathlib.Path:
    tables = []
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name.endswith(_SUFFIXES):
            try:
                header, rows = _rows(path, limit=1)
                line, cells = rows[0]
                _sequence(cells[header.index('sequence')], path, line)
            except errors.InputError:
                continue
            tables.append(path)
    if len(tables) != 1:
        names = ', '.join(path.name for path in tables) or 'none'
        raise errors.InputError(
            'LB07',
            f'the directory must hold one table of labelled DNA; it has: {names}',
            path=directory,
            fix='name the file' if tables else 'name a TSV or CSV with columns sequence and label',
        )
    return tables[0]


def _text(path: pathlib.Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b'\x1f\x8b':
            data = gzip.decompress(data)
        return data.decode('utf-8-sig')
    except OSError as error:
        problem = f'cannot be read: {error.strerror or error}'
    except (EOFError, zlib.error):
        problem = 'the gzip data ends early or is damaged'
    except UnicodeDecodeError:
        problem = 'not UTF-8 text'
    raise errors.InputError(
        'LB07', problem, path=path, fix='check the path, or download the file again'
    )


def _rows(
    path: pathlib.Path, limit: int | None = None
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The column names, and (line, cells) of every row or of the first `limit`."""
    lines = _text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    separator = '\t' if lines and '\t' in lines[0] else ','
    header = _header(lines[0].split(separator) if lines else [], path)
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = [_unquoted(cell) for cell in line.split(separator)]
        if len(cells) != len(header):
            raise errors.InputError(
                'LB06',
                f'{len(cells)} columns, but the first line names {len(header)}',
                path=path,
                line=number,
            )
        rows.append((number, cells))
        if limit is not None and len(rows) == limit:
            break
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=path)
    return header, rows


def _header(cells: list[str], path: pathlib.Path) -> list[str]:
    """The column names, those with a meaning in lower case."""
    header = [_unquoted(cell) for cell in cells]
    header = [
        name.lower() if name.lower() in ('sequence', 'label', 'split') else name for name in header
    ]
    for name in ('sequence', 'label'):
        if header.count(name) != 1:
            number = 'no' if name not in header else 'more than one'
            raise errors.InputError(
                'LB01',
                f'{number} column is called {name!r}; the first line names '
                f'{", ".join(map(repr, header)) or "nothing"}',
                path=path,
                line=1,
                fix="begin the table with a line like 'sequence,label'",
            )
    return header


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _sequence(text: str, path: pathlib.Path, line: int) -> np.ndarray:
    if not text:
        raise errors.InputError('LB03', 'the sequence is empty', path=path, line=line)
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
            fix='write DNA as plain letters, without spaces',
        ) from None


def _labels(cells: list[str], path: pathlib.Path, lines: np.ndarray) -> np.ndarray:
    for cell, line in zip(cells, lines.tolist(), strict=True):
        if not re.fullmatch('[0-9]{1,6}', cell):
            raise errors.InputError(
                'LB02', f'{cell!r} is not a class number 0, 1, ...', path=path, line=line
            )
    labels = np.array(cells, np.int32)
    absent = np.setdiff1d(np.arange(labels.max() + 1), labels)
    if absent.size:
        raise errors.InputError(
            'LB02',
            f'class {absent[0]} has no row, but class {labels.max()} has some',
            path=path,
            fix='number classes from 0 without gaps',
        )
    return labels


def _split(cells: list[str], path: pathlib.Path, lines: np.ndarray) -> np.ndarray:
    for cell, line in zip(cells, lines.tolist(), strict=True):
        if cell.lower() not in _SPLIT_OF_WORD:
            raise errors.InputError(
                'LB08', f'split {cell!r} is not train, validation or test', path=path, line=line
            )
    return np.array([_SPLIT_OF_WORD[cell.lower()] for cell in cells])


def _column(cells: list[str]) -> np.ndarray:
    try:
        return np.array(cells, np.float64)
    except ValueError:
        return np.array(cells)
