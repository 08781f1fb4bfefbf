"""Enformer: published size, attention by loops, crop, sparse trunks, remat, and the variant."""

import dataclasses
import importlib.util
import math
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax.attention import patterns
from genojax.models import enformer, enformer_accessibility
from genojax.nn import bases, positions, relative, self_attention

BENCHMARK = pathlib.Path(__file__).parents[2] / 'experiments' / 'benchmarks' / 'enformer_remat.py'

# 8 bp bins, so that 512 bp are 64 of them.
SMALL = enformer.EnformerConfig(
    width=16, depth=2, heads=2, key_width=6, basis=12, stages=3, multiple=4, crop=4, organisms=('a',
    'b'), tracks=(3, 2), dropout=0.0, attention_dropout=0.0, basis_dropout=0.0,
)  # fmt: skip
VARIANT = enformer_accessibility.EnformerAccessibilityConfig(
    inputs=2, width=16, depth=1, heads=2, key_width=6, basis=12, stages=4, trunk_stages=2,
    multiple=4, crop=1, organisms=('a',), tracks=(3,), dropout=0.0, attention_dropout=0.0,
)  # fmt: skip


def tokens(rows, length, seed=0):
    return jnp.asarray(np.random.default_rng(seed).integers(5, 10, (rows, length)), jnp.int32)


def started(module, *arguments, **options):
    """Variables of an initialised module, with an attention output that is not zero."""
    variables = meta.unbox(jax.jit(lambda: module.init(jax.random.key(0), *arguments, **options))())
    kernel = variables['params']['layers']['block']['attention']['kernel']
    random = np.random.default_rng(9).standard_normal(kernel.shape) * 0.3
    variables['params']['layers']['block']['attention']['kernel'] = jnp.asarray(random, jnp.float32)
    return variables


def applied(module, variables, *arguments, **options):
    """Compiled as one, which is much less to compile than every operation alone."""
    return jax.jit(lambda v, a, t: module.apply(v, *a, **t))(variables, arguments, options)


def test_the_published_model_has_its_published_size():
    config = enformer.EnformerConfig()
    abstract = jax.ShapeDtypeStruct((1, 196_608), jnp.int32)
    model = enformer.Enformer(config)
    variables = jax.eval_shape(model.init, jax.random.key(0), abstract)
    assert sum(leaf.size for leaf in jax.tree.leaves(variables['params'])) == 251_221_292
    assert len(jax.tree.leaves(variables['batch_stats'])) == 14 * 3
    result = jax.eval_shape(model.apply, meta.unbox(variables), abstract)
    shapes = {name: tracks.shape for name, tracks in result.tracks.items()}
    assert shapes == {'human': (1, 896, 5313), 'mouse': (1, 896, 1643)}
    assert result.hidden_BTD.shape == (1, 896, 3072)


def test_gamma_bases_are_at_most_one_over_positions():
    """Published weights need the maximum over positions; some ports take it over features."""
    basis = positions.enformer_basis(96, 24)
    np.testing.assert_allclose(basis[:, 8:12].max(0), 1, atol=1e-6)


