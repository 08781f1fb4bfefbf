"""A motif that all rows hold at one place is a constant part of them, whatever its attribution."""

import numpy as np
import pytest

from genojax import dna, genome
from genojax.inference import requests
from genojax.interpret.motifs import constant, discovery

ADAPTER, SITE = 'ACTGGCCGCTTGACG', 'TGACTCAT'


def library(rows=60, at_end=False, site_share=0.5, site_at=None):
    """Rows between 100 and 120 bases that hold the adapter, some a site; both have attribution."""
    rng = np.random.default_rng(1)
    sequences, values = [], []
    for row in range(rows):
        codes = rng.integers(0, 4, 100 + int(rng.integers(0, 21))).astype(np.uint8)
        value = rng.standard_normal(len(codes)) * 0.1
        first = len(codes) - len(ADAPTER) - 5 if at_end else 5
        places = [(first, ADAPTER)]
        if row < site_share * rows:
            places.append((40 + int(rng.integers(0, 20)) if site_at is None else site_at, SITE))
        for start, word in places:
            codes[start : start + len(word)] = dna.encode(word)
            value[start : start + len(word)] += 1
        sequences.append(codes)
        values.append(value.astype(np.float32))
    return sequences, values


def parts_of(sequences, values, columns=None):
    """Consensus -> the constant part that the motif is."""
    found = discovery.clusters(discovery.find_seqlets(sequences, values))
    columns = columns or constant.ConstantColumns(sequences)
    return {one.motif.consensus: columns.part(one, sequences) for one in found}


def either_strand(word):
    return {word, dna.decode(dna.reverse_complement(dna.encode(word)))}


@pytest.mark.parametrize('at_end', [False, True])
def test_an_adapter_is_a_constant_part_and_a_site_is_a_motif(at_end):
    parts = parts_of(*library(at_end=at_end))
    adapters = [word for word in parts if any(word in full for full in either_strand(ADAPTER))]
    sites = [word for word in parts if any(full in word for full in either_strand(SITE))]
    assert adapters and sites
    assert all(parts[word] is None for word in sites)
    for part in (parts[word] for word in adapters):
        assert part.sites == part.all_sites and part.row_share == 1 and part.rows == 60
        assert part.from_end == at_end
        assert 5 <= part.start < part.end <= 5 + len(ADAPTER)
        assert ('before the end' in part.place) == at_end


def test_a_site_at_one_place_of_half_of_the_rows_is_no_constant_part():
    """Of aligned promoters: those rows are told from the others by it."""
    parts = parts_of(*library(site_at=50))
    sites = [word for word in parts if any(full in word for full in either_strand(SITE))]
    assert sites and all(parts[word] is None for word in sites)


@pytest.mark.parametrize('same, constant_part', [(57, True), (56, False)])
def test_a_column_is_constant_from_95_percent_of_the_rows_on(same, constant_part):
    sequences, _ = library()
    for codes in sequences[same:]:
        codes[5 : 5 + len(ADAPTER)] = dna.reverse_complement(codes[5 : 5 + len(ADAPTER)])
    motif = discovery.meme.MotifMatrix('m', dna.one_hot(dna.encode(ADAPTER)), 20)
    rows, zeros = np.arange(20), np.zeros(20, int)
    found = discovery.Cluster(motif, rows, zeros + 5, zeros.astype(bool))
    part = constant.ConstantColumns(sequences).part(found, sequences)
    assert (part is not None) == constant_part
    if part:
        assert part.row_share == pytest.approx(same / 60) and (part.start, part.end) == (5, 20)
        assert '20 of 20 sites' in str(part) and 'in 95 % of 60 rows or more' in str(part)


def test_few_rows_say_nothing_and_other_bases_there_are_no_constant_part():
    sequences, _ = library()
    motif = discovery.meme.MotifMatrix('m', dna.one_hot(dna.encode(ADAPTER)), 9)
    zeros = np.zeros(9, int)
    found = discovery.Cluster(motif, np.arange(9), zeros + 5, zeros.astype(bool))
    assert constant.ConstantColumns(sequences[:9]).part(found, sequences) is None
    columns = constant.ConstantColumns(sequences)
    assert columns.part(found, sequences) is not None
    changed = [dna.reverse_complement(codes) for codes in sequences]  # as an ascent may change them
    assert columns.part(found, changed) is None


def test_windows_of_records_have_the_columns_of_the_records():
    sequences, values = library()
    regions = requests.Regions(
        [
            requests.SequenceRegion(f'r{n}', genome.Interval(f'r{n}', 0, len(codes), '+'), n)
            for n, codes in enumerate(sequences)
        ],
        {f'r{n}': codes for n, codes in enumerate(sequences)},
    ).windows(60, 30)
    cut = [regions.codes(n) for n in range(len(regions))]
    cut_values = [values[int(r.name[1:])][r.interval.start : r.interval.end] for r in regions.rows]
    columns = constant.of_regions(regions, intervals=False)
    parts = parts_of(cut, cut_values, columns)
    assert any(part and (part.rows, part.row_share) == (60, 1) for part in parts.values())
    assert columns.counts == (len(ADAPTER), 120)
    of_windows = constant.of_regions(regions, intervals=True)
    assert not any(parts_of(cut, cut_values, of_windows).values())


def test_words_say_what_is_constant_and_what_to_do():
    sequences, _ = library()
    columns = constant.ConstantColumns(sequences)
    assert constant.words({}, columns) == []
    part = constant.ConstantPart(9, 10, 5, 20, False, 1.0, 60)
    first, last = constant.words({'motif01_ACT': part}, columns)
    assert first.startswith('motif01_ACT is a constant part of the rows: 9 of 10 sites')
    assert 'most lie at bases 5 to 20 (0-based, half-open), where each column has' in first
    assert 'its base in 100 % of 60 rows or more' in first
    assert last.startswith('15 of 120 columns of the rows are constant.') and 'data.trim' in last
