"""Masks over non-overlapping tokens: rates, shares, visible tokens and bits per base."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, genome, models
from genojax.models import bert, coordinates
from genojax.tasks.masked_lm import masking, objective
from genojax.tokenizers import bpe, nonoverlapping
from tests.tasks import variables
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
    task_config = objective.MaskedLmConfig(mask=masking.MaskConfig(**mask))
    task = task_config.build('masked_lm', models.build(config), tokenizer)
    task._name_groups(('a', 'b'))
    return task


def hide(task, batch, key=0, config=None):
    key = jax.random.key(key) if isinstance(key, int) else key
    return test_masking.corrupt(task, batch, key, config)[0]


def by_base(tokenizer, batch, row):
    """The token of each base of a row; -1 for none."""
    at = np.full(batch['bases'].shape[1], -1)
    for number, (start, end) in enumerate(batch['spans'][row]):
        if start >= 0:
            at[start:end] = number
    return at


def test_a_hidden_token_is_one_mask_and_others_are_unchanged(tokenizer):
    batch = make_batch(tokenizer)
    hidden = hide(make(tokenizer, rate=0.3, random=0.0, keep=0.0), batch)
    target = hidden.target_BT
    assert 0 < target.sum() < target.size
    assert (hidden.tokens_BT[target] == tokenizer.special.mask).all()
    assert np.array_equal(hidden.tokens_BT[~target], batch['tokens'][~target])
    for row in range(len(target)):
        at = by_base(tokenizer, batch, row)
        masked = (at >= 0) & target[row, np.maximum(at, 0)]
        assert np.array_equal(hidden.action_BL[row] == masking.MaskAction.MASK, masked)
        expected = np.where(masked, dna.UNKNOWN, batch['bases'][row])
        assert np.array_equal(hidden.visible_BL[row], expected)


def test_tokens_without_known_bases_are_never_hidden(tokenizer):
    batch = make_batch(tokenizer)
    hidden = hide(make(tokenizer, rate=0.99), batch)
    spelled = tokenizer.maskable[batch['tokens']]
    assert not hidden.target_BT[~spelled].any()
    assert hidden.target_BT[spelled].mean() > 0.9
    assert not hidden.action_BL[batch['bases'] == dna.UNKNOWN].any()


def test_shares_of_actions_and_random_tokens_of_the_same_length(tokenizer):
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
    # A random token is the true one with probability 1 / (number of tokens of its length).
    same = np.bincount(lengths[tokenizer.maskable])
    expected = (0.2 / 0.3 * (1 - 1 / same[lengths[batch['tokens'][other]]])).sum()
    assert abs(changed.sum() - expected) < 5 * np.sqrt(total * 0.2)


def test_the_model_s_input_does_not_depend_on_hidden_tokens(tokenizer):
    """With other tokens of the same length in their positions the model's input is the same."""
    task = make(tokenizer, rate=0.3, random=0.3, keep=0.2)
    batch = make_batch(tokenizer)
    hidden = hide(task, batch, key=1)
    secret = hidden.target_BT & (hidden.tokens_BT != batch['tokens'])
    assert secret.any()
    other, bases = batch['tokens'].copy(), batch['bases'].copy()
    for row, column in np.argwhere(secret):
        start, end = batch['spans'][row, column]
        same_size = np.flatnonzero(tokenizer.maskable & (tokenizer.lengths == end - start))
        index = np.searchsorted(same_size, other[row, column]) + 1
        other[row, column] = same_size[index % len(same_size)]
        bases[row, start:end] = dna.encode(tokenizer.texts[other[row, column]])
    again = hide(task, {**batch, 'tokens': other, 'bases': bases}, key=1)
    assert np.array_equal(again.action_BL, hidden.action_BL)
    # A random token may equal the new true one.
    still = secret & (again.tokens_BT != other)
    assert np.array_equal(again.tokens_BT[secret], hidden.tokens_BT[secret]) and still.any()
    changed = np.isin(hidden.action_BL, (masking.MaskAction.MASK, masking.MaskAction.RANDOM))
    assert (again.visible_BL[changed] == dna.UNKNOWN).all()
    assert np.array_equal(again.visible_BL[~changed], hidden.visible_BL[~changed])


def test_a_region_has_its_own_rate_by_the_token_s_middle_base():
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    batch = make_batch(tokenizer, rows=400)
    batch['regions'] = np.zeros_like(batch['regions'])
    batch['regions'][:, 1::6] = int(genome.Region.EXON)  # the middle of every other token
    task = make(tokenizer, rate=0.4, region_rates={'exon': 0.05})
    target = hide(task, batch).target_BT[2:]
    for first, rate in ((1, 0.05), (2, 0.4)):
        part = target[:, first:21:2]
        assert test_masking.within_binomial(part.sum(), part.size, rate)


def test_the_same_key_draws_the_same_masks_and_another_key_others(tokenizer):
    task, batch = make(tokenizer, rate=0.2), make_batch(tokenizer)
    one, two, other = (hide(task, batch, seed).tokens_BT for seed in (3, 3, 4))
    assert np.array_equal(one, two) and not np.array_equal(one, other)


