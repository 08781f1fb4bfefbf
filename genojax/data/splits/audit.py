"""Measured leak of a split: how much of the test windows the training windows contain."""

import itertools
from collections.abc import Iterator

import numpy as np

from genojax import dna, genome
from genojax.data.genomes import assemblies, interval_sets, kmers, windows

K = 24  # bases of a k-mer: random sequence shares none with a genome of laptop size
_MAX_WINDOWS = 16_384  # test windows audited; more are sampled, evenly
_PIECE = 2**16  # bases indexed at a time: their numbers fit into a processor's cache
_MAX_WAITING = 2**20  # k-mers that are looked up together
_OVERLAP = 30  # bases that neighbouring pieces share, at least k - 1


def measure(
    corpus: assemblies.Corpus,
    splits: dict[str, tuple[windows.Windows, windows.Windows]],
    length: int,
    k: int = K,
) -> tuple[dict, dict[str, np.ndarray]]:
    """How many k-mers of test windows occur in training windows, on either strand; and in which.

    What is counted are repeats, recent copies and conserved sequence.

    Args:
        splits: (training, test) windows per species.
        length: bases per window.

    Returns:
        The report; per species for each test window 1 if training contains one of its k-mers, else
        0, and `windows.UNKNOWN_SHARE` where it was not searched, int8.
    """
    axis = interval_sets.Axis(corpus)
    share = max(1, _MAX_WINDOWS // max(len(splits), 1))
    searched = {name: _spread(len(part), share) for name, (_, part) in splits.items()}
    test = {name: part.take(searched[name]) for name, (_, part) in splits.items()}
    values = {name: _window_kmers(corpus[name], part, length, k) for name, part in test.items()}
    rows = [v.reshape(-1) for v in values.values()]
    members = kmers.KmerSet(np.concatenate(rows) if rows else np.zeros(0, np.uint64))
    in_training = _in_training(members, _training_codes(axis, splits), k)
    species, flags, total = {}, {}, np.zeros(4, np.int64)
    for name, value in values.items():
        counts, touched = _counts(value, members, in_training)
        total += counts
        species[name] = _shares(counts)
        flags[name] = np.full(len(splits[name][1]), windows.UNKNOWN_SHARE, np.int8)
        flags[name][searched[name]] = touched
    report = {
        'k': k,
        'strands': 2,
        'test_windows': sum(len(part) for _, part in splits.values()),
        **_shares(total),
        'species': species,
    }
    return report, flags


def _in_training(members: kmers.KmerSet, training: Iterator[np.ndarray], k: int) -> np.ndarray:
    """Which members occur in some sequences, bool [n]."""
    present, waiting, size = np.zeros(len(members), bool), [], 0
    for codes in itertools.chain(training, [None]):
        if codes is not None:
            value = kmers.canonical(codes, k)[0]
            waiting.append(value[members.candidates(value)])
            size += len(waiting[-1])
        if waiting and (codes is None or size >= _MAX_WAITING):
            # Repeats occur again and again; numbers in order are searched for much faster.
            present[members.find(kmers.unique(np.concatenate(waiting)))[1]] = True
            waiting, size = [], 0
    return present


def _spread(count: int, limit: int) -> np.ndarray:
    """At most `limit` of `count` numbers, spread evenly."""
    if count <= limit:
        return np.arange(count)
    return (np.arange(limit) * count + count // 2) // limit


def _counts(
    value: np.ndarray, members: kmers.KmerSet, in_training: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Windows, windows with a k-mer in training, k-mers, k-mers in training; int64 [4].

    And which windows have one, bool [n].
    """
    index, number = members.find(value.reshape(-1))
    leaked = np.zeros(value.size, bool)
    leaked[index] = in_training[number]
    touched = leaked.reshape(value.shape).any(axis=1)
    counts = np.array([len(value), touched.sum(), (value != kmers.NONE).sum(), leaked.sum()])
    return counts, touched


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


def _window_kmers(
    member: assemblies.Genome, part: windows.Windows, length: int, k: int
) -> np.ndarray:
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


def _training_codes(axis: interval_sets.Axis, splits) -> Iterator[np.ndarray]:
    """Base codes of every run that training windows cover, in pieces that overlap by `_OVERLAP`.

    Short runs are joined by unknown bases, so that the pieces are large.
    """
    train = windows.covered(axis, {name: part for name, (part, _) in splits.items()})
    between = np.array([dna.UNKNOWN], np.uint8)
    parts, size = [], 0
    for contig, start, bases in axis.runs(train).tolist():
        member, local = axis.corpus[axis.names[axis.species[contig]]], int(axis.local[contig])
        whole_ring = bases == axis.lengths[contig] and axis.circular[contig]
        run = start, bases + (_OVERLAP if whole_ring else 0)
        for _, stored in member.pieces(local, _PIECE, _OVERLAP, run):
            parts += [stored & genome.CODE_BITS, between]
            size += len(stored)
            if size >= _PIECE:
                yield np.concatenate(parts)
                parts, size = [], 0
    if parts:
        yield np.concatenate(parts)
