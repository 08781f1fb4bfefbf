"""Labelled sequences: a table read with every row accounted for, split without leaks, and cut into batches.

A table is TSV or CSV (gzip or not) whose first line names its columns: `sequence`, `label` (whole
numbers from 0), and perhaps `split` (train, valid, test). Other columns are kept as they are.
Nothing is skipped, cut or repaired.
"""

import dataclasses
import gzip
import hashlib
import json
import os
import pathlib
import re
import zlib
from collections.abc import Iterator

import numpy as np

from genojax import dna, errors
from genojax.data.datasets import order
from genojax.data.genomes import assemblies
from genojax.data.splits import duplicates

_SUFFIXES = ('.tsv', '.csv', '.tsv.gz', '.csv.gz')
_SPLITS = {'train': 'train', 'valid': 'valid', 'val': 'valid', 'dev': 'valid', 'test': 'test'}
_SPLITS['validation'] = 'valid'
SIDES = ('train', 'valid', 'test')
_SHUFFLE, _FLIP = 11, 12  # purposes of random bits


@dataclasses.dataclass(frozen=True, eq=False)
class Labelled:
    """Rows of a table: base codes of each sequence, its class, and where it came from."""

    sequences: list[np.ndarray]  # uint8, each its own length
    labels: np.ndarray  # int32 [N]
    split: np.ndarray | None  # text [N], train, valid or test; None without that column
    source: str
    lines: np.ndarray  # int64 [N], 1-based line of the file
    extra: dict[
        str, np.ndarray
    ]  # the other columns: float64 where every row is a number, else text

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def classes(self) -> int:
        return int(self.labels.max()) + 1

    @property
    def longest(self) -> int:
        return max(len(codes) for codes in self.sequences)

    def take(self, rows: np.ndarray) -> 'Labelled':
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
        """Base codes uint8 [n, length] with 4 behind each row's end, and the real bases of each, int32 [n].

        Args:
            length: 0 means the longest row's of the whole table.

        Raises:
            InputError: LB05 for a row that is longer.
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
                fix='cut the sequence where you mean to, or use a longer model',
            )
        codes = np.full((len(rows), length), dna.UNKNOWN, np.uint8)
        for i, row in enumerate(rows.tolist()):
            codes[i, : valid[i]] = self.sequences[row]
        return codes, valid


def read(path: str | os.PathLike) -> Labelled:
    """The rows of a table, or of the one table of labelled DNA in a directory.

    In a directory, a table without the two columns or whose first sequence is not plain DNA (k-mers
    with spaces, say) is not a table of labelled DNA.

    Raises:
        InputError: LB01 .. LB08, each naming file and line.
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
    return Labelled(sequences, labels, split, str(path), lines, extra)


def _only_table(directory: pathlib.Path) -> pathlib.Path:
    found = []
    for path in sorted(directory.iterdir()):
        if path.is_file() and path.name.endswith(_SUFFIXES):
            try:
                header, rows = _rows(path, at_most=1)
                line, cells = rows[0]
                _sequence(cells[header.index('sequence')], path, line)
            except errors.InputError:
                continue
            found.append(path)
    if len(found) != 1:
        names = ', '.join(path.name for path in found) or 'none'
        raise errors.InputError(
            'LB07',
            f'a folder should hold one table of labelled DNA; found: {names}',
            path=directory,
            fix='name the file' if found else 'name a TSV or CSV with columns sequence and label',
        )
    return found[0]


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
        problem = 'not text in UTF-8'
    raise errors.InputError(
        'LB07', problem, path=path, fix='check the path, or fetch the file again'
    )


