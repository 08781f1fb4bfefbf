"""Which number of a model is explained."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, errors
from genojax.inference import prediction
from genojax.interpret import outputs
from genojax.models import enformer
from tests import commands
from tests.interpret import conftest


def with_head(model, head):
    model.__dict__['heads'] = {head.name: head}  # as the cached property would
    return model


def test_log_odds_of_a_class_are_those_of_its_probability(kmers):
    head = conftest.head_of(kmers)
    model = with_head(conftest.Model.__new__(conftest.Model), head)
    model.__dict__.update({k: v for k, v in vars(kmers).items() if k != 'heads'})
    codes = [dna.encode('ACGTTGCATGACCATTAG'), dna.encode('TTTTGACATACCAG')]
    p_NC = prediction.predict(kmers, head, codes).values.astype(np.float64)
    odds = outputs.select(model, output='y')
    values = prediction.predict(kmers, odds, codes).values[:, 0]
    np.testing.assert_allclose(values, np.log(p_NC[:, 1] / (1 - p_NC[:, 1])), rtol=1e-4)
    assert odds.names == ('log-odds of y',)
    with pytest.raises(errors.UsageError, match='predicts 3 numbers: x, y, z. Fix: --output=x'):
        outputs.select(model)
    with pytest.raises(errors.UsageError, match="no output 'w'"):
        outputs.select(model, output='w')


def test_log_odds_near_certainty_do_not_cancel():
    p_BC = jnp.asarray([[1e-12, 1.0]], jnp.float32)
    value = outputs._log_odds(p_BC, 1, 'classes')
    np.testing.assert_allclose(value, [12 * np.log(10)], rtol=1e-6)


def test_a_track_is_the_mean_of_its_bins():
    network = enformer.EnformerConfig(
        width=12, depth=1, heads=2, key_width=4, basis=6, stages=2, multiple=2, crop=1,
        organisms=('human',), tracks=(2,),
    )  # fmt: skip
    model = conftest.model_of(network, conftest.tokenizers.TokenizerConfig('nucleotide', 1), 32)
    sequence = ''.join(np.random.default_rng(0).choice(list('ACGT'), 30))
    head = outputs.select(model, output='human:1', bins=slice(1, 3))
    expected = model.tracks([sequence])['human'][0, 1:3, 1].mean()
    codes = [head.read_row(dna.encode(sequence))]
    np.testing.assert_allclose(prediction.predict(model, head, codes).values, [[expected]], 1e-5)
    for options in ({'output': 'human:2'}, {'output': 'human:0', 'bins': slice(9, 10)}):
        with pytest.raises(errors.UsageError, match='has no track|has bins 0 to 5') as caught:
            outputs.select(model, **options)
        (option,) = commands.paste(str(caught.value).split('Fix: ')[1])
        name, value = option.removeprefix('--').split('=')
        value = slice(*map(int, value.split('-'))) if name == 'bins' else value
        assert outputs.select(model, **{**options, name: value}).names


def test_the_offset_of_a_trimmed_row():
    codes_L = dna.encode('ACACACAC')
    assert outputs.view_offset(codes_L[2:6], codes_L) == 2
    assert outputs.view_offset(codes_L, codes_L) == 0
    with pytest.raises(ValueError, match='not a part'):
        outputs.view_offset(codes_L[2:6].copy(), codes_L)


@pytest.mark.parametrize(
    'given, fix', [('promotor', 'promoter'), ('othr', 'other'), ('x', 'promoter')]
)
def test_the_fix_names_the_output_that_is_spelt_most_alike(kmers, given, fix):
    head = dataclasses.replace(conftest.head_of(kmers), names=('other', 'promoter'))
    with pytest.raises(errors.UsageError, match=f'Fix: --output={fix}$'):
        outputs.column_of(head, given)
