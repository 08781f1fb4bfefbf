"""Motifs as probability matrices, read from and written to MEME's text format (version 4)."""

import dataclasses
import os
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from genojax import dna, errors, output_files
from genojax.data.formats import input_file


@dataclasses.dataclass(frozen=True, eq=False)
class MotifMatrix:
    """A motif.

    Attributes:
        name: without spaces.
        p_W4: probability of A, C, G and T in each column; rows add up to 1.
        sites: sequences it was made from.
    """

    name: str
    p_W4: np.ndarray
    sites: int

    def __len__(self) -> int:
        return len(self.p_W4)

    @property
    def bits(self) -> np.ndarray:
        """Information of each column, [W]."""
        return information(self.p_W4)

    @property
    def consensus(self) -> str:
        """The most probable base of each column, N below one half."""
        best_W = self.p_W4.argmax(1)
        letters = [dna.ALPHABET[code] for code in best_W.tolist()]
        return ''.join(
            x if p >= 0.5 else 'N' for x, p in zip(letters, self.p_W4.max(1), strict=True)
        )

    def reverse_complement(self) -> 'MotifMatrix':
        """The motif on the other strand."""
        return dataclasses.replace(self, p_W4=self.p_W4[::-1, ::-1])


def information(p_W4: np.ndarray) -> np.ndarray:
    """Bits of each column against equal probabilities, [W]."""
    return 2 + np.where(p_W4 > 0, p_W4 * np.log2(np.where(p_W4 > 0, p_W4, 1)), 0).sum(1)


def write(
    path: str | os.PathLike,
    motifs: Sequence[MotifMatrix],
    second_names: Mapping[str, str] | None = None,
) -> None:
    """Writes motifs; their columns have six digits.

    Args:
        second_names: MEME's alternate name of a motif, without spaces, by its name.
    """
    lines = ['MEME version 4', '', 'ALPHABET= ACGT', '', 'strands: + -', '']
    lines += ['Background letter frequencies', 'A 0.25 C 0.25 G 0.25 T 0.25', '']
    for motif in motifs:
        header = f'alength= 4 w= {len(motif)} nsites= {motif.sites}'
        title = f'MOTIF {motif.name} {(second_names or {}).get(motif.name, "")}'.rstrip()
        lines += [title, f'letter-probability matrix: {header}']
        lines += [' '.join(f'{p:.6f}' for p in row) for row in motif.p_W4.tolist()]
        lines.append('')
    with output_files.replaced(path) as partial:
        partial.write_text('\n'.join(lines))


def read(path: str | os.PathLike) -> list[MotifMatrix]:
    """The motifs of a file in MEME's text format, plain or gzip.

    Raises:
        InputError: MO01: not such a file, or a matrix that is not of probabilities.
    """
    lines = list(input_file.InputFile(path).lines())
    motifs = list(_parse(lines, path))
    if not motifs:
        raise _error('no line begins with MOTIF', path, None)
    return motifs


def _error(problem: str, path, line: int | None) -> errors.InputError:
    fix = "write MEME's text format: MOTIF NAME, letter-probability matrix: ..., rows of A C G T"
    return errors.InputError('MO01', problem, path=path, line=line, fix=fix)


def _parse(lines: list[tuple[int, str]], path) -> Iterator[MotifMatrix]:
    name, rows, sites, inside, started = '', [], 0, False, 0
    for number, text in [*lines, (len(lines) + 1, 'MOTIF')]:
        words = text.split()
        if words[:1] == ['MOTIF']:
            if name:
                yield _motif(name, rows, sites, path, started)
            name, rows, sites, inside = words[1] if len(words) > 1 else '', [], 0, False
            started = number
        elif words[:1] == ['letter-probability']:
            inside = bool(name)
            values = dict(zip(words[2::2], words[3::2], strict=False))
            sites = int(float(values.get('nsites=', 0)))
            if values.get('alength=', '4') != '4':
                raise _error(f'motif {name!r} is not of DNA', path, number)
        elif inside and words:
            try:
                row = [float(word) for word in words]
            except ValueError:
                inside = False
                continue
            if len(row) != 4:
                raise _error(f'motif {name!r}: {len(row)} numbers for A C G T', path, number)
            rows.append(row)


def _motif(name: str, rows: list[list[float]], sites: int, path, line: int) -> MotifMatrix:
    p_W4 = np.array(rows, float).reshape(-1, 4)
    total_W = p_W4.sum(1)
    if not len(p_W4) or (p_W4 < 0).any() or (np.abs(total_W - 1) > 0.02).any():
        raise _error(f'motif {name!r} has no matrix of probabilities', path, line)
    return MotifMatrix(name, p_W4 / total_W[:, None], sites)
