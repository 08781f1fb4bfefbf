"""How much of the held-out sequence the training windows contain, whatever the split meant to do."""

import numpy as np

from genojax import dna
from genojax.data.genomes import assemblies, interval_sets, kmers, windows

_WINDOWS = 16_384  # held-out windows audited; more are sampled, evenly


def measure(
    corpus: assemblies.Corpus,
    parts: dict[str, tuple[windows.Windows, windows.Windows]],
    length: int,
    k: int = 24,
) -> dict:
    """How much of the held-out sequence training contains: k-mers found there, on either strand.

    Random sequence shares no 24-mer with a genome of laptop size; what is found are repeats, recent
    copies and conserved stretches.
    """
    axis = interval_sets.Axis(corpus)
    share = max(1, _WINDOWS // max(len(parts), 1))
    held = {name: pair[1].thinned(share) for name, pair in parts.items()}
    values = {name: _window_kmers(corpus[name], part, length, k) for name, part in held.items()}
    rows = [v.reshape(-1) for v in values.values()]
    members = kmers.Members(np.concatenate(rows) if rows else np.zeros(0, np.uint64))
    seen = np.zeros(len(members), bool)
    for codes in _training_codes(axis, parts):
        seen[members.find(kmers.canonical(codes, k)[0])[1]] = True
    species, total = {}, np.zeros(4, np.int64)
    for name, value in values.items():
        where, number = members.find(value.reshape(-1))
        leaked = np.zeros(value.size, bool)
        leaked[where] = seen[number]
        real = value != kmers.NONE
        touched = leaked.reshape(value.shape).any(axis=1)
        counts = np.array([len(value), touched.sum(), real.sum(), leaked.sum()])
        total += counts
        species[name] = _shares(counts)
    return {
        'k': k,
        'strands': 2,
        'held_out_windows': sum(len(pair[1]) for pair in parts.values()),
        **_shares(total),
        'species': species,
    }


def _shares(counts: np.ndarray) -> dict:
    audited, touched, real, leaked = (int(c) for c in counts)
    return {
        'windows_audited': audited,
        'windows_with_a_training_kmer': touched,
        'window_fraction': touched / audited if audited else 0.0,
        'kmers': real,
        'kmers_in_training': leaked,
        'kmer_fraction': leaked / real if real else 0.0,
    }


def _window_kmers(member, part: windows.Windows, length: int, k: int) -> np.ndarray:
    """Canonical k-mers of each window, uint64 [n, length - k + 1]."""
    codes = member.read(part.contig, part.start, length)[0]
    if not len(codes) or length < k:
        return np.zeros((len(codes), 0), np.uint64)
    # One long sequence with an unknown base between rows: no k-mer reaches from one into the next.
    joined = np.full((len(codes), length + 1), dna.UNKNOWN, np.uint8)
    joined[:, :length] = codes
    value = kmers.canonical(joined.reshape(-1), k)[0]
    value = np.concatenate([value, np.full(k - 1, kmers.NONE)])
    return value.reshape(len(codes), length + 1)[:, : length - k + 1]


def _training_codes(axis, parts):
    """Base codes of every stretch that training windows cover, in pieces that overlap by a k-mer's length."""
    piece = 4_000_000
    trained = windows.covered(axis, {name: pair[0] for name, pair in parts.items()})
    for contig, start, bases in axis.runs(trained).tolist():
        member = axis.corpus[axis.names[axis.species[contig]]]
        codes = member.codes(int(axis.local[contig]))
        stretch = np.concatenate([codes, codes])[start : start + bases]
        if bases == len(codes) and axis.circular[contig]:
            stretch = np.concatenate([codes, codes[:30]])
        for first in range(0, max(len(stretch), 1), piece):
            yield stretch[first : first + piece + 30]
