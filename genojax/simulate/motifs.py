"""Transcription-factor sites of the simulated clade: names known from biology, weight matrices of our own.

A site is a row of independent columns; a column gives its consensus letters `fidelity` of the probability in equal
parts and the other letters the rest. All matrices lie stacked in one table, so a base inside a site needs one integer
to say what it is under selection to be.
"""

import dataclasses
import functools

import numpy as np

_LETTERS = {
    'A': 'A', 'C': 'C', 'G': 'G', 'T': 'T', 'R': 'AG', 'Y': 'CT', 'S': 'CG', 'W': 'AT', 'K': 'GT', 'M': 'AC',
    'B': 'CGT', 'D': 'AGT', 'H': 'ACT', 'V': 'ACG', 'N': 'ACGT',
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Motif:
    name: str
    consensus: str  # IUPAC, 5' to 3' on the gene's strand
    fidelity: float = 0.85  # probability of the consensus letters of a column, together

    def __post_init__(self):
        if not self.consensus or set(self.consensus) - set(_LETTERS):
            raise ValueError(f'{self.consensus=} is not an IUPAC word')
        if not 0.25 < self.fidelity < 1:
            raise ValueError(
                f'{self.fidelity=} must lie between 0.25 and 1, so that no base is impossible'
            )

    @property
    def width(self) -> int:
        return len(self.consensus)

    @functools.cached_property
    def matrix_W4(self) -> np.ndarray:
        rows = np.empty((self.width, 4))
        for row, letter in zip(rows, self.consensus, strict=True):
            chosen = np.array([base in _LETTERS[letter] for base in 'ACGT'])
            count = chosen.sum()
            if count == 4:
                row[:] = 0.25
            else:
                row[:] = np.where(chosen, self.fidelity / count, (1 - self.fidelity) / (4 - count))
        return rows


MOTIFS = (
    Motif('TATA', 'TATAWAWR'),
    Motif('Inr', 'YYANWYY'),
    Motif('DPE', 'RGWYGT'),
    Motif('GC_box', 'GGGGCGGGG'),
    Motif('CCAAT', 'RRCCAATSR'),
    Motif('AP1', 'TGASTCA'),
    Motif('ETS', 'ACCGGAAGY'),
    Motif('CRE', 'TGACGTCA'),
    Motif('Ebox', 'RCACGTGY'),
)
# Ends of an intron, on the gene's strand. Their GT and AG never change (genes.py).
SPLICE = (Motif('donor', 'GTRAGT'), Motif('acceptor', 'YYYYYYYYYYNYAG'))


def first_rows(motifs: tuple[Motif, ...] = MOTIFS) -> dict[str, int]:
    """Row of each motif's first column in `stacked(motifs)`."""
    starts = np.cumsum([0] + [motif.width for motif in motifs])
    return {motif.name: int(start) for motif, start in zip(motifs, starts, strict=False)}


def stacked(motifs: tuple[Motif, ...] = MOTIFS) -> np.ndarray:
    """Every column of every motif, [sum of widths, 4]."""
    return np.concatenate([motif.matrix_W4 for motif in motifs])


def log_scores(codes_NL: np.ndarray, motif: Motif) -> np.ndarray:
    """log P(the bases at i .. i+W-1 | a site that starts at i), [N, L - W + 1]."""
    log_W4 = np.log(motif.matrix_W4)
    count = codes_NL.shape[1] - motif.width + 1
    total = np.zeros((len(codes_NL), count))
    for column, log_4 in enumerate(log_W4):
        total += log_4[codes_NL[:, column : column + count]]
    return total