def test_attention_is_a_double_loop_over_pairs():
    """(q/sqrt(K) + u).k_j + (q/sqrt(K) + w).r(j - i), softmax, values, output map; in f64."""
    L, H, K, D, F = 7, 2, 6, 8, 12
    module = relative.RelativeAttention(H, K, F, 0.0, 0.0)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, L, D)), jnp.float32)
    init = jax.jit(lambda key: meta.unbox(module.init(key, x, patterns.full(L))))
    params = init(jax.random.key(1))['params']
    assert not params['kernel'].any()
    random = np.random.default_rng(2)
    params['kernel'] = jnp.asarray(random.standard_normal((H, D // H, D)), jnp.float32)
    y = jax.jit(lambda params: module.apply({'params': params}, x, patterns.full(L)))(params)
    p = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
    x = np.asarray(x[0], np.float64)
    basis = positions.enformer_basis(L, F).astype(np.float64)
    expected = np.zeros((L, D)) + p['bias']
    for h in range(H):
        q, k, v = (x @ p[name]['kernel'][:, h] for name in ('query', 'key', 'value'))
        r = basis @ p['relative_key']['kernel'][:, h]
        for i in range(L):
            scores = [
                (q[i] / math.sqrt(K) + p['content_bias'][h]) @ k[j]
                + (q[i] / math.sqrt(K) + p['position_bias'][h]) @ r[j - i + L - 1]
                for j in range(L)
            ]
            weight = np.exp(scores) / np.exp(scores).sum()
            expected[i] += weight @ v @ p['kernel'][h]
    np.testing.assert_allclose(y[0], expected, atol=2e-5)


def test_the_crop_leaves_out_bins_at_both_ends():
    model, whole = enformer.Enformer(SMALL), enformer.Enformer(dataclasses.replace(SMALL, crop=0))
    x = tokens(1, 128)
    variables = started(model, x)
    result, everything = (applied(part, variables, x) for part in (model, whole))
    assert everything.tracks['a'].shape == (1, 16, 3)
    for name in ('a', 'b'):
        np.testing.assert_allclose(result.tracks[name], everything.tracks[name][:, 4:12], rtol=1e-6)
        assert (result.tracks[name] >= 0).all()
    np.testing.assert_allclose(result.pooled_BD, result.hidden_BTD.mean(1), rtol=1e-6)
    assert SMALL.input_spec().bins(128) == 8
    with pytest.raises(ValueError, match='132 bases is not a multiple of the bin of 8'):
        model.apply(variables, x[:, :1].repeat(132, 1))
    with pytest.raises(ValueError, match='8 bins has none left after a crop of 4 bins at each end'):
        model.apply(variables, x[:, :64])


@pytest.mark.parametrize('kind', ['enformer', 'rotary'])
def test_a_sparse_trunk_sees_nothing_beyond_its_reach(kind):
    """The gradient of one bin with respect to DNA is zero exactly beyond their reach."""
    attention = self_attention.AttentionConfig(kind='local', window=2)
    config = dataclasses.replace(SMALL, positions=kind, attention=attention, crop=0)
    model = enformer.Enformer(config)
    x = bases.one_hot(tokens(1, 512))
    variables = started(model, x)

    @jax.jit
    def gradient(x):
        return jax.grad(lambda x: model.apply(variables, x).tracks['a'][0, 32].sum())(x)

    moved = np.flatnonzero(np.abs(gradient(x)[0]).sum(1))
    # Two blocks of 2 bins each side, and the convolutions' 7 + 2 * 2 + 4 * 2 bases, pools' bins
    # included.
    first, last = (32 - 4) * 8 - 23, (32 + 5) * 8 + 23
    assert first <= moved.min() < 30 * 8 and 35 * 8 <= moved.max() < last


@pytest.mark.slow  # tests/nn/test_remat.py has the mechanism
def test_computing_again_saves_memory_and_changes_nothing():
    """The compiled step: 70 % less memory, at most 1.35 times the FLOPs, the same results."""
    spec = importlib.util.spec_from_file_location('enformer_remat', BENCHMARK)
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    config = dataclasses.replace(
        SMALL, width=32, heads=1, stages=5, dropout=0.3, attention_dropout=0.1, basis_dropout=0.1
    )
    result, arguments = [], None
    for policy in ('none', 'block'):
        config = dataclasses.replace(config, remat=policy)
        loss, shapes = bench.gradient(config, 4096)
        if arguments is None:
            variables = started(enformer.Enformer(config), tokens(1, 4096))
            stats = variables['batch_stats']
            arguments = (variables['params'], stats, tokens(1, 4096), jax.random.key(3))
        step = jax.value_and_grad(loss, has_aux=True)
        flops = bench.flops(step, shapes)
        step = jax.jit(step).lower(*shapes).compile()
        result.append((step.memory_analysis().temp_size_in_bytes, flops, step(*arguments)))
    (stored, flops, one), (less, more, other) = result
    assert less <= 0.3 * stored, (less, stored)
    assert more <= 1.35 * flops, (more, flops)
    for ours, theirs in zip(one, other, strict=True):
        pairs = list(zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True))
        largest = max(np.abs(a).max() for a, _ in pairs)
        for a, b in pairs:
            np.testing.assert_allclose(a, b, rtol=0, atol=2e-5 * largest)


def test_half_precision_is_near():
    model = enformer.Enformer(SMALL)
    x = tokens(2, 128)
    variables = started(model, x)
    exact = applied(model, variables, x)
    half = applied(enformer.Enformer(dataclasses.replace(SMALL, dtype='bfloat16')), variables, x)
    assert half.tracks['a'].dtype == jnp.float32 and half.hidden_BTD.dtype == jnp.bfloat16
    apart = np.abs(half.tracks['a'] - exact.tracks['a'])
    assert apart.mean() < 2e-2 * exact.tracks['a'].max()


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'heads': 5}, 'must be a multiple of heads=5'),
        ({'multiple': 5}, 'must be a multiple of multiple=5'),
        ({'basis': 8}, 'must be a multiple of 6'),
        ({'tracks': (3,)}, 'need one number of tracks each'),
        ({'stages': 1}, 'at least 2'),
        ({'dropout': 1.0}, r'must be in \[0, 1\)'),
    ],
)
def test_sizes_that_make_no_enformer_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(SMALL, **changes)


