"""Steps of the scan against the dense scores: all biases, segments and dropout, tile by tile."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention
from genojax.attention import inputs, patterns, reference
from genojax.attention.xla import operands, step

B, H, BLOCK = 2, 2, 8
PATTERNS = {
    'sparse': patterns.local(45, 6),
    'dense': patterns.longformer(150, 4, [0, 149]),
    'heads': patterns.bigbird(64, 8, per_head=2),
    'counted': patterns.bigbird(64, 8, plan='hf_eval') & patterns.causal(64),
}
OPTIONS = ('plain', 'segments', 'linear', 'array', 'dropout')


def modifiers_of(option, n):
    random = np.random.default_rng(0)
    if option == 'segments':
        return attention.Modifiers(segments_BL=jnp.asarray(random.integers(0, 3, (B, n))))
    if option == 'linear':
        coord = jnp.asarray(random.uniform(0, 9, (B, n)), jnp.float32)
        return attention.Modifiers(bias=attention.LinearBias(jnp.array([0.5, -2.0]), coord, coord))
    if option == 'array':
        return attention.Modifiers(bias=jnp.asarray(random.standard_normal((1, H, n, n))))
    if option == 'dropout':
        return attention.Modifiers(dropout=attention.Dropout(0.4, jax.random.key(1)))
    return attention.Modifiers()


def written_out(spec, block_inputs, read):
    """What `read(step)` returns for every pair, [B, H, L, M]; NaN where no step comes."""
    plan = spec.schedule()
    b, n = spec.block, spec.pattern.length
    out = np.full((B * H, plan.num_q_blocks * b, plan.num_kv_blocks * b), np.nan)
    for table in plan.tables:
        numbers = jnp.arange(B * H * len(table.rows))

        def one(s, table=table):
            x = step.Step(spec, table, block_inputs, s)
            return read(x), x.row, x.column, x.real, x.bh, jnp.asarray(x.slot_bias > -jnp.inf)

        values, rows, columns, real, bh, filled = map(np.asarray, jax.jit(jax.vmap(one))(numbers))
        _, g, r = table.rows.shape
        values = values.reshape(len(numbers), g, r, b, -1, b).swapaxes(3, 4)
        for s, i, j, c in np.ndindex(values.shape[:4]):
            if real[s, i, j] and filled[s, i, j, c]:
                row, column = rows[s, i, j] * b, columns[s, i, c] * b
                out[bh[s], row : row + b, column : column + b] = values[s, i, j, c]
    return out.reshape(B, H, *out.shape[1:])[:, :, :n, :n]


@pytest.mark.parametrize('option', OPTIONS[:4])
@pytest.mark.parametrize('name', PATTERNS)
def test_masked_scores_are_those_of_the_reference(name, option):
    pattern = PATTERNS[name]
    n, modifiers = pattern.length, modifiers_of(option, pattern.length)
    x = jnp.zeros((B, n, H, 4))
    spec = operands.make_spec(pattern, x, modifiers, scale=1.0, block=BLOCK, chunk=3)
    block_inputs = operands.make_inputs(spec, modifiers)

    def masked(at):
        return at.mask(jnp.zeros((at.g, at.r * at.b, at.n * at.b)))

    got = written_out(spec, block_inputs, masked)
    expected = reference.scores(
        x,
        x,
        weights_LM=jnp.asarray(pattern.weights()),
        scale=1.0,
        segment_mask_BLM=inputs.same_segment(modifiers.segments_BL, None),
        bias=modifiers.bias,
    )
    got = np.where(np.isnan(got), -np.inf, got)
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize('name', ['sparse', 'dense'])
def test_dropout_is_a_function_of_the_pair_not_of_the_step(name):
    pattern = PATTERNS[name]
    n, modifiers = pattern.length, modifiers_of('dropout', pattern.length)
    x = jnp.zeros((B, n, H, 4))
    spec = operands.make_spec(pattern, x, modifiers, scale=1.0, block=BLOCK, chunk=3)
    got = written_out(spec, operands.make_inputs(spec, modifiers), lambda at: at.keep())
    row, i, j = np.ogrid[: B * H, :n, :n]
    keep = np.asarray(jax.jit(modifiers.dropout.keep)(row, i, j)).reshape(B, H, n, n)
    computed = ~np.isnan(got)
    np.testing.assert_allclose(got[computed], (keep / 0.6)[computed], rtol=1e-6)
    assert computed[:, :, pattern.mask()].all()


def test_rows_that_stand_for_none_are_written_beyond_the_end():
    pattern = patterns.local(45, 6)
    x, modifiers = jnp.zeros((B, 45, H, 4)), attention.Modifiers()
    spec = operands.make_spec(pattern, x, modifiers, scale=1.0, block=BLOCK, chunk=4)
    (table,), block_inputs = spec.schedule().tables, operands.make_inputs(spec, modifiers)
    last = step.Step(spec, table, block_inputs, jnp.int32(len(table.rows) - 1))
    np.testing.assert_array_equal(np.asarray(last.real).ravel(), [True, True, False, False])
    assert (np.asarray(last.out_row)[2:] == B * H * 6).all()
    assert (np.asarray(last.row)[2:] == 0).all(), 'but gathered from a row that exists'
