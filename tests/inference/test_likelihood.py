"""Log-likelihood of bases: equal to one forward pass per masked position and full marginalisation."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import dna, errors, models, tokenizers
from genojax.inference import likelihood, pretrained
from genojax.inference.model import Model
from genojax.models import basset, bert
from tests.tokenizers import files

TINY = {'width': 8, 'depth': 1, 'heads': 2, 'inner': 16, 'max_tokens': 64}
SEQUENCES = ['ACGTTGCATGGCA', 'ACGTNGCATTTACGATCGATT']


def tokenizer_config(name, folder):
    if name == 'bpe':
        file = files.write(folder / 'tokenizer.json')
        return tokenizers.TokenizerConfig('bpe', file=str(file))
    return {
        'kmer': tokenizers.TokenizerConfig('kmer', 3),
        'nucleotide': tokenizers.TokenizerConfig('nucleotide', 1),
        'nonoverlapping': tokenizers.TokenizerConfig('nonoverlapping', 6, 'v2'),
    }[name]


@functools.cache
def random_model(config):
    tokenizer = tokenizers.make(config)
    network = bert.BertConfig(vocab=tokenizer.vocab_size, pad_id=tokenizer.special.pad, **TINY)

    @jax.jit
    def noisy(ids):
        params = meta.unbox(models.build(network).init(jax.random.key(1), ids))['params']
        return jax.tree.map(
            lambda x: x + 0.3 * jax.random.normal(jax.random.key(x.size), x.shape), params
        )

    source = pretrained.PretrainedModel(network, config, noisy(jnp.full((1, 8), 7)), {}, {})
    return Model(source, devices=jax.devices()[:1])


@functools.cache
def forward(model):
    """The plain forward pass of rows of tokens, compiled."""
    return jax.jit(model.module.apply)


def probabilities(model, ids_T):
    """Softmax of the head's scores of one unpadded row, float64 [T, V]."""
    features = forward(model)({'params': model.params}, jnp.asarray(ids_T)[None])
    logits = np.asarray(features.logits_BTV[0], np.float64)[:, : model.tokenizer.vocab_size]
    p = np.exp(logits - logits.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)


def kmer_reference(model, sequence):
    """log2 p of each base: its tokens masked, their distributions over the base averaged."""
    tokenizer, k = model.tokenizer, model.tokenizer.bases_per_token
    ids_T, spans_T2 = tokenizer.encode_with_spans(dna.encode(sequence))
    result = np.full(len(sequence), np.nan)
    for base, letter in enumerate(sequence):
        covering = [
            t
            for t, (start, end) in enumerate(spans_T2)
            if 0 <= start <= base < end and 'N' not in sequence[start:end]
        ]
        if letter == 'N' or not covering:
            continue
        masked_T = ids_T.copy()
        masked_T[covering] = tokenizer.special.mask
        p_TV = probabilities(model, masked_T)
        shares = []
        for t in covering:
            start, offset = spans_T2[t, 0], base - spans_T2[t, 0]
            by_base = {}
            for other in 'ACGT':
                word = list(sequence[start : start + k])
                word[offset] = other
                (token,) = tokenizer.encode(''.join(word))
                by_base[other] = p_TV[t, token]
            shares.append(by_base[letter] / sum(by_base.values()))
        result[base] = np.log2(np.mean(shares))
    return result


def token_reference(model, sequence):
    """log2 p of each token among those that spell known bases, divided over its bases."""
    tokenizer = model.tokenizer
    ids_T, spans_T2 = tokenizer.encode_with_spans(dna.encode(sequence))
    result = np.full(len(sequence), np.nan)
    for t, (start, end) in enumerate(spans_T2):
        if start < 0 or not tokenizer.maskable[ids_T[t]]:
            continue
        masked_T = ids_T.copy()
        masked_T[t] = tokenizer.special.mask
        p_V = probabilities(model, masked_T)[t] * tokenizer.maskable
        result[start:end] = np.log2(p_V[ids_T[t]] / p_V.sum()) / (end - start)
    return result


@pytest.mark.parametrize('name', ['kmer', 'nucleotide', 'nonoverlapping', 'bpe'])
def test_each_base_equals_brute_force(name, tmp_path):
    model = random_model(tokenizer_config(name, tmp_path))
    reference = kmer_reference if model.tokenizer.overlapping else token_reference
    scored = model.log_likelihood(SEQUENCES)
    for sequence, values in zip(SEQUENCES, scored.per_base, strict=True):
        expected = reference(model, sequence)
        np.testing.assert_array_equal(np.isnan(values), np.isnan(expected))
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(scored.total_N, [np.nansum(x) for x in scored.per_base], rtol=1e-6)
    assert scored.scored_N.tolist() == [int(np.isfinite(x).sum()) for x in scored.per_base]
    alone = model.log_likelihood(SEQUENCES[1:])
    np.testing.assert_array_equal(alone.per_base[0], scored.per_base[1])


def test_groups_of_one_are_each_and_groups_hide_more():
    model = random_model(tokenizers.TokenizerConfig('kmer', 3))
    each, groups = (model.log_likelihood(SEQUENCES, mask=mask) for mask in ('each', 50))
    np.testing.assert_allclose(groups.total_N, each.total_N, rtol=1e-6)
    together = model.log_likelihood(SEQUENCES, mask=2)
    assert together.scored_N.tolist() == each.scored_N.tolist()
    assert np.abs(together.total_N - each.total_N).max() > 1e-3


def test_hidden_bases_are_unknown_and_every_scorable_base_is_hidden_once():
    model = random_model(tokenizers.TokenizerConfig('kmer', 3))
    for groups in (None, 4):
        row = model.reader.row(dna.encode(SEQUENCES[1]))
        rows = list(likelihood.masked_rows(row, 0, model.tokenizer, groups))
        hidden = np.stack([masked.target_L for masked in rows]).sum(0)
        assert hidden.tolist() == [letter != 'N' for letter in SEQUENCES[1]]
        for masked in rows:
            assert (masked.codes_L[masked.target_L] == dna.UNKNOWN).all()
            visible = [
                set(range(start, end))
                for (start, end), target in zip(masked.spans_T2, masked.target_T, strict=True)
                if start >= 0 and not target and masked.ids_T.size
            ]
            shown = set(itertools.chain(*visible)) & set(np.flatnonzero(masked.target_L))
            # Only k-mers with N, which are [UNK], may cover a hidden base.
            assert all('N' in SEQUENCES[1][max(0, b - 2) : b + 3] for b in shown)


def test_models_without_a_head_are_refused():
    tokenizer = tokenizers.TokenizerConfig('nucleotide', 1)
    network = basset.BassetConfig(vocab=10, targets=0)
    source = pretrained.PretrainedModel(network, tokenizer, {}, {}, {})
    with pytest.raises(errors.UsageError, match='no language-model head'):
        Model(source).log_likelihood(['ACGT'])


@pytest.mark.parametrize(
    'init_from,kinds,frozen,said',
    [
        ('runs/pretrain', {'classification'}, False, 'Those of runs/pretrain do not'),
        ('', {'regression'}, False, 'random numbers'),
        ('runs/pretrain', {'classification', 'masked_lm'}, False, ''),
        ('runs/pretrain', {'variant_effects'}, True, ''),
        ('', {'masked_lm'}, False, ''),
    ],
)
def test_a_language_model_head_that_the_run_left_behind_is_named(init_from, kinds, frozen, said):
    note = likelihood.head_note('runs/mine', init_from, kinds, frozen).get('lm_head', '')
    assert said in note
    assert bool(note) == bool(said)