@pytest.fixture(scope='module')
def variant():
    model = enformer_accessibility.EnformerAccessibility(VARIANT)
    x = tokens(2, 128)
    variables = started(model, x)
    names = ('accessibility_BNA', 'accessibility_known_BN')

    @jax.jit
    def predict(values, known):
        return model.apply(variables, x, **dict(zip(names, (values, known), strict=True))).tracks[
            'a'
        ]

    return predict, lambda **accessibility: applied(model, variables, x, **accessibility).tracks[
        'a'
    ]


def coverage(bins, seed=4):
    return jnp.asarray(np.random.default_rng(seed).gamma(2.0, 3.0, (2, bins, 2)), jnp.float32)


def test_what_is_not_known_of_accessibility_does_not_matter(variant):
    predict, eager = variant
    values, none, every = coverage(32), jnp.zeros((2, 32)), jnp.ones((2, 32))
    assert predict(values, every).shape == (2, 6, 3)
    np.testing.assert_array_equal(predict(values, none), predict(values * 0 + 99, none))
    np.testing.assert_allclose(predict(values, none), eager(), atol=1e-5)
    # Zero reads that were counted say something; reads that nobody counted do not.
    assert np.abs(predict(values * 0, every) - predict(values * 0, none)).max() > 1e-3
    assert np.abs(predict(values, every) - predict(values * 0, every)).max() > 1e-3
    half = none.at[:, :16].set(1.0)
    np.testing.assert_array_equal(predict(values, half), predict(values.at[:, 16:].set(7.0), half))


def test_accessibility_may_come_in_wider_or_narrower_bins(variant):
    predict, eager = variant
    coarse = coverage(8)
    finer = predict(jnp.repeat(coarse, 4, axis=1), jnp.ones((2, 32)))
    np.testing.assert_allclose(predict(coarse, jnp.ones((2, 8))), finer, atol=1e-5)
    np.testing.assert_allclose(
        eager(accessibility_BNA=jnp.repeat(coarse, 16, axis=1)), finer, atol=1e-5
    )
    with pytest.raises(ValueError, match='5 bins of accessibility do not fit 32 positions'):
        eager(accessibility_BNA=coverage(5))
    with pytest.raises(ValueError, match='1 accessibility tracks'):
        eager(accessibility_BNA=coarse[..., :1])


def test_the_variant_as_described():
    config = enformer_accessibility.EnformerAccessibilityConfig(inputs=4)
    model = enformer_accessibility.EnformerAccessibility(config)
    dna = jax.ShapeDtypeStruct((1, 131_072), jnp.int32)
    measured = jax.ShapeDtypeStruct((1, 1024, 4), jnp.float32)

    def run(dna, measured):
        return model.init_with_output(jax.random.key(0), dna, accessibility_BNA=measured)

    result, variables = jax.eval_shape(run, dna, measured)
    assert result.tracks['human'].shape == (1, 896, 5313)
    pooled = variables['params']['pool_1']['pool']['kernel'].value
    assert pooled.shape == (1536, 1536)


