"""The promoter grammar: its likelihood is exact, and its task has the intended difficulty."""

import dataclasses
import itertools

import numpy as np
import pytest

from genojax import dna, metrics
from genojax.simulate import background, grammar, likelihood, motifs

LENGTH = 6
TINY = grammar.Grammar(
    upstream=3,
    length=LENGTH,
    classes=(
        grammar.PromoterClass(
            'one',
            0.6,
            background.GENOME,
            (
                grammar.Slot('x', 0.7, ((-3, 0.25), (-2, 0.75))),
                grammar.Slot('y', 0.9, ((0, 1.0),)),
            ),
        ),
        grammar.PromoterClass(
            'two', 0.4, background.ISLAND, (grammar.Slot('y', 0.5, ((-1, 0.5), (0, 0.5))),)
        ),
    ),
    negatives=((background.GENOME, 0.7), (background.ISLAND, 0.3)),
    decoys=(('x', 0.2), ('y', 0.15)),
    library=(motifs.Motif('x', 'TA'), motifs.Motif('y', 'GRC', 0.7)),
)
ALL_WINDOWS = np.array(list(itertools.product(range(4), repeat=LENGTH)), np.uint8)


@pytest.mark.parametrize('log_model', [likelihood.log_promoter, likelihood.log_negative])
def test_probabilities_of_all_windows_sum_to_one(log_model):
    assert np.exp(log_model(TINY, ALL_WINDOWS)).sum() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(
    ('sample', 'log_model'),
    [
        (grammar.sample_promoters, likelihood.log_promoter),
        (grammar.sample_negatives, likelihood.log_negative),
    ],
)
def test_samples_follow_the_likelihood(sample, log_model):
    count = 400_000
    codes_NL = sample(TINY, np.random.default_rng(3), count).codes_NL
    counts = np.bincount(codes_NL.astype(int) @ 4 ** np.arange(LENGTH)[::-1], minlength=4**LENGTH)
    expected = count * np.exp(log_model(TINY, ALL_WINDOWS))
    # The sum of (counts - expected)^2 / expected has mean 4^6 - 1 and, as most cells are small, a
    # standard deviation near sqrt(2 * 4^6).
    statistic = ((counts - expected) ** 2 / expected).sum()
    cells = 4**LENGTH - 1
    spread = np.sqrt(2 * cells + (1 / expected).sum())
    assert abs(statistic - cells) < 5 * spread


def _brute_negative(codes: np.ndarray) -> float:
    """P(window | negatives) by enumerating all placements of decoys, base by base."""
    total = 0.0
    for chain, share in TINY.negatives:
        per_base = np.exp(chain.conditionals(codes[None]))[0]

        def sum_from(start: int, per_base=per_base) -> float:
            if start == LENGTH:
                return 1.0
            result, stay = 0.0, 1.0
            for name, rate in TINY.decoys:
                matrix = TINY.motif(name).matrix_W4
                if start + len(matrix) <= LENGTH:
                    bases = codes[start : start + len(matrix)]
                    fits = np.prod(matrix[np.arange(len(matrix)), bases])
                    result += rate * fits * sum_from(start + len(matrix))
                    stay -= rate
            return result + stay * per_base[start] * sum_from(start + 1)

        total += share * sum_from(0)
    return total


def _brute_promoter(codes: np.ndarray) -> float:
    """P(window | promoters) by enumerating class, presence and start of every site."""
    total = 0.0
    for promoter_class in TINY.classes:
        per_base = np.exp(promoter_class.background.conditionals(codes[None]))[0]
        choices = [
            [(1 - slot.presence, None, None)]
            + [(slot.presence * share, slot.motif, TINY.upstream + at) for at, share in slot.starts]
            for slot in promoter_class.slots
        ]
        for layout in itertools.product(*choices):
            emission, probability = per_base.copy(), promoter_class.weight
            for share, name, start in layout:
                probability *= share
                if name is not None:
                    matrix = TINY.motif(name).matrix_W4
                    columns = np.arange(len(matrix))
                    emission[start + columns] = matrix[columns, codes[start + columns]]
            total += probability * np.prod(emission)
    return total


