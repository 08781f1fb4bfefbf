"""Stretches of DNA keep sequence, features and frames in step, and evolution keeps to its laws."""

import dataclasses

import numpy as np
import pytest

from genojax import dna
from genojax.simulate import background, evolve, genes, grammar, motifs, repeats, stretch
from genojax.simulate.stretch import Guard, Label


def _gene(seed=0):
    return genes.gene(np.random.default_rng(seed), grammar.DEFAULT, seed)


def _feature_texts(whole):
    texts = []
    for (start, end), label in zip(whole.spans.tolist(), whole.labels, strict=True):
        codes = whole.codes[start:end]
        codes = dna.reverse_complement(codes) if label.strand == '-' else codes
        texts.append((label.kind, dna.decode(codes)))
    return texts


def _coding(whole):
    """Codons as the ribosome reads them, [C, 3]."""
    codes = whole.codes[whole.codons]
    return np.where(whole.minus[:, None], 3 - codes, codes)


@pytest.mark.parametrize('seed', range(4))
def test_flip_changes_the_strand_and_nothing_else(seed):
    whole = _gene(seed)
    other = stretch.flip(whole)
    assert _feature_texts(other) == _feature_texts(whole)
    np.testing.assert_array_equal(_coding(other), _coding(whole))
    for field in dataclasses.fields(whole):
        again = getattr(stretch.flip(other), field.name)
        np.testing.assert_array_equal(again, getattr(whole, field.name))
    # The column of a base on the other strand gives its complement what its own column gave the base.
    odds = [np.where(w.rows >= 0, stretch.COLUMNS_R4[w.rows, w.codes], -1) for w in (whole, other)]
    np.testing.assert_array_equal(odds[0], odds[1][::-1])
    assert (odds[0] >= 0).any()


@pytest.mark.parametrize('seed', range(6))
def test_edits_move_everything_along(seed):
    rng = np.random.default_rng(seed)
    parts = [
        stretch.flip(_gene(9)) if seed % 2 else _gene(9),
        stretch.plain(rng.integers(0, 4, 500).astype(np.uint8)),
        _gene(3),
    ]
    whole = stretch.join(parts)
    places = stretch.open_sites(whole)
    at = np.sort(rng.choice(places, 12, replace=False))
    lengths = rng.integers(1, 40, 12)
    deleted = np.zeros(len(whole), bool)
    deleted[rng.choice(np.flatnonzero(~whole.rigid), 60, replace=False)] = True
    labels = [Label('repeat_region', '+', -1, str(i)) for i in range(12)]
    inserted = rng.integers(0, 4, lengths.sum()).astype(np.uint8)
    after = stretch.edit(
        whole, deleted=deleted, at=at, inserted=inserted, lengths=lengths, inserted_labels=labels
    )
    assert len(after) == len(whole) - 60 + lengths.sum()
    np.testing.assert_array_equal(_coding(after), _coding(whole))
    rigid = ('promoter', 'exon', 'CDS', 'TF_binding_site')
    before = [item for item in _feature_texts(whole) if item[0] in rigid]
    assert [item for item in _feature_texts(after) if item[0] in rigid] == before
    new = ''.join(text for kind, text in _feature_texts(after) if kind == 'repeat_region')
    assert new == dna.decode(inserted)
    for (start, end), label in zip(after.spans.tolist(), after.labels, strict=True):
        if label.kind == 'gene':
            inside = after.labels.index(dataclasses.replace(label, kind='mRNA'))
            assert (start, end) == tuple(after.spans[inside].tolist())


def test_a_feature_without_bases_is_dropped():
    whole = stretch.plain(np.zeros(10, np.uint8))
    whole = stretch.label(whole, [(2, 4, Label('repeat_region')), (4, 7, Label('gene'))])
    deleted = np.zeros(10, bool)
    deleted[2:5] = True
    none = np.zeros(0, np.int64)
    after = stretch.edit(
        whole, deleted=deleted, at=none, inserted=np.zeros(0, np.uint8), lengths=none
    )
    assert [label.kind for label in after.labels] == ['gene']
    assert after.spans.tolist() == [[2, 4]]


