"""Attributions add up, equal a loop over finite differences, and shuffles keep dinucleotides."""

import collections
import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from genojax import dna, errors, tokenizers
from genojax.inference import prediction
from genojax.interpret import attribution, first_layer, shuffle
from genojax.models import basset
from tests.interpret import conftest

SEQUENCES = [dna.encode('ACGTTGCATGANCATTAGACCA'), dna.encode('TTTTGACATACCAGG')]


def value_head(model, **options):
    """The pooled vector's projection: a number without a bound."""
    head = conftest.head_of(model, **options)

    def compute(params, extra, batch):
        return jnp.log(head.compute(params, extra, batch)[:, :1])

    return dataclasses.replace(head, kind='values', names=('v',), compute=compute)


@pytest.mark.parametrize(
    'kind', ['kmers', 'chunks', pytest.param('pieces', marks=pytest.mark.slow)]
)
def test_attributions_add_up_to_the_difference_of_outputs(kind, request):
    """Within 0.1 % of it with 16 points per line; and f(sequence) is what the model predicts."""
    model = request.getfixturevalue(kind)
    head = value_head(model, trim=1)
    results = attribution.integrated_gradients(model, head, SEQUENCES, backgrounds=3)
    expected = prediction.predict(model, head, [codes[1:-1] for codes in SEQUENCES]).values[:, 0]
    for result, output in zip(results, expected, strict=True):
        assert result.output == pytest.approx(output, abs=1e-6)
        difference = result.output - result.background
        assert abs(difference) > 1e-3
        assert abs(result.gap) < 1e-3 * abs(difference) + 1e-5
        np.testing.assert_allclose(np.nansum(result.values_L), difference + result.gap, atol=1e-5)
        assert np.flatnonzero(np.isnan(result.values_L)).tolist() == [0, len(result.codes_L) - 1]


def test_models_of_bases_are_explained_by_their_channels():
    """Basset: ReLU and max pooling bend the line, so the bound is 2 % with 64 points; N adds 0."""
    network = basset.BassetConfig(
        vocab=10, length=24, filters=(3,), windows=(5,), pools=(1,), hidden=(6,), targets=0,
        padding='same',
    )  # fmt: skip
    model = conftest.model_of(network, tokenizers.TokenizerConfig('nucleotide', 1))
    head = value_head(model, rows=24)
    (result,) = attribution.integrated_gradients(
        model, head, SEQUENCES[:1], backgrounds=2, steps=64
    )
    difference = result.output - result.background
    assert abs(result.gap) < 0.02 * abs(difference) + 1e-4
    assert result.values_L[SEQUENCES[0] == dna.UNKNOWN] == 0


def test_token_parts_are_divided_over_their_bases():
    spans = np.array([[-1, -1], [0, 3], [1, 4], [-1, -1]])
    parts = np.array([0.0, 3.0, 6.0, 0.0])
    np.testing.assert_allclose(attribution.to_bases(parts, spans, 5), [1, 3, 3, 2, 0])


def test_gradients_equal_finite_differences(kmers):
    """At the middle of one line, for each token by itself: no vmapped gradient is involved."""
    head = value_head(kmers)
    codes_L = SEQUENCES[1]
    batch = head.batch([codes_L])
    other = head.batch([codes_L[::-1].copy()])['tokens']
    batch |= {'background': other, 'share': np.array([0.5], np.float32)}
    batch = jax.tree.map(jnp.asarray, batch)
    params = {'model': kmers.params, 'heads': {'toy': head.params}}
    _, parts_BT = jax.jit(attribution._gradient_function(head))(params, {}, batch)
    layers = [kmers.params['words']['embedding'][tokens] for tokens in (batch['tokens'], other)]
    inputs = {k: v for k, v in batch.items() if k not in ('background', 'share')}
    point = (layers[0] + layers[1]) / 2

    @jax.jit
    def value(point):
        return first_layer.replaced(head, params, {}, inputs, lambda table, own: point)[1][0]

    for token in (1, 4, 9):
        step = jnp.zeros_like(point).at[:, token].set((layers[0] - layers[1])[:, token])
        slope = (value(point + 0.02 * step) - value(point - 0.02 * step)) / 0.04
        assert float(parts_BT[0, token]) == pytest.approx(float(slope), rel=0.02, abs=1e-4)


