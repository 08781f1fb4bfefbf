"""Every named config can be read, survives JSON, and traces through one step without data."""

import builtins
import collections
import contextlib
import dataclasses
import functools
import io
import itertools
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from genojax import config, errors, sharding, tasks
from genojax import experiment as experiments
from genojax.cli import flags
from genojax.hardware import flops
from genojax.train import accumulate
from genojax.train import step as steps
from tests.tokenizers import files

# NAME, or NAME:VARIANT for every variant of a family.
NAMES = [
    f'{name}:{variant}' if variant else name
    for name in flags.config_names()
    for variant in flags.variants(flags.resolve(name)[0]) or ['']
]
EXPECTED = [
    'baselines:basset', 'baselines:gru', 'debug_cpu', 'demo', 'demo_joint:promoters',
    'demo_joint:orthologues', 'demo_promoters',
    'dnabert2', 'dnabert:described', 'dnabert:k3', 'dnabert:k4', 'dnabert:k5', 'dnabert:k6',
    'enformer:accessibility', 'enformer:dna', 'enformer_small:accessibility', 'enformer_small:dna',
    'gena_bigbird', 'hierarchical', 'nucleotide_transformer:v1_2500m',
    'nucleotide_transformer:v1_500m', 'nucleotide_transformer:v2_100m',
    'nucleotide_transformer:v2_250m', 'nucleotide_transformer:v2_500m',
    'nucleotide_transformer:v2_50m', 'nucleotransformer:6mer', 'nucleotransformer:bases',
    'nucleotransformer:small',
]  # fmt: skip
# Sizes and settings of a family that is traced already.
SIBLINGS = [
    'baselines:gru', 'contrastive:joint', 'demo_positions:both', 'demo_positions:columns',
    'demo_positions:cpg', 'dnabert:k3', 'dnabert:k4', 'dnabert:k5', 'ngrams:experts',
    'nucleotransformer:6mer',
    'enformer:dna', 'enformer_small:dna', 'nucleotide_transformer:v1_500m',
    'nucleotide_transformer:v2_100m', 'nucleotide_transformer:v2_250m',
    'nucleotide_transformer:v2_500m', 'nucleotransformer:bases',
]  # fmt: skip
TRACED = [
    pytest.param(name, marks=pytest.mark.slow) if name in SIBLINGS else name for name in NAMES
]
# Of every named config: the mesh axes along the axes of each parameter, on a mesh of 2 x 2 x 2 devices
# (data, fsdp, tensor). After a change that is meant:
# GENOJAX_WRITE_PLANS=1 python -m pytest tests/test_configs.py -k traces
PLANS = pathlib.Path(__file__).with_name('sharding_plans.json')
ROW_BASES = 70  # where the config leaves the length of a row to the data


def test_the_named_configs_exist():
    assert set(EXPECTED) <= set(NAMES)


@pytest.mark.parametrize('name', NAMES)
def test_a_config_survives_json(name):
    experiment = experiments.from_config(flags.load(name))
    text = json.dumps(config.to_dict(experiment))
    assert experiments.from_config(json.loads(text)) == experiment
    assert experiments.to_config(experiment).to_dict() == flags.load(name)


@contextlib.contextmanager
def no_files():
    """Within the block, opening, listing or looking up any file or folder raises."""

    def refuse(path, *arguments, **options):
        raise AssertionError(f'opened {path}')

    with pytest.MonkeyPatch.context() as patch:
        for owner, names in (
            (builtins, ['open']),
            (io, ['open']),
            (os, ['open', 'listdir', 'scandir']),
            (pathlib.Path, ['open', 'exists', 'is_file', 'is_dir', 'mkdir', 'iterdir']),
        ):
            for name in names:
                patch.setattr(owner, name, refuse)
        yield


def test_opening_a_file_is_refused_in_these_tests(tmp_path):
    (tmp_path / 'file').write_text('text')

    def list_folder(path):
        return os.listdir(path.parent)

    for read in (lambda path: open(path), pathlib.Path.read_text, np.load, list_folder):
        with no_files(), pytest.raises(AssertionError, match='opened'):
            read(tmp_path / 'file')


@pytest.fixture(scope='module')
def sharding_plans():
    """The golden plans: config -> {parameter: mesh axes}; written anew with GENOJAX_WRITE_PLANS."""
    groups = json.loads(PLANS.read_text()) if PLANS.exists() else []
    plans = {
        name: {path: axes for axes, paths in group['axes'].items() for path in paths}
        for group in groups
        for name in group['configs']
    }
    yield plans
    if 'GENOJAX_WRITE_PLANS' in os.environ:
        lines = ',\n'.join(map(json.dumps, grouped(plans)))
        PLANS.write_text(f'[\n{lines}\n]\n'.replace('], "', '],\n  "'))


def test_every_named_config_has_a_sharding_plan(sharding_plans):
    assert set(sharding_plans) == set(NAMES)


