"""Masks: rates, regions, shares of actions, determinism, and no visible hidden base."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, genome, models
from genojax.models import bert
from genojax.tasks.masked_lm import masking, objective
from genojax.tokenizers import kmer, nucleotide

ROWS, LENGTH = 64, 400


def actions(config, regions=None, seed=0, allowed=None):
    shape = (ROWS, LENGTH)
    regions = np.zeros(shape, np.int32) if regions is None else regions
    allowed = np.ones(shape, bool) if allowed is None else allowed
    rate = masking.rates(config, jnp.asarray(regions))
    return np.asarray(masking.draw(jax.random.key(seed), rate, jnp.asarray(allowed), config))


def within_binomial(count, total, share, span=1):
    """Within five standard deviations; the bases of one span are hidden together."""
    return abs(count / total - share) < 5 * np.sqrt(share * (1 - share) * span / total)


@pytest.mark.parametrize(('rate', 'span'), [(0.15, 1), (0.15, 6), (0.4, 3)])
def test_the_rate_is_the_share_of_bases_hidden(rate, span):
    hidden = actions(masking.MaskConfig(rate=rate, span=span))[:, span:] > 0
    assert within_binomial(hidden.sum(), hidden.size, rate, span)


def test_a_region_has_its_own_rate_and_the_lowest_of_nested_regions_applies():
    config = masking.MaskConfig(rate=0.3, region_rates={'exon': 0.1, 'cds': 0.02, 'repeat': 0.5})
    exon, cds, repeat = genome.Region.EXON, genome.Region.CDS, genome.Region.REPEAT
    kinds = [(0, 0.3), (exon, 0.1), (exon | cds, 0.02), (repeat, 0.5), (repeat | exon, 0.1)]
    regions = np.repeat([int(kind) for kind, _ in kinds], LENGTH // len(kinds))[None]
    hidden = actions(config, np.broadcast_to(regions, (ROWS, LENGTH)).astype(np.int32)) > 0
    for kind, rate in kinds:
        part = hidden[:, regions[0] == int(kind)]
        assert within_binomial(part.sum(), part.size, rate), kind


def test_shares_of_mask_random_and_keep():
    action = actions(masking.MaskConfig(rate=0.3))
    hidden = (action > 0).sum()
    for kind, share in (
        (masking.MaskAction.MASK, 0.8),
        (masking.MaskAction.RANDOM, 0.1),
        (masking.MaskAction.KEEP, 0.1),
    ):
        assert within_binomial((action == kind).sum(), hidden, share)


def test_a_span_has_one_action():
    """If starts are rare, a run of hidden bases is one span, with the same action throughout."""
    action = actions(masking.MaskConfig(rate=0.02, span=5, random=0.3, keep=0.3))
    runs = 0
    for row in action:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row > 0, [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start == 5 and start > 0 and end < LENGTH:
                runs += 1
                assert len(set(row[start:end])) == 1
    assert runs > 50


def test_the_same_key_draws_the_same_masks_and_another_key_others():
    config = masking.MaskConfig(rate=0.1)
    assert np.array_equal(actions(config, seed=3), actions(config, seed=3))
    assert not np.array_equal(actions(config, seed=3), actions(config, seed=4))


def test_bases_that_share_a_kmer_with_an_unknown_one_are_never_hidden():
    bases = np.zeros((1, 20), np.int32)
    bases[0, 10] = dna.UNKNOWN
    assert np.flatnonzero(~np.asarray(masking.allowed(jnp.asarray(bases), 3))[0]).tolist() == [
        8, 9, 10, 11, 12
    ]  # fmt: skip


def make(tokenizer, **config):
    model = models.build(bert.BertConfig(tokenizer.vocab_size, width=8, depth=1, heads=2, inner=8))
    config = objective.MaskedLmConfig(mask=masking.MaskConfig(**config))
    task = config.build('masked_lm', model, tokenizer)
    task._name_groups(('a', 'b'))
    return task


def make_batch(tokenizer, rows=16, length=60, seed=0, unknown=True):
    rng = np.random.default_rng(seed)
    bases = rng.integers(0, 4, (rows, length)).astype(np.uint8)
    if unknown:
        bases[0, 20:23] = dna.UNKNOWN
    return {
        'bases': bases,
        'regions': rng.integers(0, 64, (rows, length)).astype(np.uint8),
        'tokens': tokenizer.encode(bases, special=True),
        'species': (np.arange(rows) % 2).astype(np.int32),
        'weight': np.ones(rows, np.float32),
    }


def corrupt(task, batch, key, config=None):
    """The masks of a batch, and the batch that the model may see, as numpy arrays."""
    function = jax.jit(task.corrupt, static_argnums=2)
    return jax.tree.map(np.asarray, function(key, batch, config or task.config.mask))


TOKENIZERS = [kmer.KmerTokenizer(3), kmer.KmerTokenizer(6), nucleotide.NucleotideTokenizer()]


@pytest.mark.parametrize('tokenizer', TOKENIZERS, ids=['k3', 'k6', 'single'])
@pytest.mark.parametrize('span', [1, 4])
def test_the_model_s_input_does_not_depend_on_hidden_bases(tokenizer, span):
    """Tokens and visible bases are the same if every masked or replaced base is changed."""
    task = make(tokenizer, rate=0.15, span=span, random=0.2, keep=0.2)
    batch = make_batch(tokenizer)
    key = jax.random.key(1)
    masked, visible = corrupt(task, batch, key)
    action = masked.action_BL
    secret = (action == masking.MaskAction.MASK) | (action == masking.MaskAction.RANDOM)
    assert secret.any()
    for offset in (1, 2, 3):
        bases = np.where(secret, (batch['bases'] + offset) % 4, batch['bases']).astype(np.uint8)
        other = {**batch, 'bases': bases, 'tokens': tokenizer.encode(bases, special=True)}
        other_masked, other_visible = corrupt(task, other, key)
        assert np.array_equal(action, other_masked.action_BL)
        for name in ('tokens', 'bases'):
            assert np.array_equal(visible[name], other_visible[name])


def test_a_draw_per_token_would_reveal_hidden_bases():
    """BERT's draw per token on overlapping k-mers: an unchanged token reveals masked bases."""
    tokenizer = kmer.KmerTokenizer(3)
    ids = tokenizer.encode('ACGTACGT')
    ids[[2, 4]] = tokenizer.special.mask  # hides bases 2 .. 6; token 3 is unchanged
    assert tokenizer.decode(ids) == 'ACGTACGT'


