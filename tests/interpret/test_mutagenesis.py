"""Every substitution: equal to one prediction per mutant, and to the masked log-likelihood."""

import dataclasses

import numpy as np
import pytest

from genojax import dna, errors, tokenizers
from genojax.inference import prediction
from genojax.interpret import base_probabilities, mutagenesis
from tests.interpret import conftest

SEQUENCES = [dna.encode('ACGTTGCATGANCATTAGA'), dna.encode('TTTTGACATACCAG')]


def odds_head(model, trim=0):
    head = conftest.head_of(model, trim=trim)
    return dataclasses.replace(
        head,
        kind='values',
        names=('y',),
        compute=lambda p, e, b: head.compute(p, e, b)[:, 1:2],
    )


def test_effects_equal_a_prediction_per_mutant(kmers):
    head = odds_head(kmers, trim=2)
    results = mutagenesis.scan(kmers, head, SEQUENCES)
    for codes_L, result in zip(SEQUENCES, results, strict=True):
        expected = np.full((len(codes_L), 4), np.nan)
        reference = prediction.predict(kmers, head, [codes_L[2:-2]]).values[0, 0]
        for base in range(2, len(codes_L) - 2):
            for code in range(4) if codes_L[base] < 4 else ():
                mutant = codes_L.copy()
                mutant[base] = code
                value = prediction.predict(kmers, head, [mutant[2:-2]]).values[0, 0]
                expected[base, code] = value - reference
        np.testing.assert_allclose(result.effects_L4, expected, atol=1e-6)
        assert result.reference == reference
    mutated = sum(len(mutagenesis.substitutions(c[2:-2])) for c in SEQUENCES)
    assert sum(int(np.isfinite(r.effects_L4).sum()) for r in results) == mutated / 3 * 4
    part = mutagenesis.scan(kmers, head, SEQUENCES[:1], slice(3, 5))[0].effects_L4
    assert np.flatnonzero(np.isfinite(part).all(1)).tolist() == [3, 4]


@pytest.mark.parametrize('kind', ['kmers', 'pieces'])
def test_likelihood_effects_are_differences_of_masked_log_likelihoods(kind, request):
    """The log-likelihood of a base hidden alone, with the base and with another in its place."""
    model = request.getfixturevalue(kind)
    codes_L = dna.encode('ACGTTGCATGACCATT')
    (result,) = mutagenesis.scan_likelihood(model, [codes_L])
    base_bits = model.log_likelihood([codes_L])
    if kind != 'pieces':
        np.testing.assert_allclose(result.reference, base_bits.total_N[0], rtol=1e-5)
    for base in (1, 8, 15):
        for code in range(4):
            mutant = codes_L.copy()
            mutant[base] = code
            # The other bases of a hidden 3-mer are hidden too: the whole token is scored.
            token = slice(base // 3 * 3, base // 3 * 3 + 3) if kind == 'pieces' else base
            token = base if kind == 'pieces' and base >= 15 else token
            scored = model.log_likelihood([mutant]).per_base[0][token].sum()
            difference = scored - base_bits.per_base[0][token].sum()
            np.testing.assert_allclose(result.effects_L4[base, code], difference, atol=2e-5)


def test_models_without_bases_to_expect_are_refused(kmers):
    model = conftest.Model.__new__(conftest.Model)
    model.__dict__.update(vars(kmers))
    model.tokenizer = tokenizers.make(tokenizers.TokenizerConfig('kmer', 3))
    model.config = dataclasses.replace(kmers.config, head='none')
    with pytest.raises(errors.UsageError, match='no language-model head'):
        base_probabilities.BaseReader(model)
