"""Attention maps, logits, coverage tracks and public names of a model."""

import copy
import dataclasses
import functools
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

import genojax
from genojax import dna, errors, models, tokenizers
from genojax.inference import pretrained
from genojax.inference.model import Model
from genojax.models import bert, enformer
from genojax.nn import positions, self_attention

NUCLEOTIDE = tokenizers.TokenizerConfig('nucleotide', 1)
NETWORK = bert.BertConfig(
    vocab=10, width=8, depth=2, heads=2, inner=16, max_tokens=64, positions='rotary'
)
SEQUENCES = ['ACGTTGCATGGCA', 'TTGACATTAGGCATTACGATCAGCTA']


def random_model(network, length=8):

    @jax.jit
    def noisy(ids):
        variables = dict(meta.unbox(models.build(network).init(jax.random.key(1), ids)))
        params = jax.tree.map(
            lambda x: x + 0.2 * jax.random.normal(jax.random.key(x.size), x.shape),
            variables.pop('params'),
        )
        return params, variables

    params, variables = noisy(jnp.full((1, length), 7))
    source = pretrained.PretrainedModel(network, NUCLEOTIDE, params, variables, {'kind': 'test'})
    window = length if network.input_spec().bin else 0
    return Model(source, window=window, devices=jax.devices()[:1])


@pytest.mark.parametrize('kind', ['full', 'local'])
def test_attention_maps_equal_those_computed_by_hand(kind):
    attention = self_attention.AttentionConfig(kind=kind, window=3)
    model = random_model(dataclasses.replace(NETWORK, attention=attention))
    maps = model.attention(SEQUENCES)
    for sequence, weights in zip(SEQUENCES, maps, strict=True):
        count = len(sequence) + 2  # [CLS] and [SEP]
        assert weights.shape == (2, 2, count, count)
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)
        if kind == 'local':
            distance = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
            assert (weights[:, :, distance > 3] == 0).all()
    # The first layer by hand: its input is the sown embedding of the unpadded row.
    ids = jnp.asarray(model.reader.row(dna.encode(SEQUENCES[0])).ids_T)[None]
    apply = jax.jit(functools.partial(model.module.apply, mutable=['intermediates']))
    _, state = apply({'params': model.params}, ids)
    x_TD = np.asarray(state['intermediates']['embedded'][0])[0]
    layer = jax.tree.map(lambda p: p[0], model.params['layers']['block']['attention'])
    q_THK, k_THK = (
        np.einsum('TD,DHK->THK', x_TD, layer[name]['kernel']) + np.asarray(layer[name]['bias'])
        for name in ('query', 'key')
    )
    at = jnp.arange(len(x_TD), dtype=jnp.float32)[None]
    q_THK, k_THK = (positions.rotary(jnp.asarray(x[None]), at)[0] for x in (q_THK, k_THK))
    scores = np.array(jnp.einsum('THK,SHK->HTS', q_THK, k_THK)) / 2.0  # sqrt(K) = 2
    if kind == 'local':
        distance = np.abs(np.subtract.outer(np.arange(len(x_TD)), np.arange(len(x_TD))))
        scores = np.where(distance > 3, -np.inf, scores)
    by_hand = np.exp(scores - scores.max(-1, keepdims=True))
    by_hand /= by_hand.sum(-1, keepdims=True)
    np.testing.assert_allclose(maps[0][0], by_hand, atol=1e-5)


def test_layers_and_heads_are_chosen_by_number_and_checked():
    model = random_model(NETWORK)
    whole = model.attention(SEQUENCES[:1])[0]
    np.testing.assert_array_equal(
        model.attention(SEQUENCES[:1], layers=[1], heads=[1, 0])[0], whole[[1]][:, [1, 0]]
    )
    for options in ({'layers': [2]}, {'heads': [-1]}):
        with pytest.raises(errors.UsageError, match='are numbered 0 to 1'):
            model.attention(SEQUENCES, **options)


def test_logits_are_of_the_tokens_of_bases():
    model = random_model(NETWORK)
    logits = model.logits(SEQUENCES)
    assert [x.shape for x in logits] == [(len(sequence), 10) for sequence in SEQUENCES]
    ids = jnp.asarray(model.reader.row(dna.encode(SEQUENCES[0])).ids_T)[None]
    alone = jax.jit(model.module.apply)({'params': model.params}, ids).logits_BTV[0, 1:-1]
    np.testing.assert_allclose(logits[0], alone, atol=1e-5)
    tokens = model.embed(SEQUENCES, pool=None)
    assert [x.shape for x in tokens] == [(len(sequence), 8) for sequence in SEQUENCES]


def test_tracks_are_those_of_the_model_and_of_both_strands():
    network = enformer.EnformerConfig(
        width=12, depth=1, heads=2, key_width=4, basis=6, stages=2, multiple=2, crop=1,
        organisms=('human',), tracks=(2,),
    )  # fmt: skip
    model = random_model(network, 32)
    sequence = ''.join(np.random.default_rng(0).choice(list('ACGT'), 32))
    forward = model.tracks([sequence])['human']
    assert forward.shape == (1, 6, 2)
    reverse = model.tracks([dna.reverse_complement(dna.encode(sequence))])['human'][:, ::-1]
    both = model.tracks([sequence], both_strands=True)['human']
    np.testing.assert_allclose(both, (forward + reverse) / 2, rtol=1e-6)
    broken = copy.copy(model)
    broken.params = jax.tree.map(lambda x: x * np.float32(np.inf), model.params)
    with pytest.raises(errors.DamageError, match='of 1 of 1 rows are NaN .* of sequence 0'):
        broken.tracks([sequence])
    with pytest.raises(errors.UsageError, match='no language-model head'):
        model.log_likelihood([sequence])
    with pytest.raises(errors.UsageError, match='attention maps'):
        model.attention([sequence])


def test_arguments_that_are_not_sequences_or_options_are_refused():
    model = random_model(NETWORK)
    wrong = [
        ('not one string', lambda: model.embed('ACGT')),
        ('is empty', lambda: model.embed([])),
        ('sequence 1 is neither', lambda: model.embed(['ACGT', np.arange(4)])),
        ('sequence 0 is neither', lambda: model.logits([np.array([0, 5], np.uint8)])),
        ("sequence 0: 'X' at base 3 is not", lambda: model.embed(['ACXT'])),
        ('mask=0 must be', lambda: model.log_likelihood(['ACGT'], mask=0)),
    ]
    for words, call in wrong:
        with pytest.raises(errors.UsageError, match=words):
            call()


def test_public_names_are_listed_and_import_lazily():
    assert {'load', 'Model', 'Experiment', 'MaskedLmConfig'} <= set(dir(genojax))
    for name in dir(genojax):
        assert getattr(genojax, name) is not None
    with pytest.raises(AttributeError, match='no public name'):
        assert genojax.laod
    code = 'import sys, genojax; dir(genojax); assert "jax" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], check=True)
