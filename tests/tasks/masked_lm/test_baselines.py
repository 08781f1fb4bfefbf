"""Markov models: entropy rates, smoothing, and the context that is read."""

import numpy as np
import pytest

from genojax import dna
from genojax.tasks.masked_lm import baselines


def _chain(rng, table, windows, length):
    """Sequence of an order-1 chain with rows `table`."""
    codes = np.zeros((windows, length), np.uint8)
    codes[:, 0] = rng.integers(0, 4, windows)
    for position in range(1, length):
        draw = rng.random((windows, 1))
        codes[:, position] = (draw > table[codes[:, position - 1]].cumsum(1)).sum(1).clip(0, 3)
    return codes


@pytest.fixture(scope='module')
def chain():
    table = np.array([[0.7, 0.1, 0.1, 0.1], [0.2, 0.2, 0.5, 0.1], [0.25] * 4, [0.1, 0.2, 0.3, 0.4]])
    codes = _chain(np.random.default_rng(0), table, 400, 256)
    return table, codes[:300], codes[300:]


def test_bits_reach_the_entropy_rate_of_the_chain(chain):
    table, train, test = chain
    stationary = np.linalg.matrix_power(table, 200)[0]
    rate = -(stationary[:, None] * table * np.log2(table)).sum()
    composition = -(stationary * np.log2(stationary)).sum()
    mask = np.ones(test.shape, bool)
    order0 = baselines.interval(*baselines.bits(baselines.fit(train, order=0), test, mask))
    order5 = baselines.interval(*baselines.bits(baselines.fit(train, order=5), test, mask))
    assert order0.value == pytest.approx(composition, abs=0.01)
    assert order5.low < rate + 0.02 and order5.value == pytest.approx(rate, abs=0.02)
    assert order5.high < order0.low


def test_every_context_has_probabilities_that_sum_to_one(chain):
    _, train, _ = chain
    model = baselines.fit(train[:3])
    for order, table in enumerate(model.probabilities):
        assert table.shape == (4**order, 4)
        assert np.allclose(table.sum(1), 1) and (table > 0).all()


def test_order_0_without_smoothing_is_the_composition_entropy(chain):
    _, train, _ = chain
    model = baselines.fit(train, order=0, strengths=(1e-9,))
    share = np.bincount(train.ravel(), minlength=4) / train.size
    total, count = baselines.bits(model, train, np.ones(train.shape, bool))
    assert total.sum() / count.sum() == pytest.approx(-(share * np.log2(share)).sum(), abs=1e-9)


def test_little_data_does_not_make_order_5_worse_than_order_0():
    """On independent bases tuned smoothing must fall back to the composition."""
    rng = np.random.default_rng(0)
    train, test = (rng.choice(4, (20, 128), p=[0.4, 0.1, 0.1, 0.4]).astype(np.uint8) for _ in 'ab')
    mask = np.ones(test.shape, bool)
    per_base = []
    for order in (0, 5):
        total, count = baselines.bits(baselines.fit(train, order=order), test, mask)
        per_base.append(total.sum() / count.sum())
    assert per_base[1] < per_base[0] + 0.02


def test_only_the_mask_is_scored_and_only_left_context_is_read(chain):
    _, train, test = chain
    model = baselines.fit(train)
    mask = np.zeros(test.shape, bool)
    mask[:, 100] = True
    total, count = baselines.bits(model, test, mask)
    assert (count == 1).all()
    changed = test.copy()
    changed[:, 101:] = 3 - changed[:, 101:]
    changed[:, :95] = 3 - changed[:, :95]
    assert (baselines.bits(model, changed, mask)[0] == total).all()
    changed[:, 95] = 3 - changed[:, 95]
    assert (baselines.bits(model, changed, mask)[0] != total).any()
    context = dna.kmer_indices(test[:, 95:100], 5)[:, 0]
    expected = -np.log2(model.probabilities[5][context, test[:, 100]])
    assert np.allclose(total, expected, rtol=1e-12)


