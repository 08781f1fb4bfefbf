"""Maps equal a slow double loop; a planted dependency is the strongest pair."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, errors
from genojax.interpret import base_probabilities, dependency


def log_odds_by_hand(model, codes_L, hidden, at):
    """log2 odds of the four bases at one position with the tokens of some bases masked."""
    tokenizer, k = model.tokenizer, model.tokenizer.bases_per_token
    ids_T, spans_T2 = tokenizer.encode_with_spans(codes_L)
    masked_T = ids_T.copy()
    for t, (start, end) in enumerate(spans_T2):
        if start >= 0 and any(start <= base < end for base in hidden):
            masked_T[t] = tokenizer.special.mask
    length = model.reader.padded_length(len(ids_T))
    padded = np.full((1, length), tokenizer.special.pad, np.int32)
    padded[0, : len(ids_T)] = masked_T
    logits_TV = np.asarray(
        _forward(model)({'params': model.params}, jnp.asarray(padded)).logits_BTV[0], np.float64
    )
    shares = []
    for t, (start, end) in enumerate(spans_T2):
        if not 0 <= start <= at < end:
            continue
        p_V = np.exp(logits_TV[t, : tokenizer.vocab_size] - logits_TV[t].max())
        others = [base for base in range(start, end) if base in hidden and base != at]
        p_4 = np.zeros(4)
        for code in range(4):
            for filling in np.ndindex(*(4,) * (len(others) if tokenizer.overlapping else 0)):
                word = codes_L[start:end].copy()
                if tokenizer.overlapping:
                    word[[base - start for base in others]] = filling
                word[at - start] = code
                assert len(word) in (1, k)
                p_4[code] += p_V[tokenizer.encode(word)[0]]
        shares.append(p_4 / p_4.sum())
    p_4 = np.mean(shares, axis=0)
    return np.log2(p_4 / (1 - p_4))


_programs = {}


def _forward(model):
    return _programs.setdefault(id(model), jax.jit(model.module.apply))


def slow_map(model, codes_L, groups):
    """e(i, j) by two loops over bases and one over substitutions."""
    size, k = len(codes_L), 1 if model.tokenizer.overlapping else 3
    result = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(size):
            if i == j:
                continue
            unit = [base // k for base in range(size)]
            group = {unit[j]}
            if groups:
                first = len(model.tokenizer.special_front) if k > 1 else 0
                group = {u for u in unit if (u + first) % groups == (unit[j] + first) % groups}
                if unit[i] != unit[j]:
                    group -= {unit[i]}
                elif k > 1:
                    group = {unit[i]}
            hidden = [base for base in range(size) if unit[base] in group]
            own = log_odds_by_hand(model, codes_L, hidden, j)
            changes = []
            for code in range(4):
                mutant = codes_L.copy()
                mutant[i] = code
                changes.append(log_odds_by_hand(model, mutant, hidden, j) - own)
            result[i, j] = np.abs(changes).max()
    return result


@pytest.mark.parametrize(('kind', 'groups'), [('kmers', None), ('kmers', 3), ('pieces', 2)])
def test_a_map_equals_a_double_loop(kind, groups, request):
    model = request.getfixturevalue(kind)
    codes_L = dna.encode('ACGTTGCAT')
    done = []
    result = dependency.dependency_map(model, codes_L, groups, done.append)
    expected = slow_map(model, codes_L, groups)
    np.testing.assert_array_equal(np.isnan(result.effect_LL), np.isnan(expected))
    np.testing.assert_allclose(result.effect_LL, expected, rtol=2e-4, atol=2e-5)
    assert sum(done) == dependency.count(model, codes_L, groups)


class PlantedReader:
    """A hand-made model: base 17 is the complement of base 4 in nine cases of ten, all else even."""

    def __init__(self, model):
        self.model = model

    def read(self, rows):
        for row in rows:
            p_L4 = np.full((len(row.codes_L), 4), 0.25)
            for at, other in ((17, 4), (4, 17)):
                if row.codes_L[other] < 4:
                    p_L4[at] = 0.1 / 3
                    p_L4[at, 3 - row.codes_L[other]] = 0.9
            p_L4[~row.target_L] = np.nan
            yield row, np.log2(p_L4).astype(np.float32)


def test_a_planted_dependency_is_the_strongest_pair(single, monkeypatch):
    monkeypatch.setattr(base_probabilities, 'BaseReader', PlantedReader)
    codes_L = np.random.default_rng(0).integers(0, 4, 24).astype(np.uint8)
    codes_L[9] = dna.UNKNOWN
    result = dependency.dependency_map(single, codes_L)
    change = np.log2(9) - np.log2(0.1 / 3 / (1 - 0.1 / 3))
    assert result.effect_LL[4, 17] == pytest.approx(change, rel=1e-5)
    zero = result.effect_LL.copy()
    zero[[4, 17], [17, 4]] = 0
    assert np.nanmax(zero) == 0
    assert np.isnan(result.effect_LL[9]).all()
    assert np.isnan(result.effect_LL[:, 9]).all()
    ((first, second, _),) = dependency.strongest_pairs(result.coupling_LL, 1)
    assert (first, second) == (4, 17)
    assert dependency.strongest_pairs(result.coupling_LL, 1, 14)[0][:2] != (4, 17)


def test_the_correction_removes_what_rows_and_columns_explain():
    strength = np.outer([1.0, 3.0, 2.0, 5.0], [1.0, 3.0, 2.0, 5.0])
    corrected = dependency.average_product_correction(strength)
    np.testing.assert_allclose(corrected, 0, atol=1e-12)
    strength[0, 3] = strength[3, 0] = 9
    pairs = dependency.strongest_pairs(dependency.average_product_correction(strength), 1)
    assert pairs[0][:2] == (0, 3)


def test_long_sequences_are_refused(single):
    with pytest.raises(errors.UsageError, match='at most 2,048'):
        dependency.dependency_map(single, np.zeros(2049, np.uint8))