def test_likelihood_ratio_equals_enumeration():
    windows = ALL_WINDOWS[np.random.default_rng(0).choice(len(ALL_WINDOWS), 60, replace=False)]
    expected = [np.log(_brute_promoter(codes) / _brute_negative(codes)) for codes in windows]
    np.testing.assert_allclose(
        likelihood.log_likelihood_ratio(TINY, windows), expected, rtol=0, atol=1e-9
    )


@pytest.fixture(scope='module')
def windows():
    rng = np.random.default_rng(11)
    count = 12_000
    codes_NL = np.concatenate(
        [
            grammar.sample_promoters(grammar.DEFAULT, rng, count).codes_NL,
            grammar.sample_negatives(grammar.DEFAULT, rng, count).codes_NL,
        ]
    )
    labels = np.repeat([1, 0], count)
    return codes_NL, labels, likelihood.log_likelihood_ratio(grammar.DEFAULT, codes_NL)


def test_likelihood_ratio_is_calibrated(windows):
    _, labels, ratio = windows
    probability = 1 / (1 + np.exp(-ratio))
    edges = [0, 0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 0.97, 0.999, 1]
    for low, high in itertools.pairwise(edges):
        in_bin = (low <= probability) & (probability < high)
        assert in_bin.sum() > 50, f'too few windows in {low}-{high}'
        deviation = np.sqrt((probability * (1 - probability))[in_bin].sum())
        error = labels[in_bin].sum() - probability[in_bin].sum()
        assert abs(error) < 4 * deviation + 1, f'{low}-{high}: wrong by {error:.1f} windows'


def test_task_is_of_intermediate_difficulty(windows):
    codes_NL, labels, ratio = windows
    assert 0.94 < metrics.auroc(labels, ratio) < 0.97
    gc_N = ((codes_NL == 1) | (codes_NL == 2)).mean(axis=1)
    assert metrics.auroc(labels, gc_N) < 0.75


def test_positions_are_more_informative_than_counts(windows):
    """Naive Bayes on (position, base) beats that on 4-mer counts; the ceiling is above both."""
    codes_NL, labels, ratio = windows
    train = np.random.default_rng(0).random(len(labels)) < 0.5
    one_hot = dna.one_hot(codes_NL).reshape(len(labels), -1)
    kmers = dna.kmer_indices(codes_NL, 4)
    counts = np.zeros((len(labels), 256), np.float32)
    np.add.at(counts, (np.arange(len(labels))[:, None], kmers), 1)
    scores = {}
    for name, features in (('positions', one_hot), ('counts', counts)):
        rate = [features[train & (labels == label)].mean(axis=0) + 1e-3 for label in (0, 1)]
        weights = np.log(rate[1] / rate[0]) - (
            np.log((1 - rate[1]) / (1 - rate[0])) if name == 'positions' else 0
        )
        scores[name] = metrics.auroc(labels[~train], (features @ weights)[~train])
    assert (
        scores['counts'] + 0.05 < scores['positions'] < metrics.auroc(labels[~train], ratio[~train])
    )


def test_overlapping_slots_are_refused():
    crowded = dataclasses.replace(
        TINY.classes[0],
        slots=(grammar.Slot('x', 0.7, ((-3, 1.0),)), grammar.Slot('y', 0.9, ((-2, 1.0),))),
    )
    with pytest.raises(ValueError, match='may overlap'):
        dataclasses.replace(TINY, classes=(crowded, TINY.classes[1]))


def test_unknown_base_has_no_likelihood():
    windows = ALL_WINDOWS[:2].copy()
    windows[1, 3] = dna.UNKNOWN
    with pytest.raises(ValueError, match='unknown base'):
        likelihood.log_likelihood_ratio(TINY, windows)
