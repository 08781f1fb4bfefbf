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
    contacts  float32 [B, P, P]      log observed / expected between P bins of the row, 0 if unknown
"""

import dataclasses
from typing import NamedTuple

import numpy as np

from genojax import dna
from genojax.data.formats.track_files import track_windows
from genojax.data.store.contacts import shards
from genojax.typing import Batch


class CutRows(NamedTuple):
    """Rows in the bins to predict; unknown values are 0.

    Attributes:
        inputs_BPA: the tracks that are inputs.
        known_BPC: which bins of which tracks were measured, bool.
    """

    codes_BL: np.ndarray
    target_BPC: np.ndarray
    inputs_BPA: np.ndarray
    known_BPC: np.ndarray


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
        contacts: of the same species, an input of the model; None for none.
    """

    organism: track_windows.Organism
    number: int
    length: int
    inputs: np.ndarray
    target_C: np.ndarray
    mean_C: np.ndarray
    pieces: int = 1
    contacts: shards.ContactSpecies | None = None

    @property
    def stored(self) -> int:
        """bp of a stored window."""
        return self.organism.parts['train'].length

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
    ) -> CutRows:
        """Base codes, targets, inputs and mask of one row per window.

        Args:
            flip_B: rows read from the reverse strand: bins are reversed, and the tracks of a strand
                pair are exchanged.
            shift_B: by how many bp the DNA is shifted right against its bins, before the flip.
            piece_B: number of the row's piece in its window.
        """
        piece_B = np.broadcast_to(piece_B, len(windows))
        first_B = self.first_bases(piece_B)
        offset_B = first_B - (self.stored - self.length) // 2
        codes_BL = shifted(windows.codes_NL, shift_B + offset_B, self.length)
        codes_BL[flip_B] = dna.reverse_complement(codes_BL[flip_B])
        bins = self.piece // self.organism.bin
        bin_BP = piece_B[:, None] * bins + np.arange(bins)
        target_BPC, known_BPC = (
            np.take_along_axis(values_NPC, bin_BP[..., None], 1)
            for values_NPC in (windows.target_NPC, windows.known_NPC)
        )
        target_BPC = np.where(known_BPC, target_BPC, 0)
        for values_BPC in (target_BPC, known_BPC):
            values_BPC[flip_B] = self.flipped(values_BPC[flip_B])
        if self.flank < 0:
            inside = slice(-self.flank, self.flank)
            target_BPC, known_BPC = target_BPC[:, inside], known_BPC[:, inside]
        return CutRows(codes_BL, target_BPC, target_BPC[..., self.inputs], known_BPC)

    def first_bases(self, piece_B: np.ndarray) -> np.ndarray:
        """Where rows begin in their stored windows, in bases."""
        return self.organism.crop + piece_B * self.piece - (self.length - self.piece) // 2

    def contacts_along(
        self, windows: track_windows.TrackWindows, flip_B: np.ndarray, piece_B: np.ndarray
    ) -> np.ndarray:
        """Log observed / expected between the bins of rows, float32 [B, P, P]; 0 if unknown.

        A row's bin is that of the matrix in which the row's bin has its middle.
        """
        width = self.contacts.bin
        count = self.length // width
        result = np.zeros((len(windows), count, count), np.float32)
        starts = [centre.start - self.organism.crop for centre in windows.centres]
        first_B = (np.array(starts) + self.first_bases(piece_B) + width // 2) // width
        for row, (centre, first) in enumerate(zip(windows.centres, first_B.tolist(), strict=True)):
            ratio_PP, known_PP = self.contacts.block(centre.contig, first, count)
            result[row] = np.where(known_PP, shards.logarithm(ratio_PP), 0)
        result[flip_B] = result[flip_B][:, ::-1, ::-1]
        return result

    def inputs_along(
        self, windows: track_windows.TrackWindows, flip_B: np.ndarray, piece_B: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Inputs in every bin of a row [B, L/bin, A], and whether all are known [B, L/bin].

        An input is 0 where it is not known.
        """
        width = self.organism.bin
        flank, total = self.organism.crop // width, self.length // width
        first_B = flank + piece_B * (self.piece // width) - self.flank
        bin_BQ = first_B[:, None] + np.arange(total)
        value_BQC, known_BQC = (
            np.take_along_axis(
                np.pad(values_NPC, ((0, 0), (flank, flank), (0, 0))), bin_BQ[..., None], 1
            )
            for values_NPC in (windows.target_NPC, windows.known_NPC)
        )
        value_BQC = np.where(known_BQC, value_BQC, 0)
        for values_BQC in (value_BQC, known_BQC):
            values_BQC[flip_B] = self.flipped(values_BQC[flip_B])
        return value_BQC[..., self.inputs], known_BQC[..., self.inputs].all(2)

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
    cut = source.rows(choice.windows, flip_B, choice.shift_B, piece_B)
    rows, bins, count = cut.target_BPC.shape
    total = source.length // source.organism.bin
    first = max(source.flank, 0)
    targets = np.zeros((rows, total, width), np.float32)
    known = np.zeros((rows, total, width), bool)
    targets[:, first : first + bins, :count] = np.where(source.target_C, cut.target_BPC, 0)
    known[:, first : first + bins, :count] = cut.known_BPC & source.target_C
    arrays = {
        'tokens': tokenizer.encode(cut.codes_BL, special=False),
        'targets': targets,
        'known': known,
        'organism': np.full(rows, source.number, np.int32),
        'weight': np.asarray(choice.weight_B, np.float32),
        'valid': (cut.codes_BL < dna.UNKNOWN).sum(1).astype(np.int32),
    }
    if len(source.inputs):
        values, known_BQ = source.inputs_along(choice.windows, flip_B, piece_B)
        arrays |= {'accessibility': values, 'accessibility_known': known_BQ}
    if source.contacts is not None:
        arrays['contacts'] = source.contacts_along(choice.windows, flip_B, piece_B)
    return arrays
