"""Positions: what each is defined by, and the laws of the CpG coordinate."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import attention, dna
from genojax.attention import patterns
from genojax.nn import positions
from genojax.tokenizers import nonoverlapping

# Compiled as one: every operation alone is much more to compile.
cpg_coordinate = jax.jit(positions.cpg_coordinate, static_argnames=('half_window', 'rates'))


def sequence(length, seed=0, island=None):
    """Random bases poor in CpG but for an island of CG repeats with random bases."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 4, length).astype(np.uint8)
    codes[1:][(codes[:-1] == 1) & (codes[1:] == 2) & (random.random(length - 1) < 0.8)] = 3
    if island:
        codes[island[0] : island[1]] = np.tile([1, 2], (island[1] - island[0]) // 2 + 1)[
            : island[1] - island[0]
        ]
    return codes


def test_rotary_depends_on_distance_alone_and_keeps_norms():
    random = np.random.default_rng(0)
    q, k = (jnp.asarray(random.standard_normal((1, 1, 1, 16)), jnp.float32) for _ in range(2))

    def at(x, p):
        return positions.rotary(x, jnp.asarray([[p]], jnp.float32))[0, 0, 0]

    one, two = at(q, 3.5) @ at(k, 10.25), at(q, 103.5) @ at(k, 110.25)
    np.testing.assert_allclose(one, two, rtol=1e-4)
    assert abs(one - at(q, 3.5) @ at(k, 11.25)) > 1e-3
    np.testing.assert_allclose(jnp.linalg.norm(at(q, 77.0)), jnp.linalg.norm(q), rtol=1e-6)
    # feature 0 turns by the position itself, its partner is feature K/2
    x = jnp.zeros((1, 1, 1, 16)).at[..., 0].set(1.0)
    turned = at(x, 0.5)
    np.testing.assert_allclose([turned[0], turned[8]], [np.cos(0.5), np.sin(0.5)], rtol=1e-6)
    with pytest.raises(ValueError, match='odd'):
        positions.rotary(jnp.zeros((1, 1, 1, 3)), jnp.zeros((1, 1)))


def test_alibi_slopes():
    np.testing.assert_allclose(positions.alibi_slopes(8), 2.0 ** -np.arange(1, 9))
    twelve = positions.alibi_slopes(12)  # DNABERT-2's
    np.testing.assert_allclose(twelve[:8], 2.0 ** -np.arange(1, 9))
    np.testing.assert_allclose(twelve[8:], 2.0 ** -np.array([0.5, 1.5, 2.5, 3.5]))


def test_enformer_basis_written_out():
    length, count = 1536, 32
    basis = positions.enformer_basis(length)
    assert basis.shape == (2 * length - 1, 192)
    distance = np.arange(1 - length, length)
    np.testing.assert_allclose(basis[:, 0], 2.0 ** (-np.abs(distance) / 8), rtol=1e-5, atol=1e-38)
    np.testing.assert_array_equal(basis[:, 32 + 4], np.abs(distance) < 31)
    gamma = basis[:, 64:96]
    np.testing.assert_allclose(gamma.max(0), 1)  # over positions, each feature
    mode = [(m**2 - (length / 64) ** 2) / m for m in np.linspace(length / count, length, count)]
    np.testing.assert_allclose(np.abs(distance[gamma.argmax(0)]), mode, atol=1.01)
    np.testing.assert_array_equal(basis[:, 96:], np.sign(distance)[:, None] * basis[:, :96])


@pytest.mark.parametrize('text', ['A' * 700, 'CG' * 350, 'N' * 700])
def test_constant_density_is_the_plain_token_number(text):
    s = cpg_coordinate(jnp.asarray(dna.encode(text))[None])
    np.testing.assert_array_equal(s[0], np.arange(700))
    x = jnp.asarray(np.random.default_rng(0).standard_normal((1, 700, 2, 8)), jnp.float32)
    plain = positions.rotary(x, jnp.arange(700)[None])
    np.testing.assert_array_equal(positions.rotary(x, s), plain)


def test_reverse_complement_mirrors_the_coordinate():
    codes = sequence(3001, island=(1200, 1700))
    codes[40:90] = 4
    both = np.stack([codes, dna.reverse_complement(codes)])
    forward, back = np.asarray(cpg_coordinate(jnp.asarray(both)))
    np.testing.assert_allclose(back, 3000 - forward[::-1], atol=2e-3)