CONTACTS = {
    **{'width': 16, 'depth': 2, 'heads': 2, 'key_width': 4, 'basis': 12, 'multiple': 8},
    **{'stages': 2, 'crop': 1, 'organisms': ('a',), 'tracks': (1,), 'dtype': 'float32'},
}


def test_contacts_at_scalar_0_are_no_bias_of_attention():
    """Without contacts, and with any at scalar 0, the outputs are equal; at another scalar not."""
    sizes = {'heads': 2, 'key_width': 4, 'basis': 12, 'relative': 'rotary'}
    plain = relative.RelativeAttention(**sizes, dropout=0.0, basis_dropout=0.0)
    biased = relative.RelativeAttention(**sizes, dropout=0.0, basis_dropout=0.0, contacts=True)
    x = jax.random.normal(jax.random.key(0), (2, 6, 8))
    contacts = jax.random.normal(jax.random.key(1), (2, 6, 6))
    full = patterns.full(6)

    @jax.jit
    def outputs(key):
        params = meta.unbox(plain.init(key, x, full))['params']
        params |= {'kernel': jax.random.normal(key, params['kernel'].shape)}
        expected = plain.apply({'params': params}, x, full)

        def with_scale(scale, contacts):
            variables = {'params': {**params, 'contact_scale': jnp.float32(scale)}}
            return biased.apply(variables, x, full, False, contacts)

        return expected, with_scale(0, None), with_scale(0, contacts), with_scale(1, contacts)

    expected, none, zero, one = outputs(jax.random.key(2))
    np.testing.assert_allclose(none, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(zero, expected, rtol=1e-6, atol=1e-6)
    assert np.abs(one - expected).max() > 0.01


@pytest.mark.slow
@pytest.mark.parametrize('positions', ['enformer', 'rotary'])
def test_contacts_are_a_bias_of_attention_that_is_none_at_scalar_0(positions):
    """Equal to no bias at first; then a larger scalar moves attention to pairs in contact."""
    plain = enformer.EnformerConfig(**CONTACTS, positions=positions)
    biased = dataclasses.replace(plain, contacts=True)
    tokens = jax.random.randint(jax.random.key(0), (2, 32), 5, 9)
    contacts = jax.random.normal(jax.random.key(1), (2, 4, 4))
    contacts = contacts + contacts.swapaxes(1, 2)
    variables = meta.unbox(jax.jit(biased.build().init)(jax.random.key(2), tokens))
    attention = variables['params']['layers']['block']['attention']
    assert attention['contact_scale'].shape == (2,)
    # The output projection is zero at first; with it no bias would be seen.
    attention['kernel'] = jax.random.normal(jax.random.key(3), attention['kernel'].shape)
    apply = jax.jit(
        lambda scale, contacts: biased.build().apply(with_scale(variables, scale), tokens,
                                                     contacts_BPP=contacts).tracks['a'].sum()
    )  # fmt: skip
    without = {k: v for k, v in attention.items() if k != 'contact_scale'}
    bare = replaced(variables, without)
    expected = jax.jit(plain.build().apply)(bare, tokens).tracks['a'].sum()
    zero = jnp.zeros(2)
    for given in (contacts, 0 * contacts):
        assert apply(zero, given) == pytest.approx(float(expected), rel=1e-6)
    assert abs(apply(zero + 2, contacts) - expected) > 1e-3
    assert apply(zero + 2, 0 * contacts) == pytest.approx(float(expected), rel=1e-6)
    gradient = jax.jit(jax.grad(lambda scale: apply(scale, contacts)))(zero)
    assert (jnp.abs(gradient) > 1e-6).all()
    with pytest.raises(ValueError, match='does not read contacts'):
        plain.build().apply(bare, tokens, contacts_BPP=contacts)


def replaced(variables, attention):
    block = {**variables['params']['layers']['block'], 'attention': attention}
    return {**variables, 'params': {**variables['params'], 'layers': {'block': block}}}


def with_scale(variables, scale):
    attention = variables['params']['layers']['block']['attention']
    return replaced(variables, {**attention, 'contact_scale': scale})
