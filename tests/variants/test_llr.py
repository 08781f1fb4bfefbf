"""LLR equals brute force: one forward pass per allele and strand, and full marginalisation."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, genome
from genojax.variants import scorer
from tests.variants.conftest import TOKENIZERS, WINDOW

# Positions, beside N and at the ends too, and the bases that are replaced at each.
SITES = {
    'kmer': {60: 1, 61: 1, 149: 1, 152: 1, 0: 1, 299: 1, 100: 2, 149 - 1: 2},
    'nucleotide': {60: 1, 149: 1, 0: 1, 299: 1},
    'nonoverlapping': {60: 1, 149: 1, 0: 1, 100: 2, 105: 2, 108: 2},
    'bpe': {60: 1, 149: 1, 100: 2},
}


def substitutions(contig, sites):
    variants = []
    for position, size in sites.items():
        codes = contig[position : position + size]
        for shift in (1, 2, 3):  # every base of the site becomes another one
            other = dna.decode((codes + shift) % 4)
            variants.append(genome.Variant('c', position, dna.decode(codes), other))
    return variants


@functools.partial(jax.jit, static_argnums=0)
def _logits(module, params, tokens_BT):
    return module.apply({'params': params}, tokens_BT).logits_BTV


def log2_probabilities(model, ids_T):
    """log2 of the softmax of the head's scores of one row alone, float64 [T, V]."""
    padded_T = np.full(64, model.tokenizer.special.pad, np.int32)
    padded_T[: len(ids_T)] = ids_T
    logits_BTV = _logits(model.module, model.params, jnp.asarray(padded_T)[None])
    logits = np.asarray(logits_BTV[0], np.float64)[: len(ids_T), : model.tokenizer.vocab_size]
    return (logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)) / np.log(2)


def log2p_of_allele(model, window_L, hidden):
    """log2 p of the bases of one window at the positions `hidden`, overlapping tokens."""
    tokenizer, k = model.tokenizer, model.tokenizer.bases_per_token
    ids_T, spans_T2 = tokenizer.encode_with_spans(window_L)
    text = dna.decode(window_L)
    covering = [
        t
        for t, (start, end) in enumerate(spans_T2)
        if start >= 0 and any(start <= h < end for h in hidden) and 'N' not in text[start:end]
    ]
    masked_T = ids_T.copy()
    masked_T[covering] = tokenizer.special.mask
    p_TV = 2 ** log2_probabilities(model, masked_T)
    total = 0.0
    for base in hidden:
        shares = []
        for t in covering:
            start, end = spans_T2[t]
            if not start <= base < end:
                continue
            word = text[start:end]
            free = [h - start for h in hidden if start <= h < end]
            by_base = dict.fromkeys('ACGT', 0.0)
            # All words that agree with the visible bases: 4^hidden of them.
            for number in range(4 ** len(free)):
                letters = list(word)
                for place, offset in enumerate(free):
                    letters[offset] = 'ACGT'[number // 4**place % 4]
                (token,) = tokenizer.encode(''.join(letters))
                by_base[letters[base - start]] += p_TV[t, token]
            shares.append(by_base[text[base]] / sum(by_base.values()))
        total += np.log2(np.mean(shares)) if shares else np.nan
    assert k <= 6
    return total


def log2p_of_tokens(model, window_L, other_L):
    """log2 p of the tokens of a window that differ from those of the other allele."""
    tokenizer = model.tokenizer
    ids_T, other_T = (tokenizer.encode_with_spans(codes)[0] for codes in (window_L, other_L))
    front = next(i for i, (a, b) in enumerate(zip(ids_T, other_T, strict=False)) if a != b)
    back = next(
        i for i, (a, b) in enumerate(zip(ids_T[::-1], other_T[::-1], strict=False)) if a != b
    )
    back = min(back, len(ids_T) - front, len(other_T) - front)
    chosen = list(range(front, len(ids_T) - back))
    masked_T = ids_T.copy()
    masked_T[chosen] = tokenizer.special.mask
    log2p_TV = log2_probabilities(model, masked_T)
    log2p_TV = np.where(tokenizer.maskable, log2p_TV, -np.inf)
    log2p_TV -= np.logaddexp2.reduce(log2p_TV, axis=-1, keepdims=True)
    return log2p_TV[chosen, ids_T[chosen]].sum()


def brute_force(model, pair):
    windows = pair.alternate_L, pair.reference_L
    if model.tokenizer.overlapping:
        hidden = range(pair.offset, pair.offset + len(pair.edit.reference))
        alternate, reference = (log2p_of_allele(model, codes, hidden) for codes in windows)
    else:
        alternate = log2p_of_tokens(model, *windows)
        reference = log2p_of_tokens(model, *windows[::-1])
    return alternate - reference


@pytest.mark.parametrize(
    'name',
    [
        # tests/inference/test_likelihood.py has each of them
        pytest.param(name, marks=pytest.mark.slow if name == 'nonoverlapping' else ())
        for name in TOKENIZERS
    ],
)
def test_llr_is_the_brute_force_mean_over_strands(name, model_of, contig):
    model = model_of(name)
    variants = substitutions(contig, SITES[name])
    scored = scorer.VariantScorer(model, window=WINDOW)
    values = scored.score(variants, {'c': contig}).values['LLR']
    expected = []
    for variant in variants:
        planned = scored.plan(contig, variant.position, variant.reference, variant.alternate)
        pair = planned.pair
        strands = [brute_force(model, strand) for strand in (pair, pair.reverse_complement())]
        expected.append(np.mean(strands))
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)
    assert np.abs(values).max() > 0.1


@pytest.mark.parametrize('name', ['kmer', 'nucleotide'])
def test_llr_of_a_snv_is_the_difference_of_two_log_likelihoods(name, model_of, contig):
    model = model_of(name)
    scored = scorer.VariantScorer(model, window=WINDOW, both_strands=False)
    variant = genome.Variant('c', 60, dna.decode(contig[60:61]), 'ACGT'[(contig[60] + 1) % 4])
    pair = scored.plan(contig, 60, variant.reference, variant.alternate).pair
    (llr,) = scored.score([variant], {'c': contig}).values['LLR']
    bits = model.log_likelihood([pair.alternate_L, pair.reference_L]).per_base
    assert llr == pytest.approx(bits[0][pair.offset] - bits[1][pair.offset], abs=1e-5)


def test_one_masked_pass_per_site_and_strand_serves_all_alternates(model_of, contig):
    site = [
        genome.Variant('c', 60, dna.decode(contig[60:61]), 'ACGT'[(contig[60] + n) % 4])
        for n in (1, 2, 3)
    ]
    for name in ('kmer', 'nucleotide', 'nonoverlapping'):
        scored = scorer.VariantScorer(model_of(name), window=WINDOW)
        together = scored.score(site, {'c': contig}).values['LLR']
        assert scored.masked_passes == 2
        alone = [scored.score([v], {'c': contig}).values['LLR'][0] for v in site]
        assert together.tolist() == alone  # bit for bit: nothing depends on the other alleles
