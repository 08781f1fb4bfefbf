"""How well annotations fit their sequence, beside a slow count of the same."""

import numpy as np
import pytest

from genojax import dna, genome
from genojax.data.formats import annotation
from genojax.data.store import agreement

STARTS = ('ATG', 'GTG', 'TTG', 'CTG', 'ATA', 'ATC', 'ATT')


def slow_splice_agreement(codes, intervals, shift):
    agree = total = 0
    for interval in intervals:
        start, end = interval.start + shift, interval.end + shift
        if interval.strand == '.' or len(interval) < 4 or start < 0 or end > len(codes):
            continue
        intron = codes[start:end]
        if interval.strand == '-':
            intron = dna.reverse_complement(intron)
        text = dna.decode(intron)
        agree += text[:2] in ('GT', 'GC') and text.endswith('AG')
        total += 1
    return agree, total


def slow_start_codon_agreement(codes, features, shift):
    rows = [row for row in features if row.kind == 'CDS' and row.interval.strand != '.']
    names = [(row.id, row.parents) for row in rows]
    agree = total = 0
    for row, name in zip(rows, names, strict=True):
        start, end = row.interval.start + shift, row.interval.end + shift
        if names.count(name) > 1 or len(row.interval) % 3 or start < 0 or end > len(codes):
            continue
        coding = codes[start:end]
        if row.interval.strand == '-':
            coding = dna.reverse_complement(coding)
        agree += dna.decode(coding)[:3] in STARTS
        total += 1
    return agree, total


@pytest.mark.parametrize('seed', range(5))
def test_counts_are_those_of_a_loop_over_texts(seed):
    rng = np.random.default_rng(seed)
    codes = rng.choice(5, 3000, p=[0.3, 0.08, 0.3, 0.3, 0.02]).astype(np.uint8)
    rows = []
    for number in range(1500):
        start = int(rng.integers(0, 2990))
        end = min(start + int(rng.integers(1, 31)), 3000)
        interval = genome.Interval('c', start, end, '+-.'[rng.integers(3)])
        own = f'c{rng.integers(number + 1) if number % 3 else number}'
        rows.append(annotation.Feature('CDS', interval, own, ('t',), gene='', line=number))
    places = [row.interval for row in rows]
    shifts = (-1, 0, 1)
    spliced = [slow_splice_agreement(codes, places, shift) for shift in shifts]
    started = [slow_start_codon_agreement(codes, rows, shift) for shift in shifts]
    assert agreement.splice_agreements(codes, places, shifts) == spliced
    assert agreement.start_codon_agreements(codes, rows, shifts) == started
    assert agreement.splice_agreement(codes, places, 1) == spliced[2]
    assert agreement.start_codon_agreement(codes, rows, -1) == started[0]
    assert min(count for count, _ in (*spliced, *started)) > 0
    assert agreement.splice_agreement(codes, []) == (0, 0)
