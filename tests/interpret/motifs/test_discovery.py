"""Planted motifs are found in attributions, on both strands; nothing is found in noise."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.interpret.motifs import discovery, meme, tomtom

PLANTED = {'AP1': 'TGACTCAT', 'GATA': 'AGATAAGG'}


def planted(seed, effect=1.0):
    """Sequences with one copy of each motif, and attributions that are high there."""
    rng = np.random.default_rng(seed)
    sequences, values = [], []
    for _ in range(60):
        codes = rng.integers(0, 4, 120).astype(np.uint8)
        value = rng.standard_normal(120) * 0.15
        for start, word in zip((20, 70), PLANTED.values(), strict=True):
            at = start + int(rng.integers(0, 20))
            site = dna.encode(word)
            if rng.random() < 0.5:
                site = dna.reverse_complement(site)
            codes[at : at + 8] = site
            value[at : at + 8] += effect
        sequences.append(codes)
        values.append(value.astype(np.float32))
    return sequences, values


@pytest.mark.parametrize('seed', [0, 1, 2])
def test_planted_motifs_are_found_and_named(seed):
    sequences, values = planted(seed)
    seqlets = discovery.find_seqlets(sequences, values)
    found = discovery.cluster(seqlets)
    assert len(found) == 2
    known = []
    for name, word in PLANTED.items():
        p_W4 = np.full((8, 4), 0.01)
        p_W4[np.arange(8), dna.encode(word)] = 0.97
        known.append(meme.MotifMatrix(name, p_W4, 100))
    rng = np.random.default_rng(9)
    known += [meme.MotifMatrix(f'other{i}', rng.dirichlet([0.3] * 4, 10), 9) for i in range(50)]
    best = [tomtom.matches(motif, known)[0] for motif in found]
    assert {match.target for match in best} == set(PLANTED)
    assert all(match.q_value < 0.01 for match in best)


def test_the_places_of_a_motif_hold_its_bases():
    """On both strands: the columns of the motif are those of the planted word in each sequence."""
    sequences, values = planted(0)
    for found in discovery.clusters(discovery.find_seqlets(sequences, values)):
        best_W, count = found.motif.p_W4.argmax(1), np.zeros_like(found.motif.p_W4)
        assert len(found.start_N) == found.motif.sites and 0 < found.reverse_N.mean() < 1
        for number, start, reverse in zip(
            found.sequence_N, found.start_N, found.reverse_N, strict=True
        ):
            codes = sequences[number][start : start + len(best_W)]
            count += dna.one_hot(dna.reverse_complement(codes) if reverse else codes)
        assert (count.argmax(1) == best_W).all() and count.max(1).mean() > 0.95 * len(found.start_N)


def test_nothing_is_found_without_an_effect_and_at_the_threshold_of_the_model():
    sequences, values = planted(0, effect=0.0)
    assert discovery.cluster(discovery.find_seqlets(sequences, values)) == []
    threshold = discovery.find_seqlets(*planted(0)).threshold
    control = discovery.find_seqlets(sequences, values, threshold=threshold)
    assert control.total == 0
    assert control.codes_NL.shape == (0, 17)


def test_motifs_at_both_ends_of_a_sequence_are_found_whole():
    """Their flanks lie outside; the unknown bases there are no part of the motif."""
    rng = np.random.default_rng(5)
    sequences, values = [], []
    for number in range(40):
        codes = rng.integers(0, 4, 60).astype(np.uint8)
        value = rng.standard_normal(60) * 0.1
        place = slice(0, 8) if number % 2 else slice(52, 60)
        codes[place] = dna.encode('TGACTCAT' if number % 2 else 'AGATAAGG')
        value[place] += 1
        sequences.append(codes)
        values.append(value)
    seqlets = discovery.find_seqlets(sequences, values)
    assert seqlets.start_N.min() < 0 and (seqlets.start_N + 17).max() > 60
    found = {motif.consensus for motif in discovery.cluster(seqlets)}
    other_strand = {dna.decode(dna.reverse_complement(dna.encode(word))) for word in found}
    assert {'TGACTCAT', 'AGATAAGG'} <= found | other_strand


def test_a_motif_of_many_letters_is_one_cluster_if_what_every_base_would_add_is_known():
    """YYYYRRRR: of the letters that are there, two seqlets share half on average."""
    rng = np.random.default_rng(6)
    sequences, values, bases = [], [], []
    for _ in range(80):
        codes = rng.integers(0, 4, 80).astype(np.uint8)
        every = rng.standard_normal((80, 4)) * 0.05
        at = 20 + int(rng.integers(0, 30))
        codes[at : at + 4] = rng.choice([1, 3], 4)
        codes[at + 4 : at + 8] = rng.choice([0, 2], 4)
        every[at : at + 4] += np.array([-1, 1, -1, 1])
        every[at + 4 : at + 8] += np.array([1, -1, 1, -1])
        sequences.append(codes)
        bases.append(every)
        values.append(every[np.arange(80), codes])
    apart = discovery.cluster(discovery.find_seqlets(sequences, values))
    (motif,) = discovery.cluster(discovery.find_seqlets(sequences, values, bases=bases))
    assert max((one.sites for one in apart), default=0) < motif.sites / 2
    letters_W = motif.p_W4[:, [0, 2]].sum(1).round()
    assert letters_W.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_seqlets_do_not_overlap_and_the_rest_is_counted():
    sequences, values = planted(1)
    config = dataclasses.replace(discovery.MotifConfig(), max_seqlets=30)
    seqlets = discovery.find_seqlets(sequences, values, config)
    assert len(seqlets) == 30 < seqlets.total
    assert (np.diff(seqlets.score_N) <= 0).all()
    everything = discovery.find_seqlets(sequences, values)
    for number in range(len(sequences)):
        starts = np.sort(everything.start_N[everything.sequence_N == number])
        assert (np.diff(starts) >= config.core).all()
    for number, start, codes in zip(
        seqlets.sequence_N, seqlets.start_N, seqlets.codes_NL, strict=True
    ):
        np.testing.assert_array_equal(codes, sequences[number][start : start + 17])


def test_the_threshold_keeps_the_rate_of_the_null():
    rng = np.random.default_rng(0)
    null = rng.standard_normal(2000)
    scores = np.concatenate([rng.standard_normal(1900), 4 + rng.standard_normal(100)])
    threshold = discovery.threshold_of(scores, null, 0.05)
    assert (null >= threshold).sum() <= 0.05 * (scores >= threshold).sum()
    assert (scores[1900:] >= threshold).mean() > 0.8
    assert discovery.threshold_of(null, null, 0.05) == np.inf


def test_similarities_equal_a_loop_over_offsets_and_strands():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((4, 10, 4))
    best, offset, strand = discovery.similarities(x, 6)
    for i in range(4):
        for j in range(4):
            scores = {}
            for reverse in (False, True):
                other = x[j][::-1, ::-1] if reverse else x[j]
                for o in range(-4, 5):
                    rows = [r for r in range(10) if 0 <= r - o < 10]
                    total = sum(float(x[i][r] @ other[r - o]) for r in rows)
                    scores[o, reverse] = total / np.linalg.norm(x[i]) / np.linalg.norm(x[j])
            if i != j:
                assert best[i, j] == pytest.approx(max(scores.values()), abs=1e-5)
                assert max(scores, key=scores.get) == (offset[i, j], strand[i, j])
