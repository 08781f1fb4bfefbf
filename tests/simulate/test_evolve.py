"""Evolution along a branch follows the substitution model and its constraints."""

import dataclasses

import numpy as np
import pytest

from genojax.simulate import background, evolve, genes, grammar, motifs, repeats, segments


def _gene(seed=0):
    return genes.gene(np.random.default_rng(seed), grammar.DEFAULT, seed)


def _coding(segment):
    """Base codes of the codons in reading order on their strand, [C, 3]."""
    codes = segment.codes[segment.codons]
    return np.where(segment.on_minus[:, None], 3 - codes, codes)


@pytest.mark.parametrize('name', ['TATA', 'AP1', 'GC_box'])
@pytest.mark.parametrize('minus', [False, True])
def test_sites_keep_their_matrix_on_a_long_branch(name, minus):
    motif = next(motif for motif in motifs.MOTIFS if motif.name == name)
    copies = 8_000
    rng = np.random.default_rng(0)
    sampled = background.sample_bases(rng, np.tile(motif.matrix_W4, (copies, 1)))
    segment = segments.plain(sampled, segments.Constraint.SITE, rigid=True)
    segment.matrix_rows[:] = np.tile(segments.FIRST_ROW[name] + np.arange(motif.width), copies)
    segment = segments.reverse_complement(segment) if minus else segment
    after = evolve._substitute(rng, segment, 6.0)
    assert (after.codes != segment.codes).mean() > 0.15, 'the test needs substitutions'
    codes = segments.reverse_complement(after).codes if minus else after.codes
    counts = np.stack([np.bincount(column, minlength=4) for column in codes.reshape(copies, -1).T])
    # 0.025 is over four standard errors of 8,000 draws; a wrong equilibrium differs much more.
    np.testing.assert_allclose(counts / copies, motif.matrix_W4, rtol=0, atol=0.025)


@pytest.mark.parametrize('minus', [False, True])
def test_coding_sequence_follows_its_codon_usage_and_never_stops(minus):
    rng = np.random.default_rng(1)
    count = 6_000
    leucine = np.full(count, genes.AMINO_ACIDS.index('L'))
    segment = segments.plain(
        genes.bases_of(leucine).reshape(-1), segments.Constraint.CODING, rigid=True
    )
    codons = np.arange(3 * count).reshape(-1, 3)
    segment = dataclasses.replace(segment, codons=codons, on_minus=np.zeros(count, bool))
    segment = segments.reverse_complement(segment) if minus else segment
    segment = evolve._substitute(rng, segment, 12.0)
    frequency = np.bincount(_coding(segment) @ np.array([16, 4, 1]), minlength=64) / count
    usage = genes.codon_usage()
    assert frequency[usage == 0].sum() == 0
    # 12 substitutions per site at 12 % acceptance: synonymous ratios reach equilibrium long before
    # amino acid frequencies.
    family = [codon for codon in range(64) if genes.AMINO_ACIDS[codon] == 'L']
    np.testing.assert_allclose(
        frequency[family] / frequency[family].sum(),
        usage[family] / usage[family].sum(),
        rtol=0,
        atol=0.05,
    )


def test_neutral_rate_is_the_branch_length_and_transitions_dominate():
    rng = np.random.default_rng(2)
    start = segments.plain(rng.choice(4, 300_000, p=evolve.EQUILIBRIUM).astype(np.uint8))
    start = dataclasses.replace(
        start, constraint=np.full(len(start), segments.Constraint.ISLAND, np.uint8)
    )
    end = evolve._substitute(rng, start, 0.05)
    changed = start.codes != end.codes
    assert 0.03 < changed.mean() < 0.05  # islands reject some proposals that lower GC
    transitions = ((start.codes ^ end.codes) == 2)[changed].mean()
    assert 0.6 < transitions < 0.75
    free = dataclasses.replace(start, constraint=np.zeros(len(start), np.uint8))
    decayed = evolve._substitute(rng, free, 0.05)
    cpg = np.flatnonzero((start.codes[:-1] == 1) & (start.codes[1:] == 2))
    other = np.setdiff1d(np.flatnonzero(start.codes == 1), cpg)
    lost = [(decayed.codes[positions] != 1).mean() for positions in (cpg, other)]
    assert 3.5 < lost[0] / lost[1] < 6
    assert (decayed.codes[other] != 1).mean() == pytest.approx(0.05, abs=0.015)


def test_fixed_bases_do_not_change_and_rigid_bases_have_no_indels():
    segment = segments.join([_gene(4), segments.plain(np.tile(np.arange(4, dtype=np.uint8), 500))])
    library = repeats.families(np.random.default_rng(0))
    after = evolve.evolve_branch(np.random.default_rng(1), segment, 0.3, library)
    assert (segment.constraint == segments.Constraint.FIXED).sum() == (
        after.constraint == segments.Constraint.FIXED
    ).sum()
    np.testing.assert_array_equal(
        segment.codes[segment.constraint == segments.Constraint.FIXED],
        after.codes[after.constraint == segments.Constraint.FIXED],
    )
    assert after.rigid.sum() == segment.rigid.sum()
    assert len(after) > len(segment)
    assert 'repeat_region' in [label.kind for label in after.labels]