def _rows(path: pathlib.Path, at_most: int | None = None):
    """The column names and (line, cells) of every row."""
    lines = _text(path).splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    mark = '\t' if lines and '\t' in lines[0] else ','
    header = [_unquoted(cell) for cell in lines[0].split(mark)] if lines else []
    header = [
        name.lower() if name.lower() in ('sequence', 'label', 'split') else name for name in header
    ]
    for name in ('sequence', 'label'):
        if header.count(name) != 1:
            raise errors.InputError(
                'LB01',
                f'{"no" if name not in header else "more than one"} column is called {name!r}; the first '
                f'line names {", ".join(map(repr, header)) or "nothing"}',
                path=path,
                line=1,
                fix="begin the table with a line like 'sequence,label'",
            )
    rows = []
    for number, line in enumerate(lines[1:], 2):
        cells = [_unquoted(cell) for cell in line.split(mark)]
        if len(cells) != len(header):
            raise errors.InputError(
                'LB06',
                f'{len(cells)} columns where the first line names {len(header)}',
                path=path,
                line=number,
            )
        rows.append((number, cells))
        if at_most is not None and len(rows) == at_most:
            break
    if not rows:
        raise errors.InputError('LB03', 'the table has no rows', path=path)
    return header, rows


def _unquoted(cell: str) -> str:
    cell = cell.strip()
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell


def _sequence(text: str, path: pathlib.Path, line: int) -> np.ndarray:
    if not text:
        raise errors.InputError('LB03', 'the sequence is empty', path=path, line=line)
    try:
        return dna.encode(text)
    except ValueError:
        place = next(i for i, letter in enumerate(text) if letter.upper() not in dna.IUPAC)
        raise errors.InputError(
            'LB04',
            f'{text[place]!r} is not a DNA letter',
            path=path,
            line=line,
            position=place + 1,
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
            f'class {absent[0]} has no row, but class {labels.max()} has',
            path=path,
            fix='number classes from 0 without gaps',
        )
    return labels


def _split(cells: list[str], path: pathlib.Path, lines: np.ndarray) -> np.ndarray:
    for cell, line in zip(cells, lines.tolist(), strict=True):
        if cell.lower() not in _SPLITS:
            raise errors.InputError(
                'LB08', f'split {cell!r} is not train, valid or test', path=path, line=line
            )
    return np.array([_SPLITS[cell.lower()] for cell in cells])


def _column(cells: list[str]) -> np.ndarray:
    try:
        return np.array(cells, np.float64)
    except ValueError:
        return np.array(cells)


def remove_rows_in(corpus: assemblies.Corpus, labelled: Labelled) -> tuple[Labelled, dict]:
    """The rows that do not occur in the genomes, on either strand, and a report of those that do."""
    places, skipped = duplicates.occurrences(corpus, labelled.sequences)
    for place in places:
        place['line'] = int(labelled.lines[place['row']])
        place['label'] = int(labelled.labels[place['row']])
    keep = np.setdiff1d(np.arange(len(labelled)), [place['row'] for place in places])
    report = {'rows': len(labelled), 'removed': places, 'rows_too_short_to_search': len(skipped)}
    return labelled.take(keep), report