def test_a_hidden_token_costs_its_code_length_divided_among_its_bases(tokenizer):
    batch = make_batch(tokenizer)
    task = make(tokenizer, rate=0.3)
    hidden = hide(task, batch, config=masking.all_masked(task.config.mask))
    random = np.random.default_rng(1)
    shape = (*batch['tokens'].shape, tokenizer.vocab_size)
    logits = random.normal(size=shape).astype(np.float32)
    bits = np.asarray(jax.jit(task.masks.bits)(logits, batch, hidden))
    p = np.exp(logits.astype(float)) * tokenizer.maskable
    p /= p.sum(-1, keepdims=True)
    for row, column in np.argwhere(hidden.target_BT):
        start, end = batch['spans'][row, column]
        cost = -np.log2(p[row, column, batch['tokens'][row, column]])
        assert bits[row, start:end] == pytest.approx(
            np.full(end - start, cost / (end - start)), rel=1e-4
        )
    assert not bits[np.asarray(hidden.action_BL) == 0].any()


def test_a_uniform_model_of_six_mers_needs_two_bits_per_base():
    """The 4 single nucleotides beside 4,096 6-mers add log2(4100 / 4096) / 6 = 0.0002 bits."""
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(6)
    task = make(tokenizer, rate=0.3)
    batch = make_batch(tokenizer)
    hidden = hide(task, batch, config=masking.all_masked(task.config.mask))
    logits = jnp.zeros((*batch['tokens'].shape, tokenizer.vocab_size))
    bits = np.asarray(jax.jit(task.masks.bits)(logits, batch, hidden))
    whole = np.zeros(bits.shape, bool)
    whole[2:] = hidden.action_BL[2:] > 0
    assert bits[whole] == pytest.approx(np.full(whole.sum(), np.log2(4100) / 6), rel=1e-5)


def test_loss_is_the_mean_over_hidden_tokens_and_its_parts_add_up(tokenizer):
    task, batch = make(tokenizer, rate=0.3), make_batch(tokenizer)
    batch['left_out'] = np.where(np.arange(16) == 2, 5, 0).astype(np.int32)
    batch['weight'][-1] = 0.0
    params, extra = variables.init(task, batch)
    loss, (_, states) = jax.jit(task.loss, static_argnums=4)(
        params, extra, batch, jax.random.key(1), False
    )
    target = hide(task, batch, jax.random.split(jax.random.key(1))[0]).target_BT[:-1]
    assert float(states['loss'].count) == target.sum()
    assert float(loss) == pytest.approx(np.log(tokenizer.vocab_size), rel=0.05)
    species = states['loss/species']
    assert float(species.total.sum()) == pytest.approx(float(states['loss'].total), rel=1e-5)
    assert species.count.tolist() == [target[::2].sum(), target[1::2].sum()]
    nowhere = sum(
        batch['regions'][row, (start + end - 1) // 2] == 0
        for row, column in np.argwhere(target)
        for start, end in [batch['spans'][row, column]]
    )
    assert states['loss/region'].count[-1] == nowhere
    left = states['left_out']
    assert (float(left.total), float(left.count)) == (5.0, 5.0 + batch['valid'][:-1].sum())


def test_scored_bases_are_those_that_all_masked_hides(tokenizer):
    task, batch = make(tokenizer, rate=0.3, random=0.5, keep=0.5), make_batch(tokenizer)
    params, extra = variables.init(task, batch)
    bits, hidden = jax.jit(task.score)(params, extra, batch, jax.random.key(2))
    bits, hidden = np.asarray(bits), np.asarray(hidden)
    expected = hide(task, batch, 2, masking.all_masked(task.config.mask))
    assert np.array_equal(hidden, expected.action_BL == masking.MaskAction.MASK)
    assert (bits[hidden] > 0).all() and not bits[~hidden].any()
    assert (batch['bases'][hidden] < dna.UNKNOWN).all()


def test_a_cpg_coordinate_is_for_kmers_and_not_for_bpe(tmp_path):
    tokenizer = nonoverlapping.NonOverlappingKmerTokenizer(3)
    task = make(tokenizer, 'alibi', 'cpg', rate=0.3)
    batch = make_batch(tokenizer)
    params, extra = variables.init(task, batch)
    loss = jax.jit(task.loss, static_argnums=4)(params, extra, batch, jax.random.key(1), False)[0]
    assert np.isfinite(float(loss))
    with pytest.raises(ValueError, match='needs the spans'):
        coordinates.model_inputs(task.model.config, tokenizer, jnp.asarray(batch['bases']))
    bpe_task = make(bpe.BpeTokenizer(files.write(tmp_path / 'a.json')), 'alibi', 'cpg')
    assert not task.misfits()
    (line,) = bpe_task.misfits()
    assert 'the length of a hidden BPE token' in line
