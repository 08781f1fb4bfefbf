"""How much sequence windows with coverage tracks share, within a part and between parts."""

import numpy as np

from genojax import dna, genome
from genojax.data.formats import track_windows
from genojax.data.genomes import kmers

LEAK_K = 30  # bases; chance does not repeat 30 bases


def overlap_groups(windows: track_windows.TrackWindows, flank: int) -> np.ndarray:
    """The group of each window, int64 [N]: windows whose sequences, `flank` bp beyond the centres, share bases."""
    order = sorted(
        range(len(windows)), key=lambda n: (windows.places[n].contig, windows.places[n].start)
    )
    a, b = [], []
    for left, right in zip(order, order[1:], strict=False):
        one, two = windows.places[left], windows.places[right]
        if one.contig == two.contig and two.start - flank < one.end + flank:
            a.append(left), b.append(right)
    return kmers.connected_components(len(windows), np.array(a, np.int64), np.array(b, np.int64))


def leaks(organism: track_windows.Organism, k: int = LEAK_K) -> dict:
    """How much of the held-out windows training has seen: by coordinates, and as k-mers on either strand.

    Transposons give any two genomic windows k-mers in common, so the share of k-mers says more than the number of windows.
    """
    train, held = organism.parts['train'], organism.parts['valid']
    flank = organism.crop
    members = kmers.KmerSet(_sampled(_canonical(train.codes_NL, k)))
    shares, found, total = [], 0, 0
    for codes in held.codes_NL:
        values = _sampled(kmers.canonical(codes, k)[0])
        hits = len(members.find(values)[0])
        shares.append(hits / max(len(values), 1))
        found, total = found + hits, total + len(values)
    near = [any(_near(one, other, flank) for other in train.places) for one in held.places]
    return {
        'windows': len(held),
        'centres_that_overlap_training': 0,  # refused when read
        'windows_whose_flanks_overlap_training': sum(near),
        'k': k,
        'kmers_looked_at': total,
        'kmer_share': found / max(total, 1),
        'kmer_share_of_the_worst_window': max(shares, default=0.0),
    }


def _sampled(values: np.ndarray) -> np.ndarray:
    """One k-mer in sixteen, the same ones everywhere: enough for a share."""
    with np.errstate(over='ignore'):
        mixed = values * np.uint64(0x9E3779B97F4A7C15)
    return values[(values != kmers.NONE) & (mixed >> np.uint64(60) == 0)]


def _canonical(codes_NL: np.ndarray, k: int) -> np.ndarray:
    """Canonical k-mers of all rows; none reaches from one row into the next."""
    gap_N1 = np.full((len(codes_NL), 1), dna.UNKNOWN, np.uint8)
    return kmers.canonical(np.concatenate([codes_NL, gap_N1], 1).reshape(-1), k)[0]


def _near(one: genome.Interval, other: genome.Interval, flank: int) -> bool:
    return (
        one.contig == other.contig
        and one.start - flank < other.end + flank
        and other.start - flank < one.end + flank
    )
