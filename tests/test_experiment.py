"""Parts of a config that do not fit each other are refused, whatever their shapes."""

import dataclasses

import jax
import pytest

from genojax import errors, tasks
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.inference import pretrained
from genojax.models import basset, bert, enformer, hierarchical, recurrent
from genojax.nn import blocks
from genojax.tokenizers import TokenizerConfig
from genojax.train import runs

NUCLEOTIDE, SIX_MERS = TokenizerConfig('nucleotide', 1), TokenizerConfig('nonoverlapping')


def _changed(name: str, **changes) -> experiments.Experiment:
    return dataclasses.replace(experiments.from_config(flags.load(name)), **changes)


@pytest.mark.parametrize(
    ('model', 'tokenizer', 'problem'),
    [
        # Same size of vocabulary, other meaning of its ids.
        (recurrent.RecurrentConfig(vocab=69), TokenizerConfig('kmer', 3), 'reads single bases'),
        (hierarchical.HierarchicalConfig(vocab=4105, pad_id=1), SIX_MERS, 'model.back=1, but 0'),
        (hierarchical.HierarchicalConfig(vocab=10, front=0), NUCLEOTIDE, 'model.front=0, but 1'),
        (
            bert.BertConfig(vocab=4105, pad_id=1, token_dropout=blocks.TokenDropout(mask_id=4)),
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
    data = {'path': 'simulated', 'bin': '32', 'pieces': '1', 'length': '0'}
    changes = {f'tasks.coverage.data.{name}': text for name, text in data.items()}
    for name, text in {**changes, 'model.tracks': '(4, 4)', 'model.crop': '8'}.items():
        flags.override(values, name, text)
    with pytest.raises(Exception, match='data.bin=32, but the model predicts bins of 128 bp'):
        runs.open_run(experiments.from_config(values), tmp_path)
    assert not pretrained.is_run(tmp_path)


TWO_TASKS = {
    'later': tasks.ClassificationConfig(data=tasks.LabelledDataConfig(length=64)),
    'earlier': tasks.MaskedLmConfig(),
}


def test_the_order_of_the_tasks_in_a_config_means_nothing():
    both = _changed('debug_cpu', tasks=TWO_TASKS, select_by='earlier')
    reverse = dict(reversed(TWO_TASKS.items()))
    assert list(both.tasks) == list(dataclasses.replace(both, tasks=reverse).tasks)
    assert list(both.tasks) == ['earlier', 'later']


@pytest.mark.parametrize(
    ('changes', 'problem'),
    [
        ({'tasks': {}}, 'at least one task'),
        ({'tasks': {'not a name': tasks.MaskedLmConfig()}}, "'not a name' must be letters"),
        ({'select_by': 'absent'}, "select_by='absent' is not one of the tasks"),
        ({'tasks': TWO_TASKS}, 'select_by is empty: name the task'),
        ({'validate_every': 0}, 'validate_every=0 must be at least 1'),
    ],
)
def test_tasks_that_make_no_experiment_are_refused(changes, problem):
    with pytest.raises(ValueError, match=problem):
        _changed('debug_cpu', **changes)


@pytest.mark.parametrize('weight', [0.0, -1.0, float('nan'), float('inf')])
def test_a_weight_that_is_not_a_positive_number_is_refused(weight):
    with pytest.raises(ValueError, match='weight=.* must be a positive number'):
        tasks.MaskedLmConfig(weight=weight)


def test_a_config_of_an_earlier_version_is_refused_with_the_fix():
    values = flags.load('debug_cpu')
    task = values.pop('tasks')['masked_lm']
    with pytest.raises(errors.UsageError, match=r'earlier version.* Fix: describe it as tasks='):
        experiments.from_config({**values, 'objective': {'kind': 'mlm'}, 'data': task['data']})


def test_a_model_that_does_not_say_its_vocab_has_that_of_the_tokenizer():
    values = flags.load('debug_cpu')  # 3-mers
    flags.override(values, 'model', 'hierarchical')
    assert experiments.from_config(values).model.vocab == 4**3 + 5
    values['tokenizer'] = {'kind': 'nope'}
    with pytest.raises(errors.UsageError, match='model.vocab: required field is missing'):
        experiments.from_config(values)


def test_a_kind_that_was_changed_alone_is_refused_with_the_fix_first():
    values = flags.load('debug_cpu')
    flags.override(values, 'model.kind', 'recurrent')
    with pytest.raises(errors.UsageError) as caught:
        experiments.from_config(values)
    first = str(caught.value).splitlines()[1]
    assert first.endswith('Fix: --config.model=recurrent, with the defaults of that kind')


def test_windows_shorter_than_a_token_are_refused():
    values = flags.load('debug_cpu')  # 3-mers
    flags.override(values, 'tasks.masked_lm.data.mixture.length', '2')
    with pytest.raises(errors.UsageError, match='length=2 is shorter than a token of 3 bases'):
        experiments.from_config(values)


def test_no_two_tasks_share_a_random_key():
    """Tasks divide their key by split or fold_in, which agree for small numbers."""
    key = jax.random.key(0)
    derived = []
    for number in range(4):
        own = experiments.task_key(key, number)
        children = [own, *jax.random.split(own, 8), *(jax.random.fold_in(own, i) for i in (0, 1))]
        derived.append({tuple(jax.random.key_data(child).tolist()) for child in children})
    assert experiments.task_key(key, 0) is key
    assert len(set.union(*derived)) == sum(map(len, derived))


def test_every_task_of_an_experiment_is_checked_against_the_model():
    wrong = {
        'promoters': tasks.ClassificationConfig(pool='first'),
        'tracks': tasks.CoverageConfig(),
    }
    with pytest.raises(ValueError, match='promoters.*no output first.*tracks.*predicts no tracks'):
        _changed(
            'debug_cpu',
            model=basset.BassetConfig(vocab=10),
            tokenizer=NUCLEOTIDE,
            tasks=wrong,
            select_by='tracks',
        )
