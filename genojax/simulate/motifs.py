"""Transcription-factor binding sites of the simulated clade, as position weight matrices.

The names are of known motifs; the matrices are this project's own. The columns of a site are
independent; the consensus letters of a column share the probability `fidelity` equally, and the
other letters share the rest. `stacked` puts all matrices into one table, so that one integer per
base identifies its column.
"""

import dataclasses
import functools

import numpy as np

_LETTERS = {
    'A': 'A', 'C': 'C', 'G': 'G', 'T': 'T', 'R': 'AG', 'Y': 'CT', 'S': 'CG', 'W': 'AT', 'K': 'GT',
    'M': 'AC', 'B': 'CGT', 'D': 'AGT', 'H': 'ACT', 'V': 'ACG', 'N': 'ACGT',
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Motif:
    """A motif of W columns.

    Raises:
        ValueError: the consensus is not IUPAC, or `fidelity` is not between 0.25 and 1.
    """

    name: str
    consensus: str  # IUPAC, 5' to 3' on the gene's strand
    fidelity: float = 0.85  # total probability of the consensus letters of a column

    def __post_init__(self):
        if not self.consensus or set(self.consensus) - set(_LETTERS):
            raise ValueError(f'{self.consensus=} must be a word of IUPAC letters')
        if not 0.25 < self.fidelity < 1:
            raise ValueError(
                f'{self.fidelity=} must be between 0.25 and 1, so that no base has probability 0'
            )

    @property
    def width(self) -> int:
        """Number of bases of a site."""
        return len(self.consensus)

    @functools.cached_property
    def matrix_W4(self) -> np.ndarray:
        """P(A, C, G, T) per column."""
        rows = np.empty((self.width, 4))
        for row, letter in zip(rows, self.consensus, strict=True):
            in_consensus = np.array([base in _LETTERS[letter] for base in 'ACGT'])
            count = in_consensus.sum()
            if count == 4:
                row[:] = 0.25
            else:
                others = (1 - self.fidelity) / (4 - count)
                row[:] = np.where(in_consensus, self.fidelity / count, others)
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
# The ends of an intron, on the gene's strand. Their GT and AG never change (genes.py).
SPLICE = (Motif('donor', 'GTRAGT'), Motif('acceptor', 'YYYYYYYYYYNYAG'))
# Insulators have a direction, as those of CTCF do.
INSULATOR = Motif('insulator', 'CCASYAGRKGGC', 0.97)


def first_rows(motifs: tuple[Motif, ...] = MOTIFS) -> dict[str, int]:
    """Row of each motif's first column in `stacked(motifs)`."""
    starts = np.cumsum([0] + [motif.width for motif in motifs])
    return {motif.name: int(start) for motif, start in zip(motifs, starts, strict=False)}


def stacked(motifs: tuple[Motif, ...] = MOTIFS) -> np.ndarray:
    """The columns of all motifs as rows, [sum of widths, 4]."""
    return np.concatenate([motif.matrix_W4 for motif in motifs])


def log_scores(codes_NL: np.ndarray, motif: Motif) -> np.ndarray:
    """log P(bases i .. i + W - 1 | a site starts at i), float64 [N, L - W + 1]."""
    log_W4 = np.log(motif.matrix_W4)
    count = codes_NL.shape[1] - motif.width + 1
    total = np.zeros((len(codes_NL), count))
    for column, log_4 in enumerate(log_W4):
        total += log_4[codes_NL[:, column : column + count]]
    return total
