"""One token is one mask: rates, shares, what is seen and what it costs in bits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import meta

from genojax import dna, errors, genome, models
from genojax.models import bert, coordinates
from genojax.tasks.masked_lm import masking
from genojax.tasks.masked_lm import objective as mlm
from genojax.tokenizers import bpe, nonoverlapping
from tests.tasks.masked_lm import test_masking
from tests.tokenizers import files


@pytest.fixture(scope='module', params=['kmers', 'bpe'])
def tokenizer(request, tmp_path_factory):
    if request.param == 'kmers':
        return nonoverlapping.NonOverlappingKmerTokenizer(3)
    return bpe.BpeTokenizer(files.gena(tmp_path_factory.mktemp('files') / 'a.json'), tokens=50)


def make_batch(tokenizer, rows=16, length=60, seed=0):
    random = np.random.default_rng(seed)
    bases = random.integers(0, 4, (rows, length)).astype(np.uint8)
    bases[0, 20:33] = dna.UNKNOWN
    valid = np.full(rows, length)
    valid[1] = 31
    bases[1, 31:] = dna.UNKNOWN
    return {
        'regions': random.integers(0, 64, (rows, length)).astype(np.uint8),
        'species': (np.arange(rows) % 2).astype(np.int32),
        'weight': np.ones(rows, np.float32),
        'bases': bases,
        **tokenizer.batch_entries(bases, valid),
    }


def make(tokenizer, positions='learned', coordinate='tokens', **mask):
    sizes = {'width': 8, 'depth': 1, 'heads': 2, 'inner': 8}
    config = bert.BertConfig(
        tokenizer.vocab_size, **sizes, pad_id=tokenizer.special.pad, positions=positions,
        coordinate=coordinate, dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    config = mlm.MlmConfig(mask=masking.MaskConfig(**mask)), models.build(config)
    return mlm.Mlm(*config, tokenizer, ('a', 'b'))


def hide(objective, batch, key=0, config=None):
    config = config or objective.config.mask
    key = jax.random.key(key) if isinstance(key, int) else key
    found = jax.jit(objective.corrupt, static_argnums=2)(key, batch, config)
    return masking.MaskedBatch(*map(np.asarray, found))


def by_base(tokenizer, batch, row):
    """The token of each base of a row; -1 for none."""
    at = np.full(batch['bases'].shape[1], -1)
    for number, (start, end) in enumerate(batch['spans'][row]):
        if start >= 0:
            at[start:end] = number
    return at


def test_a_hidden_token_is_one_mask_and_its_neighbours_stay(tokenizer):
    batch = make_batch(tokenizer)
    hidden = hide(make(tokenizer, rate=0.3, random=0.0, keep=0.0), batch)
    target = hidden.target_BT
    assert 0 < target.sum() < target.size
    assert (hidden.tokens_BT[target] == tokenizer.special.mask).all()
    assert np.array_equal(hidden.tokens_BT[~target], batch['tokens'][~target])
    for row in range(len(target)):
        at = by_base(tokenizer, batch, row)
        gone = (at >= 0) & target[row, np.maximum(at, 0)]
        assert np.array_equal(hidden.action_BL[row] == masking.MaskAction.MASK, gone)
        expected = np.where(gone, dna.UNKNOWN, batch['bases'][row])
        assert np.array_equal(hidden.visible_BL[row], expected)


def test_what_is_no_known_base_is_never_hidden(tokenizer):
    batch = make_batch(tokenizer)
    hidden = hide(make(tokenizer, rate=0.99), batch)
    spelled = tokenizer.maskable[batch['tokens']]
    assert not hidden.target_BT[~spelled].any()
    assert hidden.target_BT[spelled].mean() > 0.9
    assert not hidden.action_BL[batch['bases'] == dna.UNKNOWN].any()


def test_shares_of_mask_random_and_keep_and_random_tokens_are_as_long(tokenizer):
    batch = make_batch(tokenizer, rows=300)
    hidden = hide(make(tokenizer, rate=0.5, random=0.2, keep=0.1), batch)
    target, total = hidden.target_BT, hidden.target_BT.sum()
    masked = hidden.tokens_BT == tokenizer.special.mask
    assert test_masking.within_binomial((masked & target).sum(), total, 0.7)
    other = target & ~masked
    changed = other & (hidden.tokens_BT != batch['tokens'])
    assert test_masking.within_binomial(total, tokenizer.maskable[batch['tokens']].sum(), 0.5)
    lengths = tokenizer.lengths
    assert np.array_equal(lengths[hidden.tokens_BT[other]], lengths[batch['tokens'][other]])
    assert tokenizer.maskable[hidden.tokens_BT[other]].all()
    # A random token is the true one with 1 in as many as there are of its length.
    same = np.bincount(lengths[tokenizer.maskable])
    expected = (0.2 / 0.3 * (1 - 1 / same[lengths[batch['tokens'][other]]])).sum()
    assert abs(changed.sum() - expected) < 5 * np.sqrt(total * 0.2)


def test_nothing_of_a_masked_or_replaced_token_is_left(tokenizer):
    """Put other tokens of the same length in their places: what the model sees is the same."""
    objective = make(tokenizer, rate=0.3, random=0.3, keep=0.2)
    batch = make_batch(tokenizer)
    hidden = hide(objective, batch, key=1)
    secret = hidden.target_BT & (hidden.tokens_BT != batch['tokens'])
    assert secret.any()
    other, bases = batch['tokens'].copy(), batch['bases'].copy()
    for row, place in np.argwhere(secret):
        start, end = batch['spans'][row, place]
        kin = np.flatnonzero(tokenizer.maskable & (tokenizer.lengths == end - start))
        other[row, place] = kin[(np.searchsorted(kin, other[row, place]) + 1) % len(kin)]
        bases[row, start:end] = dna.encode(tokenizer.texts[other[row, place]])
    again = hide(objective, {**batch, 'tokens': other, 'bases': bases}, key=1)
    assert np.array_equal(again.action_BL, hidden.action_BL)
    still = secret & (again.tokens_BT != other)  # a random token may happen to be the new truth
    assert np.array_equal(again.tokens_BT[secret], hidden.tokens_BT[secret]) and still.any()
    gone = np.isin(hidden.action_BL, (masking.MaskAction.MASK, masking.MaskAction.RANDOM))
    assert (again.visible_BL[gone] == dna.UNKNOWN).all()
    assert np.array_equal(again.visible_BL[~gone], hidden.visible_BL[~gone])


def test_a_region_has_its_own_rate_by_the_token_s_middle_base():
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    batch = make_batch(tokenizer, rows=400)
    batch['regions'] = np.zeros_like(batch['regions'])
    batch['regions'][:, 1::6] = int(genome.Region.EXON)  # the middle of every other token
    objective = make(tokenizer, rate=0.4, region_rates={'exon': 0.05})
    target = hide(objective, batch).target_BT[2:]
    for first, rate in ((1, 0.05), (2, 0.4)):
        part = target[:, first:21:2]
        assert test_masking.within_binomial(part.sum(), part.size, rate)


def test_the_same_key_draws_the_same_masks_and_another_key_others(tokenizer):
    objective, batch = make(tokenizer, rate=0.2), make_batch(tokenizer)
    one, two, other = (hide(objective, batch, seed).tokens_BT for seed in (3, 3, 4))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_a_hidden_token_costs_its_code_length_spread_over_its_bases(tokenizer):
    batch = make_batch(tokenizer)
    objective = make(tokenizer, rate=0.3)
    hidden = hide(objective, batch, config=masking.all_masked(objective.config.mask))
    random = np.random.default_rng(1)
    shape = (*batch['tokens'].shape, tokenizer.vocab_size)
    logits = random.normal(size=shape).astype(np.float32)
    bits = np.asarray(jax.jit(objective.masks.bits)(logits, batch, hidden))
    p = np.exp(logits.astype(float)) * tokenizer.maskable
    p /= p.sum(-1, keepdims=True)
    for row, place in np.argwhere(hidden.target_BT):
        start, end = batch['spans'][row, place]
        cost = -np.log2(p[row, place, batch['tokens'][row, place]])
        assert bits[row, start:end] == pytest.approx(
            np.full(end - start, cost / (end - start)), rel=1e-4
        )
    assert not bits[np.asarray(hidden.action_BL) == 0].any()


def test_a_uniform_model_of_six_mers_needs_two_bits_a_base():
    """The 4 single nucleotides beside 4,096 6-mers cost it log2(4100 / 4096) / 6 = 0.0002 bits."""
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    objective = make(tokenizer, rate=0.3)
    batch = make_batch(tokenizer)
    hidden = hide(objective, batch, config=masking.all_masked(objective.config.mask))
    logits = jnp.zeros((*batch['tokens'].shape, tokenizer.vocab_size))
    bits = np.asarray(jax.jit(objective.masks.bits)(logits, batch, hidden))
    whole = np.zeros(bits.shape, bool)
    whole[2:] = hidden.action_BL[2:] > 0
    assert bits[whole] == pytest.approx(np.full(whole.sum(), np.log2(4100) / 6), rel=1e-5)


def test_loss_is_the_mean_over_hidden_tokens_and_its_parts_add_up(tokenizer):
    objective, batch = make(tokenizer, rate=0.3), make_batch(tokenizer)
    batch['left_out'] = np.where(np.arange(16) == 2, 5, 0).astype(np.int32)
    batch['weight'][-1] = 0.0
    params = meta.unbox(jax.jit(objective.init)(jax.random.key(0), batch))['params']
    loss, (_, states) = jax.jit(objective.loss, static_argnums=4)(
        params, {}, batch, jax.random.key(1), False
    )
    target = hide(objective, batch, jax.random.split(jax.random.key(1))[0]).target_BT[:-1]
    assert float(states['loss'].count) == target.sum()
    assert float(loss) == pytest.approx(np.log(tokenizer.vocab_size), rel=0.05)
    species = states['loss/species']
    assert float(species.total.sum()) == pytest.approx(float(states['loss'].total), rel=1e-5)
    assert species.count.tolist() == [target[::2].sum(), target[1::2].sum()]
    nowhere = sum(
        batch['regions'][row, (start + end - 1) // 2] == 0
        for row, place in np.argwhere(target)
        for start, end in [batch['spans'][row, place]]
    )
    assert states['loss/region'].count[-1] == nowhere
    left = states['left_out']
    assert (float(left.total), float(left.count)) == (5.0, 5.0 + batch['valid'][:-1].sum())


def test_what_is_scored_is_what_was_hidden_under_masks_alone(tokenizer):
    objective, batch = make(tokenizer, rate=0.3, random=0.5, keep=0.5), make_batch(tokenizer)
    params = meta.unbox(jax.jit(objective.init)(jax.random.key(0), batch))['params']
    bits, hidden = jax.jit(objective.score)(params, {}, batch, jax.random.key(2))
    bits, hidden = np.asarray(bits), np.asarray(hidden)
    expected = hide(objective, batch, 2, masking.all_masked(objective.config.mask))
    assert np.array_equal(hidden, expected.action_BL == masking.MaskAction.MASK)
    assert (bits[hidden] > 0).all() and not bits[~hidden].any()
    assert (batch['bases'][hidden] < dna.UNKNOWN).all()


def test_a_model_along_cpg_density_trains_on_k_mers_and_may_not_on_bpe(tmp_path):
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    objective = make(tokenizer, 'alibi', 'cpg', rate=0.3)
    batch = make_batch(tokenizer)
    params = meta.unbox(jax.jit(objective.init)(jax.random.key(0), batch))['params']
    loss = jax.jit(objective.loss, static_argnums=4)(params, {}, batch, jax.random.key(1), False)[0]
    assert np.isfinite(float(loss))
    with pytest.raises(ValueError, match='needs the spans'):
        coordinates.model_inputs(objective.model.config, tokenizer, jnp.asarray(batch['bases']))
    with pytest.raises(errors.UsageError, match='how long a hidden BPE token is'):
        make(bpe.BpeTokenizer(files.write(tmp_path / 'a.json')), 'alibi', 'cpg')
