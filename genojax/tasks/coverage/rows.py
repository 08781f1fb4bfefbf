"""Rows cut from windows with coverage tracks: DNA, targets in bins, and which bins are known.

A row is a window, or one of several pieces of a window's centre with the DNA around it. A batch of
many short rows from many windows costs as much as one of few long rows, and its batch statistics
depend less on a single window. Coverage is known in a window's centre
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
from genojax.data.formats.track_files import track_windows
from genojax.typing import Batch


@dataclasses.dataclass(frozen=True, eq=False)
class OrganismRows:
    """One organism's windows, and how rows are cut from them.

    Attributes:
        number: the organism's number in a batch.
        length: bp of a row, around its part of the stored window's centre.
        inputs: numbers of the tracks that are inputs (accessibility), int64 [A].
        target_C: which tracks are targets, bool.
        mean_C: each track's mean over the training windows, float32.
        pieces: rows per window.
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
        """bp of the centre that a row predicts."""
        return (self.stored - 2 * self.organism.crop) // self.pieces

    @property
    def flank(self) -> int:
        """Bins at each end of a row outside its piece; negative if it is shorter than its piece."""
        return (self.length - self.piece) // 2 // self.organism.bin

    @property
    def whole(self) -> 'OrganismRows':
        """The same windows with one row per window."""
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
        """Base codes [B, L], and targets [B, P, C] and inputs [B, P, A] of the bins to predict.

        Args:
            flip_B: rows read from the reverse strand: bins are reversed, and the tracks of a strand
                pair are exchanged.
            shift_B: by how many bp the DNA is shifted right against its bins, before the flip.
            piece_B: number of the row's piece in its window.
        """
        piece_B = np.broadcast_to(piece_B, len(windows))
        first_B = self.organism.crop + piece_B * self.piece - (self.length - self.piece) // 2
        offset_B = first_B - (self.stored - self.length) // 2
        codes_BL = shifted(windows.codes_NL, shift_B + offset_B, self.length)
        codes_BL[flip_B] = dna.reverse_complement(codes_BL[flip_B])
        bins = self.piece // self.organism.bin
        bin_BP = piece_B[:, None] * bins + np.arange(bins)
        target_BPC = np.take_along_axis(windows.target_NPC, bin_BP[..., None], 1)
        target_BPC[flip_B] = self.flipped(target_BPC[flip_B])
        if self.flank < 0:
            target_BPC = target_BPC[:, -self.flank : self.flank]
        return codes_BL, target_BPC, target_BPC[..., self.inputs]

    def inputs_along(
        self, windows: track_windows.TrackWindows, flip_B: np.ndarray, piece_B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs in every bin of a row [B, L/bin, A], and whether they are known [B, L/bin].

        They are 0 where they are not known.
        """
        width = self.organism.bin
        flank, total = self.organism.crop // width, self.length // width
        first_B = flank + piece_B * (self.piece // width) - self.flank
        padded_BQC = np.pad(windows.target_NPC, ((0, 0), (flank, flank), (0, 0)))
        known_Q = np.pad(np.ones(windows.target_NPC.shape[1], bool), flank)
        bin_BQ = first_B[:, None] + np.arange(total)
        value_BQC = np.take_along_axis(padded_BQC, bin_BQ[..., None], 1)
        known_BQ = known_Q[bin_BQ]
        value_BQC[flip_B] = self.flipped(value_BQC[flip_B])
        known_BQ[flip_B] = known_BQ[flip_B, ::-1]
        return value_BQC[..., self.inputs], known_BQ

    def flipped(self, track_BPC: np.ndarray) -> np.ndarray:
        """Tracks of the reverse strand: bins reversed, strand pairs exchanged; an involution."""
        return track_BPC[:, ::-1][..., self.organism.pairs]


def shifted(codes_NL: np.ndarray, shift_N: np.ndarray, length: int) -> np.ndarray:
    """The central `length` bases of each row, shifted right; unknown beyond the row's ends."""
    stored = codes_NL.shape[1]
    margin = int(np.abs(shift_N).max(initial=0))
    padded = np.pad(codes_NL, ((0, 0), (margin, margin)), constant_values=dna.UNKNOWN)
    first_N = margin + (stored - length) // 2 + np.asarray(shift_N)
    return np.stack(
        [row[first : first + length] for row, first in zip(padded, first_N, strict=True)]
    )


@dataclasses.dataclass(frozen=True, eq=False)
class RowChoice:
    """Rows to read: the window of each row, its strand, shift in bp, piece and weight."""

    windows: track_windows.TrackWindows
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
