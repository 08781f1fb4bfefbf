"""Rollout and the splice statistic, against slow loops and a hand-made head."""

import numpy as np
import pytest

from genojax import errors, metrics
from genojax.inference.model import Model
from genojax.interpret import attention, splice_sites
from tests.interpret.test_splice_sites import gene_annotation


def random_maps(shape, rng):
    maps = rng.random(shape)
    return maps / maps.sum(-1, keepdims=True)


def test_rollout_is_the_product_of_layers_with_residuals():
    maps = random_maps((3, 2, 5, 5), np.random.default_rng(0))
    rolled = attention.rollout(maps)
    expected = np.eye(5)
    for layer in maps:
        step = np.zeros((5, 5))
        for i in range(5):
            for j in range(5):
                step[i, j] = 0.5 * layer[:, i, j].mean() + 0.5 * (i == j)
        expected = step @ expected
    np.testing.assert_allclose(rolled, expected, atol=1e-6)
    np.testing.assert_allclose(rolled.sum(-1), 1, atol=1e-6)


def test_attention_between_sites_by_hand():
    """3-mers: the tokens that share a base with base 2 or 3 start at 0 to 3."""
    maps = random_maps((9, 9), np.random.default_rng(1))
    spans = np.array([[-1, -1], *([i, i + 3] for i in range(7)), [-1, -1]])
    score = attention.between_sites(maps, spans, np.array([2]), np.array([6]))
    expected = np.mean([[maps[i, j] for j in (5, 6, 7)] for i in (1, 2, 3, 4)], axis=0).sum()
    np.testing.assert_allclose(score, [[expected]], rtol=1e-6)


def test_share_below_is_the_auroc_times_the_positives():
    rng = np.random.default_rng(2)
    scores, label = rng.integers(0, 5, (2, 30)).astype(float), rng.random(30) < 0.3
    shares = attention.share_below(scores, label)
    expected = [metrics.auroc(label, row) * label.sum() for row in scores]
    np.testing.assert_allclose(shares, expected)


class HandMade(Model):
    """Head (1, 0) attends from every GT to the AG of its intron; the others at random."""

    def __init__(self, introns):
        self.introns, self.reader = introns, self

    def row(self, codes_L):
        class Row:
            spans_T2 = np.stack([np.arange(len(codes_L)), np.arange(len(codes_L)) + 1], 1)

        return Row

    def attention(self, sequences, layers=None, heads=None):
        return [self.maps(codes_L) for codes_L in sequences]

    def maps(self, codes_L):
        size = len(codes_L)
        maps = random_maps((2, 2, size, size), np.random.default_rng(int(codes_L[:200].sum())))
        for donor, acceptor in self.introns[codes_L.tobytes()]:
            maps[1, 0, donor : donor + 2, acceptor : acceptor + 2] += 10
        return maps / maps.sum(-1, keepdims=True)


def test_a_head_that_finds_acceptors_from_everywhere_knows_no_donors():
    """Decoys of the same acceptor tie with the intron; those of the same donor are below it."""
    donor, acceptor = (x.ravel() for x in np.meshgrid([5, 9, 30], [50, 70, 90], indexing='ij'))
    label = (donor == 9) & (acceptor == 70)
    pairs = splice_sites.SplicePairs(donor, acceptor, label)
    above, introns = attention._with_one_site(np.where(acceptor == 70, 0.9, 0.1)[None], pairs)
    assert introns == (1, 1)
    assert [float(part[0]) for part in above] == [1.0, 0.5]


def test_the_head_that_joins_introns_is_chosen_and_scores_one(tmp_path):
    contigs, source = gene_annotation(tmp_path, 40)
    windows, _ = splice_sites.windows(contigs, source, 400)
    model = HandMade({w.codes_L.tobytes(): w.introns_N2.tolist() for w in windows})
    result = attention.splice_attention(model, windows)
    assert result.chosen == (1, 0, 0)
    assert result.chosen_test == (1.0, 1.0, 1.0)
    others = np.delete(result.test.reshape(-1), np.ravel_multi_index((1, 0, 0), (2, 2, 2)))
    assert (abs(others - 0.5) < 0.25).all()
    assert result.introns[0] + result.introns[1] == sum(len(w.introns_N2) for w in windows)
    assert min(result.decoys) > 10 * max(result.introns)
    assert result.same_donor_test == result.same_acceptor_test == (1.0, 1.0, 1.0)
    assert result.best_heads(1) == ((1, 0),)
    assert len(result.training_genes) == 20
    back = attention.splice_attention(model, windows, direction='acceptor to donor')
    layer, head, direction = back.chosen
    assert direction == 1 and back.training[layer, head, 1] == result.training[..., 1].max()
    assert back.best_heads(4)[0] == (layer, head) != result.best_heads(4)[0]
    np.testing.assert_array_equal(back.training, result.training)
    with pytest.raises(errors.UsageError, match='3 genes have an intron'):
        attention.splice_attention(model, windows[:3])
