"""Scores of whole windows equal what the model says of each window alone."""

import numpy as np
import pytest

from genojax import errors, genome
from genojax.inference.model import Model
from genojax.variants import effects, scorer, windows
from genojax.variants.alleles import Edit
from tests.variants.conftest import WINDOW


def indels(contig):
    text = ''.join('ACGTN'[code] for code in contig)
    deletion = genome.Variant('c', 60, text[60:63], text[60])
    insertion = genome.Variant('c', 90, text[90], text[90] + 'GATTA')
    delins = genome.Variant('c', 120, text[120:122], {'A': 'CGT'}.get(text[120], 'AGT'))
    return [deletion, insertion, delins]


@pytest.mark.parametrize('name', ['kmer', pytest.param('bpe', marks=pytest.mark.slow)])
def test_pll_is_the_difference_of_two_pseudo_log_likelihoods(name, model_of, contig):
    model = model_of(name)
    scored = scorer.VariantScorer(model, window=WINDOW, pll_masks=5)
    variants = indels(contig)
    result = scored.score(variants, {'c': contig})
    assert np.isnan(result.values['LLR']).all()
    for variant, pll in zip(variants, result.values['PLL'], strict=True):
        planned = scored.plan(contig, variant.position, variant.reference, variant.alternate)
        strands = []
        for pair in (planned.pair, planned.pair.reverse_complement()):
            assert len(pair.alternate_L) == len(pair.reference_L) == WINDOW
            both = model.log_likelihood([pair.alternate_L, pair.reference_L], mask=5)
            assert both.scored_N[0] == both.scored_N[1]
            strands.append(both.total_N[0] - both.total_N[1])
        assert pll == pytest.approx(np.mean(strands), rel=1e-5, abs=1e-5)


def test_n_in_the_context_takes_no_part_in_pll(model_of, contig):
    """The window with the deletion has one more N: totals are compared per scored base."""
    model = model_of('kmer')
    end = 150 + WINDOW // 2 - 20  # the window of the reference ends at the first N
    pair = windows.cut(
        contig, Edit(end - WINDOW // 2, 'ACGT'[contig[end - WINDOW // 2]], ''), WINDOW
    )
    both = model.log_likelihood([pair.alternate_L, pair.reference_L], mask=5)
    assert both.scored_N.tolist() == [WINDOW - 1, WINDOW]
    (pll,) = effects.pseudo_log_likelihood(model, [pair], 5)
    assert pll == pytest.approx((both.total_N / both.scored_N) @ [WINDOW, -WINDOW], rel=1e-6)


def test_distance_is_that_of_the_embeddings_and_0_for_equal_windows(model_of, contig):
    model = model_of('kmer')
    scored = scorer.VariantScorer(model, window=WINDOW, scores=('distance',), both_strands=False)
    variant = indels(contig)[1]
    pair = scored.plan(contig, 90, variant.reference, variant.alternate).pair
    (distance,) = scored.score([variant], {'c': contig}).values['DISTANCE']
    vectors = model.embed([pair.alternate_L, pair.reference_L])
    assert distance == pytest.approx(np.linalg.norm(vectors[0] - vectors[1]), rel=1e-5)
    equal = windows.AllelePair(pair.reference_L, pair.reference_L, pair.offset, pair.edit)
    assert effects.embedding_distance(model, [equal]).tolist() == [0.0]


def test_track_differences_by_hand():
    """Coverage of a window is the number of C in each half (track 0), and 1 (track 1)."""

    def features(codes, output):
        assert output == 'tracks'
        for number, codes_L in enumerate(codes):
            halves = (codes_L.reshape(2, -1) == 1).sum(1)
            yield number, {'human': np.stack([halves, [1, 1]], axis=1).astype(np.float32)}, None

    source = object.__new__(Model)
    source.features = features
    reference = np.array([1, 0, 0, 0, 1, 1, 0, 0], np.uint8)
    alternate = np.array([1, 0, 0, 0, 1, 1, 1, 0], np.uint8)
    pair = windows.AllelePair(reference, alternate, 6, Edit(6, 'A', 'C'))
    ratio, norm = effects.track_differences(source, [pair] * 20)
    assert ratio == pytest.approx(np.full(20, np.log2(5 / 4) / 2))
    assert norm == pytest.approx(np.full(20, np.log2(4 / 3) / 2))


def test_default_masks_hide_15_percent(model_of):
    groups = {name: effects.default_groups(model_of(name)) for name in ('kmer', 'nucleotide')}
    assert groups == {'kmer': 20, 'nucleotide': 7}


def test_scores_that_overflow_are_refused_and_those_beside_n_have_a_state(model_of, contig):
    scored = scorer.VariantScorer(model_of('nucleotide'), window=WINDOW)
    near_n, known = (
        scored.plan(contig, i, 'ACGT'[contig[i]], 'CGTA'[contig[i]]).pair for i in (155, 60)
    )
    nothing, infinite = np.array([np.nan]), np.array([np.inf])
    scored._check_finite([near_n], {'LLR': nothing, 'PLL': nothing})
    for value in (nothing, infinite):
        with pytest.raises(errors.DamageError, match='of 1 of 1 alleles are NaN .* at base 61'):
            scored._check_finite([known], {'LLR': value, 'PLL': nothing})
