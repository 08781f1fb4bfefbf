"""Rows cut from windows with coverage tracks: DNA, targets in bins, and which bins are known.

A row is a window, or one of several pieces that divide a window's centre among them, each with the
DNA around it: a batch of many short rows from many windows costs as much as one of few long rows,
and its batch statistics depend less on a single window. Coverage is known in a window's centre
only; elsewhere `known` is False.

    tokens    int32 [B, L]           nucleotide ids, no special tokens
    targets   float32 [B, L/bin, C]  scaled sums of reads; C is the largest number of tracks of an
                                     organism, organisms with fewer are padded
    known     bool [B, L/bin, C]     False for padding, flanks and tracks that are inputs
    organism  int32 [B]              number of the organism
    weight    float32 [B]            0 for filler rows
    valid     int32 [B]              known bases of a row
    accessibility float32 [B, L/bin, A], accessibility_known bool [B, L/bin]   the input tracks
"""

import dataclasses

import numpy as np

from genojax import dna
from genojax.data.formats import track_windows
from genojax.typing import Batch


@dataclasses.dataclass(frozen=True, eq=False)
class OrganismRows:
    """One organism's windows, ready to be cut into rows.

    Attributes:
        length: bp of a row, around its part of the stored window's centre.
        pieces: rows of a window.
        inputs: numbers of the tracks given as accessibility, [A].
        target_C: tracks that are targets.
        mean_C: each track's mean over the windows trained on.
    """

    organism: track_windows.Organism
    number: int
    length: int
    inputs: np.ndarray
    target_C: np.ndarray
    mean_C: np.ndarray
    pieces: int = 1

    @property
    def stored(self) -> int:
        """bp of a stored window."""
        return self.organism.parts['train'].codes_NL.shape[1]

    @property
    def piece(self) -> int:
        """bp of the centre that are a row's to predict."""
        return (self.stored - 2 * self.organism.crop) // self.pieces

    @property
    def flank(self) -> int:
        """Bins at either end of a row that are not its to predict; negative where a row is shorter than its piece."""
        return (self.length - self.piece) // 2 // self.organism.bin

    @property
    def whole(self) -> 'OrganismRows':
        """The same windows, each one row."""
        if self.pieces == 1:
            return self
        return dataclasses.replace(self, pieces=1, length=self.stored)

    def rows(
        self,
        windows: track_windows.TrackWindows,
        flip_B: np.ndarray,
        shift_B: np.ndarray,
        piece_B: np.ndarray | int = 0,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Base codes [B, L], targets [B, P, C] and inputs [B, P, A] of the bins to predict, each row on its strand.

        Args:
            flip_B: rows read from the other strand: bins are reversed and tracks change places with their pairs.
            shift_B: how many bp right of its bins a row's DNA is read, before the flip.
            piece_B: which part of the window's centre a row is of.
        """
        piece_B = np.broadcast_to(piece_B, len(windows))
        first_B = self.organism.crop + piece_B * self.piece - (self.length - self.piece) // 2
        aside_B = first_B - (self.stored - self.length) // 2
        codes_BL = shifted(windows.codes_NL, shift_B + aside_B, self.length)
        codes_BL[flip_B] = dna.reverse_complement(codes_BL[flip_B])
        bins = self.piece // self.organism.bin
        take_BP = piece_B[:, None] * bins + np.arange(bins)
        target_BPC = np.take_along_axis(windows.target_NPC, take_BP[..., None], 1)
        target_BPC[flip_B] = self.flipped(target_BPC[flip_B])
        if self.flank < 0:
            target_BPC = target_BPC[:, -self.flank : self.flank]
        return codes_BL, target_BPC, target_BPC[..., self.inputs]

    def inputs_along(
        self, windows: track_windows.TrackWindows, flip_B: np.ndarray, piece_B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs [B, L/bin, A] in every bin of a row, 0 where they are not known, and whether they are [B, L/bin]."""
        width = self.organism.bin
        flank, total = self.organism.crop // width, self.length // width
        first_B = flank + piece_B * (self.piece // width) - self.flank
        wide_BQC = np.pad(windows.target_NPC, ((0, 0), (flank, flank), (0, 0)))
        known_Q = np.pad(np.ones(windows.target_NPC.shape[1], bool), flank)
        take_BQ = first_B[:, None] + np.arange(total)
        along_BQC = np.take_along_axis(wide_BQC, take_BQ[..., None], 1)
        known_BQ = known_Q[take_BQ]
        along_BQC[flip_B] = self.flipped(along_BQC[flip_B])
        known_BQ[flip_B] = known_BQ[flip_B, ::-1]
        return along_BQC[..., self.inputs], known_BQ

    def flipped(self, track_BPC: np.ndarray) -> np.ndarray:
        """Tracks as the other strand has them, an involution: bins reversed, the two strands of a pair exchanged."""
        return track_BPC[:, ::-1][..., self.organism.pairs]


def shifted(codes_NL: np.ndarray, shift_N: np.ndarray, length: int) -> np.ndarray:
    """`length` bases of each row, from `shift` bases right of where the centre begins; unknown beyond the row's ends."""
    stored = codes_NL.shape[1]
    reach = int(np.abs(shift_N).max(initial=0))
    wide = np.pad(codes_NL, ((0, 0), (reach, reach)), constant_values=dna.UNKNOWN)
    first_N = reach + (stored - length) // 2 + np.asarray(shift_N)
    return np.stack([row[first : first + length] for row, first in zip(wide, first_N, strict=True)])


@dataclasses.dataclass(frozen=True, eq=False)
class RowChoice:
    """Rows to read: windows, and for each its strand, its shift in bp, its piece and its weight."""

    windows: track_windows.Windows
    flip_B: np.ndarray
    shift_B: np.ndarray
    piece_B: np.ndarray
    weight_B: np.ndarray


def batch(source: OrganismRows, choice: RowChoice, width: int, tokenizer) -> Batch:
    """One batch of an organism.

    Args:
        width: number of tracks of the batch, padding included.
    """
    flip_B, piece_B = choice.flip_B, choice.piece_B
    codes_BL, target_BPC, _ = source.rows(choice.windows, flip_B, choice.shift_B, piece_B)
    rows, bins, count = target_BPC.shape
    total = source.length // source.organism.bin
    first = max(source.flank, 0)
    targets = np.zeros((rows, total, width), np.float32)
    known = np.zeros((rows, total, width), bool)
    targets[:, first : first + bins, :count] = np.where(source.target_C, target_BPC, 0)
    known[:, first : first + bins, :count] = source.target_C
    arrays = {
        'tokens': tokenizer.encode(codes_BL, special=False),
        'targets': targets,
        'known': known,
        'organism': np.full(rows, source.number, np.int32),
        'weight': np.asarray(choice.weight_B, np.float32),
        'valid': (codes_BL < dna.UNKNOWN).sum(1).astype(np.int32),
    }
    if len(source.inputs):
        values, known_BQ = source.inputs_along(choice.windows, flip_B, piece_B)
        arrays |= {'accessibility': values, 'accessibility_known': known_BQ}
    return arrays
