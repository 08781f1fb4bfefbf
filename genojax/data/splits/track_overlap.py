"""Sequence that windows with coverage tracks share, within a part and between parts."""

import numpy as np

from genojax import dna, genome
from genojax.data.formats.track_files import track_windows
from genojax.data.genomes import kmers

LEAK_K = 30  # bases; random sequences do not share 30 bases


def overlap_groups(windows: track_windows.WindowSet, flank: int) -> np.ndarray:
    """The group of each window, int64 [N]: windows that share bases, directly or through others.

    Args:
        flank: bp of each window's sequence on either side of its centre.
    """
    centres = windows.centres
    order = sorted(range(len(windows)), key=lambda n: (centres[n].contig, centres[n].start))
    a, b = [], []
    for left, right in zip(order, order[1:], strict=False):
        if _overlap(centres[left], centres[right], flank):
            a.append(left), b.append(right)
    return kmers.connected_components(len(windows), np.array(a, np.int64), np.array(b, np.int64))


def leaks(organism: track_windows.Organism, k: int = LEAK_K) -> dict:
    """How much of the test windows training contains: coordinates, and k-mers on either strand.

    Transposons bring common k-mers to any two genomic windows, so the share of k-mers says more
    than the number of windows.
    """
    train, test = organism.parts['train'], organism.parts['test']
    flank = organism.crop
    sampled = [_sampled(_canonical(part.codes_NL, k)) for part in track_windows.chunks(train)]
    members = kmers.KmerSet(np.concatenate(sampled))
    shares, shared, total = [], 0, 0
    for part in track_windows.chunks(test):
        for codes in part.codes_NL:
            values = _sampled(kmers.canonical(codes, k)[0])
            hits = len(members.find(values)[0])
            shares.append(hits / max(len(values), 1))
            shared, total = shared + hits, total + len(values)
    return {
        'windows': len(test),
        'centres_that_overlap_training': 0,  # refused when read
        'windows_whose_flanks_overlap_training': _overlapping(test.centres, train.centres, flank),
        'k': k,
        'kmers_compared': total,
        'kmer_share': shared / max(total, 1),
        'kmer_share_of_the_worst_window': max(shares, default=0.0),
    }


def _overlapping(these, those, flank: int) -> int:
    """How many of `these` centres share bases with any of `those`, widened by `flank` bp."""
    by_contig: dict[str, list[genome.Interval]] = {}
    for one in those:
        by_contig.setdefault(one.contig, []).append(one)
    count = 0
    for contig, others in by_contig.items():
        own = [one for one in these if one.contig == contig]
        start_N = np.sort([one.start for one in others])
        end_N = np.sort([one.end for one in others])
        low, high = (
            np.array(ends, np.int64)
            for ends in (
                [one.start - 2 * flank for one in own],
                [one.end + 2 * flank for one in own],
            )
        )
        # Those that begin before the end, less those that end before the start.
        overlapping = np.searchsorted(start_N, high) - np.searchsorted(end_N, low, 'right')
        count += int((overlapping > 0).sum())
    return count


def _sampled(values: np.ndarray) -> np.ndarray:
    """One k-mer in sixteen, the same ones everywhere: enough for a share."""
    return values[(values != kmers.NONE) & (kmers.scramble(values) >> np.uint64(60) == 0)]


def _canonical(codes_NL: np.ndarray, k: int) -> np.ndarray:
    """Canonical k-mers of all rows; no k-mer spans two rows."""
    gap_N1 = np.full((len(codes_NL), 1), dna.UNKNOWN, np.uint8)
    return kmers.canonical(np.concatenate([codes_NL, gap_N1], 1).reshape(-1), k)[0]


def _overlap(one: genome.Interval, other: genome.Interval, flank: int) -> bool:
    """Whether two centres share bases when each is widened by `flank` bp on either side."""
    return (
        one.contig == other.contig
        and one.start - flank < other.end + flank
        and other.start - flank < one.end + flank
    )