def grouped(plans) -> list[dict]:
    """Configs with one plan together, and the parameters with the same axes."""
    configs, groups = {}, []
    for name, plan in plans.items():
        configs.setdefault(json.dumps(plan, sort_keys=True), []).append(name)
    for text, names in configs.items():
        axes = {}
        for path, spec in json.loads(text).items():
            axes.setdefault(spec, []).append(path)
        groups.append({'configs': names, 'axes': axes})
    return groups


def sharding_plan(state) -> dict[str, str]:
    """Parameter -> mesh axes; those of Adam's moments are the same."""
    for moment in ('mu', 'nu'):
        moments = optax.tree.get(state.opt_state, moment)
        placed = jax.tree.map(lambda a, b: a.sharding == b.sharding, state.params, moments)
        assert all(jax.tree.leaves(placed))
    return {
        jax.tree_util.keystr(path, simple=True, separator='/'): ' '.join(
            axis or '-' for axis in leaf.sharding.spec
        )
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.params)
    }


@pytest.mark.parametrize('name', TRACED)
def test_a_config_traces_through_one_step_and_opens_no_file(name, tmp_path, sharding_plans):
    values = flags.load(name)
    if values['tokenizer']['kind'] == 'bpe':
        flags.override(values, 'tokenizer.file', bpe_file(tmp_path, values['model']))
    experiment = experiments.from_config(values)
    # The tokenizer may read its file; nothing after it reads any.
    built = experiments.build_tasks(_with_lengths(experiment))
    eight = sharding.make_mesh(sharding.MeshConfig(data=2, fsdp=2, tensor=2), jax.devices())
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    with no_files():
        batches = {task_name: task.batch_spec() for task_name, task in built.items()}
        state = experiments.abstract(experiment, eight, built)
        plan = sharding_plan(state)
        # One device from here on: some configs have a batch of one row.
        where = sharding.replicated(mesh)
        state = jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where), state
        )
        step = steps.make_step(experiment, built, state, mesh)
        after, metrics = jax.eval_shape(step, state, batches, jax.eval_shape(jax.random.key, 0))
    shapes = jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), (state, after))
    assert shapes[0] == shapes[1]
    if 'GENOJAX_WRITE_PLANS' in os.environ:
        sharding_plans[name] = plan
    assert plan == sharding_plans[name]
    assert ('batch_stats' in state.extra) == experiment.model.has_batch_statistics
    assert metrics['loss'].total.shape == ()
    assert metrics['grad_norm'].total.dtype == jnp.float32
    for task_name in built:
        assert metrics[f'{task_name}/loss'].total.shape == ()


@pytest.mark.parametrize('name', ['debug_cpu', 'enformer_small:dna'])
def test_bfloat16_is_of_the_computation_and_float32_of_what_is_kept(name):
    """Parameters, moments, gradients and metrics; products of two float32 arrays are few."""
    values = flags.load(name)
    flags.override(values, 'model.dtype', 'bfloat16')
    experiment = _with_lengths(experiments.from_config(values))
    built = experiments.build_tasks(experiment)
    mesh = sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])
    state = experiments.abstract(experiment, mesh, built)
    batches = {task_name: task.batch_spec() for task_name, task in built.items()}
    jaxpr, results = jax.make_jaxpr(
        functools.partial(accumulate.value_and_grad, experiment, built), return_shape=True
    )(state, batches, jax.eval_shape(jax.random.key, 0))
    for leaf in jax.tree.leaves((state, results)):
        assert leaf.dtype in (jnp.float32, jnp.int32)
    work = collections.Counter()
    _count_products(jaxpr.jaxpr, work)
    total = sum(work.values())
    assert work['float32', 'float32'] < 0.01 * total
    # The backward pass of attention has float32 weights on one side.
    assert work['bfloat16', 'bfloat16'] > 0.7 * total


def _count_products(jaxpr, work) -> None:
    """Adds the FLOPs of products and convolutions by the dtypes of their two sides."""
    for equation in jaxpr.eqns:
        if equation.primitive.name in ('dot_general', 'conv_general_dilated'):
            sides = tuple(side.aval.dtype.name for side in equation.invars[:2])
            work[sides] += flops._of_equation(equation)
        for inner in flops._inner_jaxprs(equation.params):
            _count_products(inner, work)


def bpe_file(folder, model) -> str:
    """A file with as many words as the published one, which the user has to name."""
    every = (
        ''.join(letters) for k in range(1, 9) for letters in itertools.product('ACGT', repeat=k)
    )
    words = [*itertools.islice(every, model['vocab'] - 5)]
    special = {'[UNK]': 0, '[CLS]': 1, '[SEP]': 2, '[PAD]': model['pad_id'], '[MASK]': 4}
    content = {'type': 'BPE', 'unk_token': '[UNK]', 'merges': []}
    content['vocab'] = {**special, **{word: 5 + n for n, word in enumerate(words)}}
    return files.write(folder / 'tokenizer.json', special, words=words, model=content)


def _leaves_length(task) -> bool:
    """Whether a task's config leaves the length of its rows to its data."""
    return getattr(task.data, 'length', None) == 0