def test_runs_faster_in_an_island_and_within_its_limits():
    codes = sequence(6000, island=(3000, 3600))
    s = np.asarray(cpg_coordinate(jnp.asarray(codes)[None]))[0]
    step = np.diff(s)
    assert (step > 0).all() and s[0] == 0 and abs(s[-1] - 5999) < 0.01
    low, high = positions.CPG_RATES
    assert step.max() / step.min() <= high / low + 0.01  # f32 near 6,000 resolves 1/2,048
    assert step[3200:3400].mean() > 2 * step[500:2500].mean()


def test_density_is_the_formula():
    codes, h = sequence(400, island=(100, 150)), 30
    s = np.asarray(cpg_coordinate(jnp.asarray(codes)[None], half_window=h, rates=(0.01, 99.0)))[0]
    rate = []
    for i in range(399):
        w = codes[max(i + 1 - h, 0) : i + 1 + h]
        cpg = ((w[:-1] == 1) & (w[1:] == 2)).sum()
        rate.append((cpg + 1) / ((w == 1).sum() * (w == 2).sum() / len(w) + 1))
    np.testing.assert_allclose(np.diff(s), rate / np.mean(rate), atol=3e-5)


def test_padding_does_not_change_the_rest():
    codes = sequence(900, island=(300, 500))
    alone = cpg_coordinate(jnp.asarray(codes)[None])
    padded = jnp.asarray(np.concatenate([codes, np.full(124, 4, np.uint8)]))[None]
    s = cpg_coordinate(padded, valid_B=jnp.asarray([900]))
    np.testing.assert_allclose(s[:, :900], alone, atol=1e-3)
    np.testing.assert_allclose(np.diff(s[0, 899:]), 1, atol=1e-3)


def test_overlapping_tokens_stand_between_their_first_and_last_base():
    s = jnp.asarray([[0.0, 1.0, 3.0, 6.0, 10.0]])
    spans = jnp.asarray([[[-1, -1], [0, 3], [1, 4], [2, 5], [-1, -1]]])
    result = positions.token_coordinate(s, spans, 'ends')
    np.testing.assert_allclose(result[0], [0, 1.5, 3.5, 6.5, 10])


def test_tokens_side_by_side_stand_at_their_middle_base_along_any_coordinate():
    tokenizer, rng = nonoverlapping.NonOverlappingKmerTokenizer(3), np.random.default_rng(0)
    codes = rng.integers(0, 4, (16, 60), dtype=np.uint8)
    codes[0, 20:33] = dna.UNKNOWN
    valid = np.where(np.arange(16) == 1, 31, 60)
    spans_BT2 = jnp.asarray(tokenizer.encode_rows(codes, valid).spans_BT2)
    along = np.cumsum(rng.random((16, 60)), axis=1).astype(np.float32)
    result = np.asarray(positions.token_coordinate(jnp.asarray(along), spans_BT2, 'middle'))
    for row in range(16):
        for place, (start, end) in enumerate(np.asarray(spans_BT2)[row]):
            if start >= 0:
                middle = along[row, [(start + end - 1) // 2, (start + end) // 2]].mean()
                assert result[row, place] == pytest.approx(middle)
    assert np.array_equal(result[:, 0], along[:, 0])
    assert result[1, -1] == along[1, 30]  # behind the last token: at its last base
    # Where every step is 1 the middle base of three stands between the first and the last.
    steady = jnp.broadcast_to(jnp.arange(60.0), (1, 60))
    ends = positions.token_coordinate(steady, spans_BT2[2:3], 'ends')
    assert np.array_equal(ends, positions.token_coordinate(steady, spans_BT2[2:3], 'middle'))


def test_works_in_a_sparse_pattern():
    codes = jnp.asarray(sequence(512, island=(200, 300)))[None]
    s = cpg_coordinate(codes, half_window=50)
    q = jnp.asarray(np.random.default_rng(0).standard_normal((1, 512, 2, 8)), jnp.float32)
    pattern = patterns.bigbird(512, 32)

    def run(name):
        return attention.attend(q, q, q, pattern, bias=positions.alibi(2, s), implementation=name)

    np.testing.assert_allclose(run('block_sparse'), run('reference'), atol=1e-5)
    plain = attention.attend(q, q, q, pattern, bias=positions.alibi(2, jnp.arange(512)[None]))
    assert np.abs(run('reference') - plain).max() > 1e-3


def test_counted_positions_are_the_numbers_of_real_tokens():
    real = jnp.asarray([[True, True, False, True], [False, True, True, False]])
    result = positions.count(real, 3)
    assert np.array_equal(result, [[4, 5, 3, 6], [3, 4, 5, 3]])
