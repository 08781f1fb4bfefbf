"""N-gram experts: counts against a slow count, rows left out of their counts, both strands."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import models
from genojax.models import bert
from genojax.nn import bases, ngram_config, ngram_experts
from genojax.tasks.masked_lm import ngram_counts

CONFIG = ngram_config.NgramConfig(side=3, both=2, species=2, species_dropout=0.0)


def random_rows(seed, rows=4, length=30):
    rng = np.random.default_rng(seed)
    return rng.choice(5, (rows, length), p=[0.3, 0.3, 0.2, 0.15, 0.05]).astype(np.uint8)


def tables_of(rows_by_species):
    """Tables by name, as `ngram_counts.counted` fills them."""
    tables = {}
    for left, right in CONFIG.contexts:
        parts = [ngram_counts.count(rows, left, right) for rows in rows_by_species]
        tables[ngram_config.table_name(left, right)] = np.stack(
            [sum(parts), *parts], dtype=np.float32
        )
    return tables


@pytest.mark.parametrize(('left', 'right'), [(2, 0), (1, 1)])
def test_a_row_s_own_counts_are_those_of_a_slow_count(left, right):
    rows = jnp.asarray(random_rows(1, rows=2), jnp.int32)
    index_BT = ngram_experts.context_index(rows, left, right)
    own_BT4 = np.asarray(ngram_experts.own_counts(rows, index_BT, left, right))
    for row in range(2):
        table_C4 = ngram_counts.count(np.asarray(rows[row : row + 1], np.uint8), left, right)
        expected_T4 = np.where((index_BT[row] >= 0)[:, None], table_C4[index_BT[row]], 0)
        np.testing.assert_array_equal(own_BT4[row], expected_T4)


@pytest.fixture(scope='module')
def experts():
    """`call(tables, codes, species, own)`: log-probabilities [B, T, E, 4] of a module, jitted."""
    module = ngram_experts.NgramExperts(CONFIG, width=4)
    ids = jnp.full((4, 30), bases.FIRST)
    params = meta.unbox(jax.jit(module.init)(jax.random.key(0), ids, jnp.zeros(4, int)))['params']

    @jax.jit
    def call(tables, codes_BT, species_B, own_codes_BT=None):
        own = None if own_codes_BT is None else own_codes_BT + bases.FIRST
        variables = {'params': params, ngram_config.COLLECTION: tables}
        return module.apply(variables, codes_BT + bases.FIRST, species_B, own)[1]

    return call


def test_a_row_is_left_out_of_its_counts_and_its_hidden_bases_change_nothing(experts):
    """With the row counted and subtracted the experts say what they say without the row."""
    others = [random_rows(2), random_rows(3)]
    row_BT, species_B = random_rows(4, rows=4), jnp.array([1, 1, 1, 1])
    hidden_BT = np.random.default_rng(5).random(row_BT.shape) < 0.2
    visible_BT = jnp.asarray(np.where(hidden_BT, 4, row_BT), jnp.int32)
    without = experts(tables_of(others), visible_BT, species_B)
    for at in range(4):
        counted = [others[0], np.concatenate([others[1], row_BT[at : at + 1]])]
        own = jnp.asarray(row_BT, jnp.int32)
        one = experts(tables_of(counted), visible_BT, species_B, own)
        np.testing.assert_allclose(one[at], without[at], rtol=1e-6, atol=1e-6)
        with_it = experts(tables_of(counted), visible_BT, species_B)
        assert np.abs(with_it[at] - without[at]).max() > 0.01  # else the test tests nothing


def test_the_reverse_strand_is_the_mirror(experts):
    tables, species_B = tables_of([random_rows(2), random_rows(3)]), jnp.array([0, 1, 0, 1])
    codes_BT = jnp.asarray(random_rows(6), jnp.int32)
    there_BTE4 = experts(tables, codes_BT, species_B)
    back_BTE4 = experts(tables, ngram_experts.reverse_complement(codes_BT), species_B)[
        :, ::-1, :, ::-1
    ]
    # Left and right change places: the experts are left, both, right, in `sets` each.
    side = CONFIG.sets * len(ngram_config.reported_orders(CONFIG.side))
    left, both, right = np.split(np.asarray(back_BTE4), [side, CONFIG.experts - side], axis=2)
    np.testing.assert_allclose(np.concatenate([right, both, left], 2), there_BTE4, atol=1e-5)


def test_experts_are_distributions_and_fall_back_where_nothing_is_known(experts):
    tables = tables_of([random_rows(2), random_rows(3)])
    unknown_BT = jnp.full((4, 30), 4, jnp.int32)
    log_BTE4 = np.asarray(experts(tables, unknown_BT, jnp.zeros(4, int)))
    p_BTE4 = np.exp(log_BTE4 - np.log(np.exp(log_BTE4).sum(-1, keepdims=True)))
    # Without a context every expert is the composition of all rows, or of the species.
    for count_4, part in (
        (tables['left0_right0'][0, 0], 0),
        (tables['left0_right0'][1, 0], 1),
    ):
        prior = np.exp(2.0)
        expected = (count_4 + prior / 4) / (count_4.sum() + prior)
        np.testing.assert_allclose(p_BTE4[0, 5, part], expected, rtol=1e-5)


def test_a_model_without_a_species_reads_the_counts_of_all(experts):
    assert CONFIG.experts == 2 * (2 * 2 + 1)
    tables = tables_of([random_rows(2), random_rows(3)])
    codes_BT = jnp.asarray(random_rows(6), jnp.int32)
    # -1 is what `None` reads: row 0 of every table.
    none_BTE4 = np.asarray(experts(tables, codes_BT, jnp.full(4, -1)))
    np.testing.assert_array_equal(none_BTE4[:, :, 0], none_BTE4[:, :, 1])


@pytest.mark.parametrize(
    ('fields', 'message'),
    [({'side': 12}, 'side=12'), ({'both': 6}, 'both=6'), ({'species': -1}, 'species=-1')],
)
def test_tables_that_do_not_fit_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        ngram_config.NgramConfig(**fields)


def test_only_single_bases_can_be_counted():
    with pytest.raises(ValueError, match="tokenizer.kind='nucleotide'"):
        bert.BertConfig(vocab=69, ngrams=CONFIG)
    config = bert.BertConfig(vocab=10, ngrams=CONFIG, width=8, depth=1, heads=1, inner=8)
    assert config.counted_contexts is CONFIG
    assert models.build(config).config is config
