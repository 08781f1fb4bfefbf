"""Windows that cover the contigs of a genome, in blocks, and the part that each block is of.

The centres of a block's windows lie side by side. Between two blocks lie as many bases as two
flanks have, so that windows of different blocks share no base, and parts are made of whole blocks.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from genojax import errors
from genojax.data.store.signals import track_settings

PARTS = ('train', 'test')
_STREAM = 51  # number of a stream of random bits


@dataclasses.dataclass(frozen=True, eq=False)
class Tiling:
    """N windows in the order of the genome.

    Attributes:
        contig_N: number of each window's contig, int64.
        start_N: first base of its centre, int64; the last centre of a contig may pass its end.
        block_N: number of its block, int64.
        gap_bases: bases between blocks, which no centre has.
    """

    contig_N: np.ndarray
    start_N: np.ndarray
    block_N: np.ndarray
    gap_bases: int

    def __len__(self) -> int:
        return len(self.contig_N)


def tile(
    lengths: Sequence[int],
    circular: Sequence[bool],
    settings: track_settings.TrackSettings,
) -> Tiling:
    """Windows over contigs.

    The flanks of a circular contig's windows wrap, so its last block ends before two flanks of the
    origin, unless it is the only one.

    Args:
        lengths: bases of every contig.
    """
    centre, flank, block = settings.centre, settings.crop, settings.block
    contigs, starts, blocks, gaps, number = [], [], [], 0, 0
    for contig, (length, wraps) in enumerate(zip(lengths, circular, strict=True)):
        first, last = 0, length
        if wraps and length > block * centre:
            last = max(length - 2 * flank, block * centre)
            gaps += length - last
        while first < last:
            end = min(first + block * centre, last)
            start_N = np.arange(first, end, centre)
            contigs.append(np.full(len(start_N), contig))
            starts.append(start_N)
            blocks.append(np.full(len(start_N), number))
            number += 1
            gaps += min(2 * flank, last - end)
            first = end + 2 * flank
    empty = [np.zeros(0, np.int64)]
    columns = (np.concatenate([*empty, *column]) for column in (contigs, starts, blocks))
    return Tiling(*columns, gaps)


def parts(
    tiling: Tiling,
    names: Sequence[str],
    marks: Sequence[str],
    settings: track_settings.TrackSettings,
) -> np.ndarray:
    """Which windows are test windows, bool [N].

    Those of the contigs of `settings.test`; without such names, those of contigs that the genome
    table marks; without marks, those of a random share of the blocks.

    Args:
        names: of the contigs.
        marks: of each contig: 'train', 'test' or ''.

    Raises:
        UsageError: a part is empty.
    """
    test = settings.test or [n for n, mark in zip(names, marks, strict=True) if mark == 'test']
    if test:
        test_N = np.isin(np.array(names)[tiling.contig_N], test)
        how = f'the test contigs are {", ".join(test)}'
    else:
        block_B = np.unique(tiling.block_N)
        count = max(1, round(settings.test_share * len(block_B)))
        shuffled_B = np.random.default_rng([settings.seed, _STREAM]).permutation(block_B)
        test_N = np.isin(tiling.block_N, shuffled_B[:count])
        how = f'{count} of {len(block_B)} blocks are for the test'
    if test_N.all() or not test_N.any():
        part = 'training' if test_N.all() else 'test'
        fix = f'--test={names[-1]}, or a smaller --block or --window'
        if len(names) == 1:
            fix = 'leave --test out, or a smaller --block or --window'
        raise errors.UsageError(f'no {part} window is left: {how}. Fix: {fix}')
    return test_N
