"""Outputs do not depend on padding, on the rows beside, on the order or on the number of devices."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import dna, models, sharding, tokenizers
from genojax.inference import embedding, predict
from genojax.models import bert, hierarchical
from genojax.nn import self_attention

TINY = {'width': 8, 'depth': 1, 'heads': 2, 'inner': 16}
BIGBIRD = self_attention.AttentionConfig(kind='bigbird', block=4)
MODELS = {
    'bert': (
        bert.BertConfig(vocab=69, max_tokens=64, **TINY),
        tokenizers.TokenizerConfig('kmer', 3),
    ),
    'rotary': (
        bert.BertConfig(
            vocab=4107,
            pad_id=1,
            positions='rotary',
            attention=self_attention.AttentionConfig(kind='local', window=4),
            **TINY,
        ),
        tokenizers.TokenizerConfig('nonoverlapping', 6, 'v2'),
    ),
    'hierarchical': (
        hierarchical.HierarchicalConfig(
            vocab=10,
            chunks=2,
            chunk=32,
            width=8,
            heads=2,
            inner=8,
            before=1,
            cross=1,
            after=0,
            attention=self_attention.AttentionConfig(kind='full'),
        ),
        tokenizers.TokenizerConfig('nucleotide', 1),
    ),
    'bigbird': (
        bert.BertConfig(vocab=10, max_tokens=512, attention=BIGBIRD, **TINY),
        tokenizers.TokenizerConfig('nucleotide', 1),
    ),
    # as published: full attention up to 44 tokens
    'hf_eval': (
        bert.BertConfig(
            vocab=10,
            max_tokens=512,
            attention=dataclasses.replace(BIGBIRD, plan='hf_eval'),
            length_multiple=4,
            **TINY,
        ),
        tokenizers.TokenizerConfig('nucleotide', 1),
    ),
    'hierarchical_bigbird': (
        hierarchical.HierarchicalConfig(
            vocab=10,
            chunks=2,
            chunk=128,
            width=8,
            heads=2,
            inner=8,
            before=1,
            cross=1,
            after=0,
            attention=BIGBIRD,
        ),
        tokenizers.TokenizerConfig('nucleotide', 1),
    ),
}


def sequences(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.choice(5, n, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for n in lengths]


def made(name):
    """A model, its parameters, how it reads."""
    config, tokenizer = MODELS[name]
    model = models.build(config)
    variables = meta.unbox(jax.jit(model.init)(jax.random.key(1), jnp.full((1, 8), 7)))
    noisy = jax.tree.map(
        lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape), variables['params']
    )
    return model, noisy, embedding.reading_of(config, tokenizers.make(tokenizer), 0)[0]


def pooled(predictor, params, reading, asked, **options):
    found = np.zeros((len(asked), 0))
    parts = list(predict.by_length(asked, reading, **options))
    outputs = predictor(params, {}, [part.batch for part in parts])
    for part, output in zip(parts, outputs, strict=True):
        if not found.size:
            found = np.full((len(asked), output['pooled'].shape[1]), np.nan, np.float32)
        found[part.numbers] = output['pooled'][: len(part.numbers)]
    return found


@pytest.mark.parametrize('name', MODELS)
def test_a_row_is_what_it_is_alone_and_unpadded(name):
    model, params, reading = made(name)
    asked = sequences(20, 60, 9, 20)
    predictor = predict.Predictor(model)
    together = pooled(predictor, params, reading, asked, rows=4)
    ids = jnp.asarray(reading.tokens(asked[0])[0])[None]
    alone = jax.jit(model.apply)({'params': params}, ids).pooled_BD[0]
    np.testing.assert_allclose(together[0], alone, rtol=1e-5, atol=1e-5)
    if 'bigbird' in name or name == 'hf_eval':  # who sees whom depends on the length
        for length in (36, 42, 43, 70, 80):
            (codes,) = sequences(length)
            ids = jnp.asarray(reading.tokens(codes)[0])[None]
            alone = jax.jit(model.apply)({'params': params}, ids).pooled_BD[0]
            found = pooled(predictor, params, reading, [codes])[0]
            np.testing.assert_allclose(found, alone, rtol=1e-5, atol=1e-5)
    backwards = pooled(predictor, params, reading, asked[::-1], rows=4)[::-1]
    np.testing.assert_allclose(backwards, together, rtol=1e-5, atol=1e-5)
    assert np.abs(together[0] - together[3]).max() > 1e-3  # other bases, same length


def test_eight_devices_give_what_one_gives_and_each_shape_is_compiled_once():
    model, params, reading = made('bert')
    asked = sequences(*range(25, 40))
    mesh = sharding.make_mesh(sharding.MeshConfig())
    assert mesh.size == 8
    many, one = predict.Predictor(model, mesh=mesh), predict.Predictor(model)
    eight = pooled(many, params, reading, asked, rows=8, ways=8)
    np.testing.assert_allclose(eight, pooled(one, params, reading, asked, rows=8), atol=1e-5)
    shapes = {part.batch['tokens'].shape for part in predict.by_length(asked, reading, 8, 8)}
    assert many._call._cache_size() == len(shapes)
    pooled(many, params, reading, asked[::2], rows=8, ways=8)
    assert many._call._cache_size() == len(shapes)


def test_every_sequence_is_in_one_batch_and_lengths_are_few():
    reading = predict.Reading(tokenizers.make(tokenizers.TokenizerConfig('nucleotide', 1)))
    asked = sequences(*np.random.default_rng(0).integers(1, 3000, 300))
    numbers, shapes = [], set()
    for part in predict.by_length(asked, reading):
        tokens, valid = part.batch['tokens'], part.batch['valid']
        shapes.add(tokens.shape[1])
        numbers += part.numbers.tolist()
        for row, number in enumerate(part.numbers):
            assert valid[row] == len(asked[number])
            text = dna.decode(asked[number])
            assert reading.tokenizer.decode(tokens[row]) == text
        assert tokens.shape[1] <= max(16, 1.5 * (valid.max() + 2))
        assert (tokens[len(part.numbers) :] == tokens[len(part.numbers) - 1]).all()
    assert sorted(numbers) == list(range(300))
    assert len(shapes) <= 17


def test_a_window_holds_its_sequence_in_the_middle():
    tokenizer = tokenizers.make(tokenizers.TokenizerConfig('nucleotide', 1))
    reading = predict.Reading(tokenizer, window=16)
    ids, spans = reading.tokens(dna.encode('ACGTA'))
    assert ids.tolist() == [0] * 5 + [5, 6, 7, 8, 5] + [0] * 6
    assert spans[5].tolist() == [0, 1] and spans[9].tolist() == [4, 5]


def test_an_unknown_output_is_refused():
    model, params, _ = made('bert')
    with pytest.raises(ValueError, match='pooledd'):
        next(predict.Predictor(model)(params, {}, [], ('pooledd',)))