def _with_lengths(experiment: experiments.Experiment) -> experiments.Experiment:
    """The experiment with the length of every task's rows set."""
    changed = {}
    for name, task in experiment.tasks.items():
        if _leaves_length(task):
            length = 131_072 if isinstance(task, tasks.CoverageConfig) else ROW_BASES
            if experiment.model.input_spec().window:
                length = experiment.model.input_spec().window
            task = dataclasses.replace(task, data=dataclasses.replace(task.data, length=length))
        changed[name] = task
    return dataclasses.replace(experiment, tasks=changed)


def test_a_length_that_is_left_to_the_data_is_named_with_its_fix():
    seen = []
    for name in (name for name in NAMES if name not in SIBLINGS):
        experiment = experiments.from_config(flags.load(name))
        lengths = [task for task, values in experiment.tasks.items() if _leaves_length(values)]
        if not lengths:
            continue
        seen.append(name)
        field = rf'--config\.tasks\.{lengths[0]}\.data\.length=BASES'
        with pytest.raises(errors.UsageError, match=f'data.length=0 leaves .* Fix: {field}'):
            experiments.abstract(experiment)
    assert 'demo_promoters' in seen


@pytest.mark.parametrize(
    ('pattern', 'places'),
    [
        pytest.param('local', ('learned', 'tokens'), marks=pytest.mark.slow),
        pytest.param('longformer', ('alibi', 'tokens'), marks=pytest.mark.slow),
        ('bigbird', ('alibi', 'cpg')),
        pytest.param('anchored', ('rotary', 'cpg'), marks=pytest.mark.slow),
        pytest.param('causal', ('rotary', 'tokens'), marks=pytest.mark.slow),
        pytest.param('strided', ('rotary', 'tokens'), marks=pytest.mark.slow),
        pytest.param('random', ('learned', 'tokens'), marks=pytest.mark.slow),
    ],
)
def test_every_pattern_and_kind_of_position_means_the_reference(pattern, places):
    """One loss of a small model, computed by what 'auto' picks and by the dense reference."""
    values = flags.load('debug_cpu')
    for name, text in {
        'model.attention.kind': pattern, 'model.attention.window': '7', 'model.attention.period': '32',
        'model.attention.block': '16', 'model.attention.random_blocks': '1', 'model.max_tokens': '256',
        'model.positions': places[0], 'model.coordinate': places[1], 'model.dropout': '0.0',
        'model.attention_dropout': '0.0', 'tasks.masked_lm.data.mixture.length': '200',
        'tasks.masked_lm.data.mixture.batch_size': '2',
    }.items():  # fmt: skip
        flags.override(values, name, text)
    losses, state = [], None
    for implementation in ('auto', 'reference'):
        flags.override(values, 'model.attention.implementation', implementation)
        experiment = experiments.from_config(values)
        built = experiments.build_tasks(experiment)
        bases = np.random.default_rng(0).integers(0, 4, (2, 200)).astype(np.uint8)
        batch = {
            **built['masked_lm'].tokenizer.batch_entries(bases, np.full(2, 200)),
            'bases': bases,
            'regions': np.zeros_like(bases),
            'species': np.zeros(2, np.int32),
        }
        batch = jax.tree.map(jnp.asarray, batch)
        if state is None:
            init = jax.jit(functools.partial(experiments.init_state, experiment, built))
            state = init(jax.random.key(0), {'masked_lm': batch})
        loss = jax.jit(built['masked_lm'].loss)(state.params, {}, batch, jax.random.key(1))[0]
        losses.append(float(loss))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_all_mistakes_of_a_config_are_reported_at_once_with_their_fields():
    values = flags.load('debug_cpu')
    flags.override(values, 'model.widht', '32')
    flags.override(values, 'steps', 'many')
    flags.override(values, 'optim.peak', '-1')
    flags.override(values, 'tasks.masked_lm.data.mixture.length', '0')
    flags.override(values, 'tasks.masked_lm.weight', '-1')
    with pytest.raises(errors.UsageError) as caught:
        experiments.from_config(values)
    for expected in (
        "model.widht: no such field; did you mean 'width'?",
        "steps: 'many' is not an integer",
        'optim: peak=-1.0 must be above 0',
        'tasks.masked_lm.data.mixture: length=0 must be at least 1',
    ):
        assert expected in str(caught.value)


def test_a_species_can_be_added_to_the_weights_from_the_command_line():
    values = flags.load('debug_cpu')
    flags.override(values, 'tasks.masked_lm.data.mixture.weights.human', '0.3')
    mixture = experiments.from_config(values).tasks['masked_lm'].data.mixture
    assert mixture.weights == {'*': 1.0, 'human': 0.3}


def test_a_vocabulary_that_is_not_the_tokenizer_s_is_refused():
    values = flags.load('debug_cpu')
    flags.override(values, 'model.vocab', '70')
    with pytest.raises(errors.UsageError, match='model.vocab=70, but the tokenizer has 69'):
        experiments.from_config(values)