@pytest.mark.parametrize('tokenizer', TOKENIZERS, ids=['k3', 'k6', 'single'])
def test_targets_are_the_tokens_that_cover_a_hidden_base_and_others_are_unchanged(tokenizer):
    task = make(tokenizer, rate=0.1, span=2)
    batch = make_batch(tokenizer)
    masked, visible = corrupt(task, batch, jax.random.key(2))
    tokens, target = masked.tokens_BT, masked.target_BT
    assert np.array_equal(visible['tokens'], tokens)
    windows = np.lib.stride_tricks.sliding_window_view(masked.action_BL, tokenizer.k, axis=1)
    assert np.array_equal(target, (windows > 0).any(-1))
    core, truth = tokens[:, 1:-1], batch['tokens'][:, 1:-1]
    assert np.array_equal(core[~target], truth[~target])
    assert (core[(windows == masking.MaskAction.MASK).any(-1)] == tokenizer.special.mask).all()
    unchanged = target & np.isin(windows, (0, masking.MaskAction.KEEP)).all(-1)
    assert np.array_equal(core[unchanged], truth[unchanged])
    assert (truth[target] >= tokenizer.first_kmer).all()
    assert (tokens[:, 0] == tokenizer.special.cls).all()
    assert (tokens[:, -1] == tokenizer.special.sep).all()


@pytest.mark.parametrize(
    'bad', [{'rate': 1.0}, {'rate': -0.1}, {'span': 0}, {'random': 0.7, 'keep': 0.4},
            {'region_rates': {'exxon': 0.1}}, {'region_rates': {'exon': 2.0}}]
)  # fmt: skip
def test_invalid_configs_are_refused(bad):
    with pytest.raises(ValueError, match=r'rate|span|share|region'):
        masking.MaskConfig(**bad)