@pytest.mark.parametrize('kind', ['single', 'kmers', 'pieces'])
def test_what_every_base_would_add_equals_substitutions_in_a_linear_model(kind, request):
    """A token's part is divided over its k bases, so k times the change is the substitution's."""
    model = request.getfixturevalue(kind)
    k = model.tokenizer.bases_per_token
    codes_L = SEQUENCES[1]
    weight_TD = np.random.default_rng(4).standard_normal((64, 4)).astype(np.float32)

    class Linear(nn.Module):
        @nn.compact
        def __call__(self, tokens_BT):
            vectors_BTD = nn.Embed(model.tokenizer.vocab_size, 4, name='words')(tokens_BT)
            return jnp.einsum('BTD,TD->B', vectors_BTD, weight_TD[: tokens_BT.shape[1]])[:, None]

    network = Linear()
    params = jax.jit(network.init)(jax.random.key(0), jnp.zeros((1, 8), jnp.int32))
    head = dataclasses.replace(
        value_head(model, rows=len(codes_L)),
        compute=lambda _params, _extra, batch: network.apply(params, batch['tokens']),
    )
    (result,) = attribution.integrated_gradients(
        model, head, [codes_L], backgrounds=2, steps=1, every_base=True
    )
    every_L4 = result.bases_L4
    np.testing.assert_array_equal(every_L4[np.arange(15), codes_L], result.values_L)
    for place in (2, 7, 11):
        for base in range(4):
            mutant_L = codes_L.copy()
            mutant_L[place] = base
            pair = prediction.predict(model, head, [codes_L, mutant_L]).values[:, 0]
            change = every_L4[place, base] - every_L4[place, codes_L[place]]
            assert k * change == pytest.approx(pair[1] - pair[0], abs=1e-4)


def test_every_base_of_one_hot_channels_and_of_unknown_bases():
    network = basset.BassetConfig(
        vocab=10, length=24, filters=(3,), windows=(5,), pools=(1,), hidden=(6,), targets=0,
        padding='same',
    )  # fmt: skip
    model = conftest.model_of(network, tokenizers.TokenizerConfig('nucleotide', 1))
    (result,) = attribution.integrated_gradients(
        model, value_head(model, rows=24), SEQUENCES[:1], backgrounds=2, steps=2, every_base=True
    )
    known = np.flatnonzero(SEQUENCES[0] < 4)
    np.testing.assert_array_equal(
        result.bases_L4[known, SEQUENCES[0][known]], result.values_L[known]
    )
    assert (result.bases_L4[SEQUENCES[0] == dna.UNKNOWN] == 0).all()
    assert (np.abs(result.bases_L4[known]).max(1) > 0).all()


def test_shuffles_keep_dinucleotides_and_unknown_bases():
    rng = np.random.default_rng(0)
    for length in (1, 3, 5, 40, 200):
        codes = rng.integers(0, 4, length).astype(np.uint8)
        codes[rng.random(length) < 0.05] = dna.UNKNOWN
        mixed = shuffle.dinucleotides(codes, rng)
        before, after = (
            collections.Counter(zip(x[:-1].tolist(), x[1:].tolist(), strict=True))
            for x in (codes, mixed)
        )
        assert before == after
        np.testing.assert_array_equal(codes == dna.UNKNOWN, mixed == dna.UNKNOWN)
    assert (shuffle.dinucleotides(codes, rng) != mixed).any()


def test_all_shuffles_of_a_short_sequence_occur_equally_often():
    """AACAGA has the Eulerian paths AACAGA, AAGACA, ACAAGA, ACAGAA, AGAACA, AGACAA, alike."""
    rng = np.random.default_rng(1)
    drawn = collections.Counter(
        dna.decode(shuffle.dinucleotides(dna.encode('AACAGA'), rng)) for _ in range(1200)
    )
    expected = {'AACAGA', 'AAGACA', 'ACAAGA', 'ACAGAA', 'AGAACA', 'AGACAA'}
    assert set(drawn) == expected
    assert all(140 <= number <= 260 for number in drawn.values())


def test_a_model_without_a_known_first_layer_is_refused(kmers):
    head = dataclasses.replace(
        value_head(kmers), compute=lambda params, extra, batch: jnp.zeros((1, 1))
    )
    with pytest.raises(errors.UsageError, match='Fix: genojax interpret mutagenesis'):
        attribution.integrated_gradients(kmers, head, SEQUENCES[:1])
