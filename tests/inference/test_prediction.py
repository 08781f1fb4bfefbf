"""Predictions of a head that another layer hands to a model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import errors
from genojax.inference import prediction
from tests.inference.test_model import NETWORK, random_model


def head(name, scale):
    """The share of known bases of a row of 8, times a parameter, and the rest."""

    def batch(rows):
        tokens = np.full((len(rows), 8), -1)
        for target, codes_L in zip(tokens, rows, strict=True):
            target[: len(codes_L)] = codes_L
        return {'tokens': tokens}

    def compute(params, extra, batch):
        share_B = params['heads'][name] * (batch['tokens'] >= 0).mean(1)
        return jnp.stack([share_B, 1 - share_B], axis=1)

    return prediction.TaskHead(
        name=name,
        kind='classes',
        names=('a', 'b'),
        params=np.float32(scale),
        read_row=lambda codes_L, **where: codes_L,
        batch=batch,
        compute=compute,
    )


@pytest.fixture
def model():
    result = random_model(NETWORK)
    heads = {name: head(name, scale) for name, scale in (('one', 1), ('half', 0.5))}
    result.read_heads = lambda: heads
    result.reader = dataclasses.replace(result.reader, batch_tokens=24)  # three rows per batch
    return result


def test_every_row_is_predicted_once_and_in_order(model):
    sequences = ['A' * length for length in (1, 8, 4, 2, 6)]  # the second batch is filled up
    one = model.predict(sequences, task='one')
    np.testing.assert_array_equal(one.values[:, 0] * 8, [1, 8, 4, 2, 6])
    assert one.classes == ['b', 'a', 'a', 'b', 'a'] and len(one) == 5
    half = model.predict(sequences, task='half')
    np.testing.assert_array_equal(half.values[:, 0] * 16, [1, 8, 4, 2, 6])
    assert dataclasses.replace(half, kind='values').classes is None


def test_probabilities_near_1_keep_the_order_of_the_scores():
    log_odds_N = np.linspace(-40, 40, 33, dtype=np.float32)
    p_NC = np.asarray(jax.nn.softmax(np.stack([0 * log_odds_N, log_odds_N, log_odds_N - 90], 1)))
    assert len(np.unique(p_NC[:, 1])) < 30  # in float32
    exact_NC = prediction._with_exact_greatest(p_NC)
    assert (np.diff(exact_NC[:-2, 1]) > 0).all() and (np.diff(exact_NC[2:, 0]) < 0).all()
    np.testing.assert_allclose(exact_NC, p_NC, atol=1e-7)
    np.testing.assert_allclose(exact_NC.sum(1), 1, rtol=1e-15)


def test_predictions_that_are_not_finite_are_refused(model):
    model.read_heads = lambda: {'one': head('one', np.nan)}
    with pytest.raises(errors.DamageError, match='of 5 of 5 rows are NaN or .* of sequence 1:'):
        model.predict(['A' * length for length in (1, 8, 4, 2, 6)])


def test_one_of_several_tasks_must_be_named(model):
    with pytest.raises(errors.UsageError, match=r'several tasks. Fix: --task=one \(or half\)'):
        model.predict(['ACGT'])
    with pytest.raises(errors.UsageError, match='has no task that predicts'):
        random_model(NETWORK).predict(['ACGT'])
