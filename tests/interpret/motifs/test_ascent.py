"""Relaxed inputs: certain ones are the sequence itself, and the penalties do what they say."""

import numpy as np
import pytest

from genojax import dna, errors, tokenizers
from genojax.interpret.motifs import ascent
from genojax.models import basset
from tests.interpret import conftest
from tests.interpret.test_attribution import value_head

SEQUENCES = [dna.encode('ACGTTGCATGACCATTAGACCA'), dna.encode('TTTTGACATACCAGGATCCGAG')]


def bases_model():
    network = basset.BassetConfig(
        vocab=10, length=22, filters=(3,), windows=(5,), pools=(1,), hidden=(6,), targets=0,
        padding='same',
    )  # fmt: skip
    return conftest.model_of(network, tokenizers.TokenizerConfig('nucleotide', 1))


SLOW = [pytest.param(kind, marks=pytest.mark.slow) for kind in ('kmers', 'pieces')]


@pytest.mark.parametrize('kind', ['bases', *SLOW])
def test_a_certain_input_has_the_output_of_its_sequence(kind, request):
    model = bases_model() if kind == 'bases' else request.getfixturevalue(kind)
    head = value_head(model, rows=22)
    config = ascent.AscentConfig(steps=1, rate=1e-9, certainty=1 - 1e-7)
    for result in ascent.ascend(model, head, SEQUENCES, config):
        assert result.output == pytest.approx(result.start, abs=1e-4)
        assert dna.decode(result.codes_L) in map(dna.decode, SEQUENCES)


def test_outputs_rise_and_bits_cost(kmers):
    """Free information is kept, and dear information is given up; bases not read have none."""
    head = value_head(kmers, rows=22, trim=2)
    sums = []
    for entropy in (0.0, 100.0):
        config = ascent.AscentConfig(steps=40, rate=0.2, entropy=entropy, variation=0.0, window=22)
        results = ascent.ascend(kmers, head, SEQUENCES, config)
        if not entropy:
            assert all(result.output > result.start + 0.1 for result in results)
        for result, codes_L in zip(results, SEQUENCES, strict=True):
            assert np.isnan(result.p_L4[[0, 1, -2, -1]]).all()
            assert (result.codes_L[[0, 1, -2, -1]] == codes_L[[0, 1, -2, -1]]).all()
            np.testing.assert_allclose(result.p_L4[2:-2].sum(1), 1, rtol=1e-5)
        sums.append(np.mean([np.nansum(result.bits_L) for result in results]))
    assert sums[1] < 0.1 * sums[0]


def test_bases_outside_the_window_are_those_of_the_sequence(kmers):
    head = value_head(kmers, rows=22)
    config = ascent.AscentConfig(steps=3, entropy=0.0, variation=0.0, window=7)
    for result, codes_L in zip(
        ascent.ascend(kmers, head, SEQUENCES, config), SEQUENCES, strict=True
    ):
        (changed,) = np.nonzero(~np.isnan(result.bits_L))
        assert len(changed) == 7 == changed[-1] - changed[0] + 1
        outside_L = np.ones(22, bool)
        outside_L[changed] = False
        assert (result.codes_L[outside_L] == codes_L[outside_L]).all()
        assert (result.free_codes_L[outside_L] == dna.UNKNOWN).all()
        np.testing.assert_array_equal(result.p_L4[outside_L], dna.one_hot(codes_L)[outside_L])
        assert (result.p_L4[changed] < 1).all() and result.output != result.start


def test_what_cannot_be_relaxed_is_refused(kmers):
    with pytest.raises(errors.UsageError, match='sequences of one length'):
        ascent.ascend(kmers, conftest.head_of(kmers), [SEQUENCES[0], SEQUENCES[1][:9]])


def test_tokens_side_by_side_take_no_unknown_bases(pieces):
    with pytest.raises(errors.UsageError, match='without N'):
        ascent.ascend(pieces, conftest.head_of(pieces), [dna.encode('ACGTNACGTACG')])