@dataclasses.dataclass(frozen=True, eq=False)
class Split:
    """Row numbers of each side and the leak group of every row."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray
    groups: np.ndarray  # int64 [N]
    report: dict


def leak_free_split(
    labelled: Labelled, test: float = 0.25, valid: float = 0.0, seed: int = 0, k: int = duplicates.K
) -> Split:
    """Sides that share no k-mer on either strand, each class in the same proportion.

    A split column is kept as it is if it keeps this rule. Valid rows are drawn from the training
    rows where the column names none.

    Args:
        test: share of the rows. valid: share of the rest.

    Raises:
        InputError: LB08 a split column without train or test rows, LB09 one that leaks, LB10 a side
            without a class.
    """
    if not (0 < test < 1 and 0 <= valid < 1):
        raise ValueError(f'{test=} must be within (0, 1) and {valid=} within [0, 1)')
    group_N = duplicates.groups(labelled.sequences, k)
    if labelled.split is not None:
        side_N = _given_sides(labelled, group_N)
        if valid and not (side_N == 1).any():
            rows = np.flatnonzero(side_N == 0)
            side_N[rows] = duplicates.deal(
                group_N[rows], labelled.labels[rows], (1 - valid, valid), seed
            )
    else:
        shares = ((1 - test) * (1 - valid), (1 - test) * valid, test)
        side_N = duplicates.deal(group_N, labelled.labels, shares, seed)
    rows = [np.flatnonzero(side_N == side) for side in range(3)]
    for name, part in zip(SIDES, rows, strict=True):
        wanted = name != 'valid' or valid > 0
        if wanted and len(np.unique(labelled.labels[part])) < labelled.classes:
            raise errors.InputError(
                'LB10',
                f'the {name} side has {len(part)} of {len(labelled)} rows and lacks a class',
                path=labelled.source,
                fix='more rows, or a larger share for that side',
            )
    return Split(*rows, group_N, _split_report(labelled, rows, group_N, k))


def _given_sides(labelled: Labelled, group_N: np.ndarray) -> np.ndarray:
    side_N = np.array([SIDES.index(word) for word in labelled.split.tolist()])
    for side in (0, 2):
        if not (side_N == side).any():
            raise errors.InputError(
                'LB08', f'the split column has no {SIDES[side]} row', path=labelled.source
            )
    crossing = side_N != side_N[group_N]  # a group is named after its first row
    if crossing.any():
        row = int(np.argmax(crossing))
        other = int(group_N[row])
        raise errors.InputError(
            'LB09',
            f'{np.unique(group_N[crossing]).size} leak groups lie on several sides of the split column, one of them '
            f'with line {labelled.lines[other]} ({SIDES[side_N[other]]}) and this line ({SIDES[side_N[row]]})',
            path=labelled.source,
            line=int(labelled.lines[row]),
            fix='delete the split column to get a leak-free split',
        )
    return side_N


def _split_report(labelled: Labelled, rows: list[np.ndarray], group_N: np.ndarray, k: int) -> dict:
    """What was split how, and the leak counted afresh: rows scored that share a k-mer with a row fitted."""
    fitted = [labelled.sequences[row] for row in rows[0].tolist()]
    count = np.bincount(group_N, minlength=len(group_N))
    report = {
        'k': k,
        'strands': 2,
        'source': 'split column' if labelled.split is not None else 'leak groups',
        'groups': int((count > 0).sum()),
        'rows_with_a_relative': int(count[count > 1].sum()),
        'rows': {},
        'rows_sharing_a_kmer_with_train': {},
    }
    for name, part in zip(SIDES, rows, strict=True):
        by_class = np.bincount(labelled.labels[part], minlength=labelled.classes)
        report['rows'][name] = by_class.tolist()
        if name != 'train':
            scored = [labelled.sequences[row] for row in part.tolist()]
            report['rows_sharing_a_kmer_with_train'][name] = int(
                duplicates.shared(scored, fitted, k).sum()
            )
    return report


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """A table made ready for training: rows that genomes hold removed, sides without leaks."""

    labelled: Labelled
    split: Split
    length: int  # bases of the padded rows
    removed: dict  # the report of `remove_rows_in`

    def rows(self, name: str) -> np.ndarray:
        """Row numbers of 'train', 'valid' or 'test'."""
        if name not in SIDES:
            raise ValueError(f'{name!r} is not one of {SIDES}')
        return getattr(self.split, name)


def open_task(
    path: str | os.PathLike,
    corpus: assemblies.Corpus | None = None,
    *,
    test: float = 0.25,
    valid: float = 0.1,
    seed: int = 0,
    length: int = 0,
) -> Task:
    """Read a table, remove the rows that `corpus` holds, and split the others.

    Args:
        length: bases the model reads; 0 means the longest row's.

    Raises:
        InputError: LB01 .. LB10.
    """
    labelled = read(path)
    length = length or labelled.longest
    removed = {'rows': len(labelled), 'removed': [], 'rows_too_short_to_search': 0}
    if corpus is not None:
        labelled, removed = remove_rows_in(corpus, labelled)
    labelled.padded(length=length)  # refuses rows that are too long before anything is trained
    return Task(labelled, leak_free_split(labelled, test, valid, seed), length, removed)


def fingerprint(task: Task, batch_size: int, seed: int) -> str:
    """A hash of everything that decides which row a training batch holds."""
    sha256 = hashlib.sha256()
    sha256.update(json.dumps(['labels 1', batch_size, seed, task.length]).encode())
    for codes in task.labelled.sequences:
        sha256.update(len(codes).to_bytes(8, 'little'))
        sha256.update(np.ascontiguousarray(codes))
    for array in (task.labelled.labels, task.split.train, task.split.valid, task.split.test):
        sha256.update(np.ascontiguousarray(array))
    return sha256.hexdigest()


def batches(
    task: Task,
    tokenizer,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    host: tuple[int, int] = (0, 1),
    reverse_complement: bool = False,
) -> Iterator[assemblies.Batch]:
    """Training batches without end from `start_step` on; a function of (seed, step), every row once an epoch.

    `tokens` int32 [B, T], `bases` uint8 [B, L], `label` int32 [B], `weight` float32 [B] (all 1), `valid` int32 [B] real
    bases, and what else the tokenizer says (`Tokenizer.batch_entries`).

    Args:
        host: (index, count); this host gets rows index, index + count, ... of the global batch.
        reverse_complement: read half of the rows from the other strand. Off by default: a promoter
            has a strand.
    """
    if host[1] < 1 or not 0 <= host[0] < host[1]:
        raise ValueError(f'{host=} is not (index, count)')
    if batch_size % host[1]:
        raise errors.InputError(
            'MX09', f'{batch_size} rows a step do not divide over {host[1]} hosts'
        )
    return _batches(task, tokenizer, batch_size, seed, start_step, host, reverse_complement)


def _batches(
    task, tokenizer, batch_size, seed, step, host, reverse_complement
) -> Iterator[assemblies.Batch]:
    codes_NL, valid_N = task.labelled.padded(task.split.train, task.length)
    label_N = task.labelled.labels[task.split.train]
    while True:
        index = step * batch_size + np.arange(host[0], batch_size, host[1])
        epoch, place = np.divmod(index, len(label_N))
        rows = order.permute(place, len(label_N), seed, _SHUFFLE, epoch)
        codes_BL, valid_B = codes_NL[rows], valid_N[rows]
        if reverse_complement:
            for row in np.flatnonzero(order.below(2, seed, _FLIP, index)).tolist():
                n = int(valid_B[row])
                codes_BL[row, :n] = dna.reverse_complement(codes_BL[row, :n])
        yield _batch(codes_BL, valid_B, label_N[rows], np.ones(len(rows), np.float32), tokenizer)
        step += 1


def eval_batches(task: Task, name: str, tokenizer, batch_size: int) -> Iterator[assemblies.Batch]:
    """All rows of a side once, in order; `weight` is 0 for the copies of the last row that fill up."""
    part = task.rows(name)
    for first in range(0, len(part), batch_size):
        rows = part[first : first + batch_size]
        weight = (np.arange(batch_size) < len(rows)).astype(np.float32)
        rows = np.concatenate([rows, np.repeat(rows[-1:], batch_size - len(rows))])
        codes_BL, valid_B = task.labelled.padded(rows, task.length)
        yield _batch(codes_BL, valid_B, task.labelled.labels[rows], weight, tokenizer)


def _batch(codes_BL, valid_B, label_B, weight_B, tokenizer) -> assemblies.Batch:
    entries = tokenizer.batch_entries(codes_BL, valid_B)
    return {
        'bases': codes_BL,
        'label': label_B.astype(np.int32),
        'weight': weight_B,
        **entries,
    }
