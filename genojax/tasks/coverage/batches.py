"""Batches of windows with coverage tracks: augmented for training, in order for evaluation.

A batch holds one organism, and organisms take turns step by step (Avsec et al. 2021, Methods). Everything is a function of
(seed, step). Coverage is known in the centre of a window only: elsewhere `known` is False. A row is a window, or one of
several that share a window's centre out between them, with DNA of the window around each: a batch of many short rows from many
windows costs what one of few long rows does, and its statistics are less those of one window.

    tokens    int32 [B, L]             nucleotide ids, no special tokens
    targets   float32 [B, L/bin, C]    scaled sums of reads; C is the most tracks that an organism has, the rest is padding
    known     bool [B, L/bin, C]       False for padding, flanks and tracks that are inputs
    organism  int32 [B]                number of the organism
    weight    float32 [B], valid int32 [B]   0 for a row that only fills up; bases of a row that are known
    accessibility float32 [B, L/bin, A], accessibility_known bool [B, L/bin]   coverage of the input tracks
"""

import dataclasses
from collections.abc import Iterator

import numpy as np

from genojax import dna, errors, typing
from genojax.data import counter_random
from genojax.data.datasets import order
from genojax.data.formats import track_windows

_SHUFFLE, _FLIP, _SHIFT = 31, 32, 33  # purposes of random bits


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
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
    def whole(self) -> 'Source':
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


def pack(
    source: Source, windows, flip_B, shift_B, piece_B, weight_B, width: int, tokenizer
) -> typing.Batch:
    """One batch; `width` is its number of tracks, padding included."""
    codes_BL, target_BPC, _ = source.rows(windows, flip_B, shift_B, piece_B)
    batch, bins, count = target_BPC.shape
    total = source.length // source.organism.bin
    first = max(source.flank, 0)
    targets = np.zeros((batch, total, width), np.float32)
    known = np.zeros((batch, total, width), bool)
    targets[:, first : first + bins, :count] = np.where(source.target_C, target_BPC, 0)
    known[:, first : first + bins, :count] = source.target_C
    made = {
        'tokens': tokenizer.encode(codes_BL, special=False),
        'targets': targets,
        'known': known,
        'organism': np.full(batch, source.number, np.int32),
        'weight': np.asarray(weight_B, np.float32),
        'valid': (codes_BL < dna.UNKNOWN).sum(1).astype(np.int32),
    }
    if len(source.inputs):
        given, known_BQ = source.inputs_along(windows, flip_B, piece_B)
        made |= {'accessibility': given, 'accessibility_known': known_BQ}
    return made


def train(
    sources: list[Source],
    rows: list[np.ndarray],
    tokenizer,
    batch_size: int,
    seed: int,
    *,
    flip: bool,
    shift: int,
    start_step: int = 0,
    host: tuple[int, int] = (0, 1),
) -> Iterator[typing.Batch]:
    """Training batches without end: step s is of organism s mod their number, every row once an epoch.

    Args:
        rows: for each organism, which of its training windows to use.
        flip: read half of the rows from the other strand.
        shift: move each row's DNA by up to so many bp either way.
        host: (index, count); this host gets rows index, index + count, ... of the global batch.
    """
    if host[1] < 1 or not 0 <= host[0] < host[1]:
        raise ValueError(f'{host=} is not (index, count)')
    if batch_size % host[1]:
        raise errors.InputError(
            'MX09', f'{batch_size} rows a step do not divide over {host[1]} hosts'
        )
    width, step = _width(sources), start_step
    while True:
        turn, which = divmod(step, len(sources))
        source, mine = sources[which], rows[which]
        index_B = turn * batch_size + np.arange(host[0], batch_size, host[1])
        rows_of_epoch = len(mine) * source.pieces
        epoch_B, place_B = np.divmod(index_B, rows_of_epoch)
        row_B = order.permute(place_B, rows_of_epoch, seed, _SHUFFLE, which, epoch_B)
        window_B, piece_B = np.divmod(row_B, source.pieces)
        flip_B = counter_random.randint(2, seed, _FLIP, which, index_B).astype(bool) & flip
        shift_B = counter_random.randint(2 * shift + 1, seed, _SHIFT, which, index_B) - shift
        windows = source.organism.parts['train'].take(mine[window_B])
        weight_B = np.ones(len(row_B))
        yield pack(source, windows, flip_B, shift_B, piece_B, weight_B, width, tokenizer)
        step += 1


def in_order(
    sources: list[Source],
    parts: list[track_windows.TrackWindows],
    tokenizer,
    batch_size: int,
    flip: bool = False,
) -> Iterator[typing.Batch]:
    """Every row of each organism's part once, window by window, not moved; the last batch of each is filled with rows of weight 0."""
    width = _width(sources)
    for source, windows in zip(sources, parts, strict=True):
        count = len(windows) * source.pieces
        for first in range(0, count, batch_size):
            row_B = np.arange(first, first + batch_size)
            weight_B = row_B < count
            window_B, piece_B = np.divmod(np.minimum(row_B, count - 1), source.pieces)
            some = windows.take(window_B)
            flip_B, shift_B = np.full(batch_size, flip), np.zeros(batch_size, np.int64)
            yield pack(source, some, flip_B, shift_B, piece_B, weight_B, width, tokenizer)


def _width(sources: list[Source]) -> int:
    return max(len(source.organism.tracks) for source in sources)