def test_an_unknown_base_cuts_the_context(chain):
    _, train, _ = chain
    model = baselines.fit(train)
    codes = np.array([[0, 1, 4, 2, 3]], np.uint8)
    mask = np.array([[False, False, False, True, True]])
    total, _ = baselines.bits(model, codes, mask)
    expected = -np.log2(model.probabilities[0][0, 2]) - np.log2(model.probabilities[1][2, 3])
    assert total[0] == pytest.approx(expected)


def test_unknown_bases_cannot_be_scored(chain):
    model = baselines.fit(chain[1])
    with pytest.raises(ValueError, match='1 of the 2 bases to score are unknown'):
        baselines.bits(model, np.array([[0, 4]], np.uint8), np.ones((1, 2), bool))
    with pytest.raises(ValueError, match='no known base'):
        baselines.fit(np.full((5, 10), 4, np.uint8))


def test_padding_is_not_counted(chain):
    _, train, _ = chain
    padded = np.concatenate([train, np.zeros_like(train)], 1)
    valid = np.full(len(train), train.shape[1])
    assert baselines.fit(padded, valid).bases == baselines.fit(train).bases
    first, second = baselines.fit(padded, valid), baselines.fit(train)
    for a, b in zip(first.probabilities, second.probabilities, strict=True):
        assert (a == b).all()


def test_two_sides_cost_what_the_chain_allows_and_less_than_one(chain):
    """Single hidden bases of an order-1 chain: p(base | left, right) is known exactly."""
    table, train, test = chain
    fitted = baselines.fit_all(train)
    hidden = np.zeros(test.shape, bool)
    hidden[:, 10:-10:7] = True
    cost = {name: values.sum() / hidden.sum() for name, values in fitted.bits(test, hidden).items()}
    row, column = np.nonzero(hidden)
    left, base, right = (test[row, column + shift] for shift in (-1, 0, 1))
    joint = table[left] * table[:, right].T
    exact = -np.log2(joint[np.arange(len(base)), base] / joint.sum(1)).mean()
    assert cost['two_sided'] == pytest.approx(exact, abs=0.02)
    assert cost['two_sided'] < cost['order5'] - 0.05 and cost['order5'] < cost['order0']


def test_no_baseline_reads_a_hidden_base(chain):
    """Changing the bases that are hidden beside a base changes nothing of its bits."""
    _, train, test = chain
    fitted = baselines.fit_all(train)
    hidden = np.zeros(test.shape, bool)
    hidden[:, 50:60] = True
    other = test.copy()
    other[:, 50:54] = (other[:, 50:54] + 1) % 4
    other[:, 55:60] = (other[:, 55:60] + 2) % 4
    alone = np.zeros(test.shape, bool)
    alone[:, 54] = True
    rows = fitted.order5, fitted.backward
    for codes in (test, other):
        one = baselines.bits(rows[0], codes, alone, ~hidden)[0]
        two = baselines.two_sided_bits(*rows, codes, alone, ~hidden)[0]
        if codes is test:
            expected = one, two
    assert np.array_equal(one, expected[0]) and np.array_equal(two, expected[1])
    assert not np.array_equal(one, baselines.bits(rows[0], other, alone)[0])


def test_both_sides_are_the_same_for_a_sequence_and_its_mirror(chain):
    _, train, test = chain
    fitted = baselines.fit_all(train[:50])
    hidden = np.random.default_rng(1).random(test.shape) < 0.1
    forward = baselines.two_sided_bits(fitted.order5, fitted.backward, test, hidden, ~hidden)[0]
    mirror = test[:, ::-1], hidden[:, ::-1], ~hidden[:, ::-1]
    backward = baselines.two_sided_bits(fitted.backward, fitted.order5, *mirror)[0]
    assert np.allclose(forward, backward, atol=1e-9)
