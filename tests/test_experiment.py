"""Parts of a config that do not go together are refused, whatever their shapes."""

import dataclasses

import pytest

from genojax import experiment
from genojax.cli import flags
from genojax.inference import trained
from genojax.models import basset, bert, enformer, hierarchical, recurrent
from genojax.tokenizers import TokenizerConfig
from genojax.train import runs

NUCLEOTIDE, SIX_MERS = TokenizerConfig('nucleotide', 1), TokenizerConfig('nonoverlapping')


def _changed(name: str, **changes) -> experiment.Experiment:
    return dataclasses.replace(experiment.from_config(flags.load(name)), **changes)


@pytest.mark.parametrize(
    ('model', 'tokenizer', 'problem'),
    [
        # Same size of vocabulary, other meaning of its ids.
        (recurrent.RecurrentConfig(vocab=69), TokenizerConfig('kmer', 3), 'reads single bases'),
        (hierarchical.HierarchicalConfig(vocab=4105, pad_id=1), SIX_MERS, 'model.back=1, but 0'),
        (hierarchical.HierarchicalConfig(vocab=10, front=0), NUCLEOTIDE, 'model.front=0, but 1'),
        (
            bert.BertConfig(vocab=4105, pad_id=1, token_dropout=bert.TokenDropout(mask_id=4)),
            SIX_MERS,
            'token_dropout.mask_id=4, but 2',
        ),
        (bert.BertConfig(vocab=10, pad_id=1), NUCLEOTIDE, 'model.pad_id=1, but 0'),
        # Models that score no tokens.
        (
            recurrent.RecurrentConfig(vocab=10, language_model=False),
            NUCLEOTIDE,
            'scores every token',
        ),
        (basset.BassetConfig(vocab=10), NUCLEOTIDE, 'scores every token'),
        (enformer.EnformerConfig(), NUCLEOTIDE, 'scores every token'),
    ],
)
def test_a_model_that_would_misread_its_tokens_is_refused(model, tokenizer, problem):
    with pytest.raises(ValueError, match=problem):
        _changed('debug_cpu', model=model, tokenizer=tokenizer)


def test_bins_of_the_data_that_are_not_the_model_s_are_refused(tmp_path):
    values = flags.load('enformer_small')
    for name, text in {
        'data.path': 'simulated', 'model.tracks': '(4, 4)', 'model.crop': '8', 'data.bin': '32',
        'data.pieces': '1', 'data.length': '0',
    }.items():  # fmt: skip
        flags.override(values, name, text)
    with pytest.raises(Exception, match='data.bin=32, but the model predicts bins of 128 bp'):
        runs.Run(experiment.from_config(values), tmp_path)
    assert not trained.is_run(tmp_path)