@pytest.mark.parametrize('name', ['TATA', 'AP1', 'GC_box'])
@pytest.mark.parametrize('minus', [False, True])
def test_sites_follow_their_matrix_however_long_the_branch(name, minus):
    motif = next(motif for motif in motifs.MOTIFS if motif.name == name)
    copies = 8_000
    rng = np.random.default_rng(0)
    drawn = background.draw(rng, np.tile(motif.matrix_W4, (copies, 1)))
    whole = stretch.plain(drawn, Guard.SITE, rigid=True)
    whole.rows[:] = np.tile(stretch.FIRST_ROW[name] + np.arange(motif.width), copies)
    whole = stretch.flip(whole) if minus else whole
    after = evolve._substitute(rng, whole, 6.0)
    assert (after.codes != whole.codes).mean() > 0.15, 'the test needs substitutions'
    codes = stretch.flip(after).codes if minus else after.codes
    seen = np.stack([np.bincount(column, minlength=4) for column in codes.reshape(copies, -1).T])
    # 0.025 is over four standard errors of 8,000 draws and far less than a wrong equilibrium would be off.
    np.testing.assert_allclose(seen / copies, motif.matrix_W4, rtol=0, atol=0.025)


@pytest.mark.parametrize('minus', [False, True])
def test_coding_sequence_follows_its_codon_usage_and_never_stops(minus):
    rng = np.random.default_rng(1)
    count = 6_000
    leucine = np.full(count, genes.AMINO_ACIDS.index('L'))
    whole = stretch.plain(genes.bases_of(leucine).reshape(-1), Guard.CODING, rigid=True)
    codons = np.arange(3 * count).reshape(-1, 3)
    whole = dataclasses.replace(whole, codons=codons, minus=np.zeros(count, bool))
    whole = stretch.flip(whole) if minus else whole
    whole = evolve._substitute(rng, whole, 12.0)
    seen = np.bincount(_coding(whole) @ np.array([16, 4, 1]), minlength=64) / count
    usage = genes.codon_usage()
    assert seen[usage == 0].sum() == 0
    # 12 substitutions a site at 12 % acceptance: the synonymous ratios settle long before the amino acids do.
    family = [codon for codon in range(64) if genes.AMINO_ACIDS[codon] == 'L']
    np.testing.assert_allclose(
        seen[family] / seen[family].sum(), usage[family] / usage[family].sum(), rtol=0, atol=0.05
    )


def test_neutral_rate_is_the_branch_length_and_transitions_lead():
    rng = np.random.default_rng(2)
    start = stretch.plain(rng.choice(4, 300_000, p=evolve.EQUILIBRIUM).astype(np.uint8))
    start = dataclasses.replace(start, guard=np.full(len(start), Guard.ISLAND, np.uint8))
    end = evolve._substitute(rng, start, 0.05)
    changed = start.codes != end.codes
    assert 0.03 < changed.mean() < 0.05  # some proposals are refused where GC is favoured
    transitions = ((start.codes ^ end.codes) == 2)[changed].mean()
    assert 0.6 < transitions < 0.75
    free = dataclasses.replace(start, guard=np.zeros(len(start), np.uint8))
    decayed = evolve._substitute(rng, free, 0.05)
    cpg = np.flatnonzero((start.codes[:-1] == 1) & (start.codes[1:] == 2))
    other = np.setdiff1d(np.flatnonzero(start.codes == 1), cpg)
    lost = [(decayed.codes[where] != 1).mean() for where in (cpg, other)]
    assert 3.5 < lost[0] / lost[1] < 6
    assert (decayed.codes[other] != 1).mean() == pytest.approx(0.05, abs=0.015)


def test_fixed_bases_never_change_and_indels_spare_what_is_rigid():
    whole = stretch.join([_gene(4), stretch.plain(np.tile(np.arange(4, dtype=np.uint8), 500))])
    library = repeats.families(np.random.default_rng(0))
    after = evolve.along(np.random.default_rng(1), whole, 0.3, library)
    assert (whole.guard == Guard.FIXED).sum() == (after.guard == Guard.FIXED).sum()
    np.testing.assert_array_equal(
        whole.codes[whole.guard == Guard.FIXED], after.codes[after.guard == Guard.FIXED]
    )
    assert after.rigid.sum() == whole.rigid.sum()
    assert len(after) > len(whole)
    assert 'repeat_region' in [label.kind for label in after.labels]
