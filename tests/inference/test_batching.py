"""A row's result does not depend on padding, other rows, their order or the number of devices."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import dna, errors, models, tokenizers
from genojax.inference import batching, pretrained
from genojax.inference.model import Model
from genojax.models import bert, hierarchical, input_spec
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
    # As published: full attention up to 44 tokens.
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

# A pattern that depends on the length; the rest is slow.
SOME = ('bigbird',)
REST = sorted(set(MODELS) - set(SOME))


def sequences(*lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.choice(5, n, p=[0.24, 0.24, 0.24, 0.24, 0.04]).astype(np.uint8) for n in lengths]


@functools.cache
def small_model(name, devices=1):
    """A model with random parameters, on so many devices."""
    config, tokenizer = MODELS[name]

    @jax.jit
    def noisy(ids):
        params = meta.unbox(models.build(config).init(jax.random.key(1), ids))['params']
        return jax.tree.map(
            lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape), params
        )

    source = pretrained.PretrainedModel(
        config, tokenizer, noisy(jnp.full((1, 8), 7)), {}, {'kind': name}
    )
    model = Model(source, devices=jax.devices()[:devices])
    model.reader = dataclasses.replace(model.reader, batch_tokens=256)
    return model


def unbatched(model, codes_L):
    """The pooled vector of one sequence, alone and without padding."""
    ids = jnp.asarray(model.reader.row(codes_L).ids_T)[None]
    return jax.jit(model.module.apply)({'params': model.params}, ids).pooled_BD[0]


@pytest.mark.parametrize('name', [*SOME, *(pytest.param(n, marks=pytest.mark.slow) for n in REST)])
def test_a_row_is_bitwise_the_same_in_any_company_and_close_to_itself_unpadded(name):
    model = small_model(name)
    codes = sequences(20, 60, 9, 20)
    together = model.embed(codes)
    np.testing.assert_array_equal(model.embed(codes[::-1])[::-1], together)
    np.testing.assert_array_equal(model.embed(codes[:1]), together[:1])
    np.testing.assert_array_equal(model.embed([codes[0]] * 9), np.stack([together[0]] * 9))
    assert np.abs(together[0] - together[3]).max() > 1e-3  # other bases of the same length
    lengths = (20,)
    if 'bigbird' in name or name == 'hf_eval':  # what attends to what depends on the length
        lengths = (36, 43)
    for length in lengths:
        (codes_L,) = sequences(length)
        alone = unbatched(model, codes_L)
        np.testing.assert_allclose(model.embed([codes_L])[0], alone, rtol=1e-5, atol=1e-5)


def test_eight_devices_give_what_one_gives_and_each_shape_is_compiled_once():
    codes = sequences(*range(25, 40))
    one, eight = small_model('bert'), small_model('bert', 8)
    np.testing.assert_allclose(eight.embed(codes), one.embed(codes), atol=1e-5)
    rows = [eight.reader.row(codes_L) for codes_L in codes]
    shapes = {part.batch['tokens'].shape for part in batching.batches(rows, eight.reader)}
    assert all(shape[0] % 8 == 0 for shape in shapes)
    compiled = eight._features._cache_size()
    assert compiled == len(shapes)
    eight.embed(codes[::2])
    assert eight._features._cache_size() == compiled


def test_every_sequence_is_in_one_batch_and_lengths_are_few():
    tokenizer = tokenizers.make(tokenizers.TokenizerConfig('nucleotide', 1))
    reader = batching.RowReader(tokenizer, input_spec.InputSpec('tokens', 10))
    codes = sequences(*np.random.default_rng(0).integers(1, 3000, 300))
    numbers, shapes = [], set()
    for part in batching.batches((reader.row(codes_L) for codes_L in codes), reader):
        tokens, valid = part.batch['tokens'], part.batch['valid']
        shapes.add(tokens.shape)
        numbers += part.numbers.tolist()
        for row, number in enumerate(part.numbers):
            assert valid[row] == len(codes[number])
            assert tokenizer.decode(tokens[row]) == dna.decode(codes[number])
        assert tokens.shape[1] <= max(16, 1.5 * (valid.max() + 2))
        assert (tokens[len(part.numbers) :] == tokens[len(part.numbers) - 1]).all()
    assert sorted(numbers) == list(range(300))
    assert len(shapes) == len({width for _, width in shapes}) <= 17


def test_a_window_holds_its_sequence_in_the_middle():
    tokenizer = tokenizers.make(tokenizers.TokenizerConfig('nucleotide', 1))
    reader = batching.RowReader(tokenizer, input_spec.InputSpec('bases', 10), window=16)
    row = reader.row(dna.encode('ACGTA'))
    assert row.ids_T.tolist() == [0] * 5 + [5, 6, 7, 8, 5] + [0] * 6
    assert row.spans_T2[5].tolist() == [0, 1] and row.spans_T2[9].tolist() == [4, 5]
    with pytest.raises(errors.InputError, match='sequence 3: no bases'):
        reader.check(dna.encode(''), 'sequence 3')


def test_what_a_model_cannot_read_whole_is_refused_with_the_limit():
    model = small_model('bert')
    with pytest.raises(errors.InputError, match='sequence 1 has 80 bases: that is 80 tokens'):
        model.embed(['ACGT', 'ACGT' * 20])
    with pytest.raises(errors.InputError, match='sequence 0: 2 bases, fewer than a token'):
        model.embed(['AC'])
    with pytest.raises(errors.UsageError, match='must be a list'):
        model.embed('ACGT')
