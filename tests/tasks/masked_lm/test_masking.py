"""Masks: rates, regions, shares, determinism, and nothing visible that gives a hidden base away."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import dna, genome, models
from genojax.models import bert
from genojax.tasks.masked_lm import masking
from genojax.tasks.masked_lm import objective as mlm
from genojax.tokenizers import kmer, nucleotide

ROWS, LENGTH = 64, 400


def fates(config, regions=None, seed=0, allowed=None):
    shape = (ROWS, LENGTH)
    regions = np.zeros(shape, np.int32) if regions is None else regions
    allowed = np.ones(shape, bool) if allowed is None else allowed
    rate = masking.rates(config, jnp.asarray(regions))
    return np.asarray(masking.draw(jax.random.key(seed), rate, jnp.asarray(allowed), config))


def within_binomial(count, total, share, span=1):
    """Five standard deviations; bases of one span stand and fall together."""
    return abs(count / total - share) < 5 * np.sqrt(share * (1 - share) * span / total)


@pytest.mark.parametrize(('rate', 'span'), [(0.15, 1), (0.15, 6), (0.4, 3)])
def test_the_rate_is_the_share_of_bases_hidden(rate, span):
    hidden = fates(masking.MaskConfig(rate=rate, span=span))[:, span:] > 0
    assert within_binomial(hidden.sum(), hidden.size, rate, span)


def test_a_region_has_its_own_rate_and_where_regions_nest_the_lowest_counts():
    config = masking.MaskConfig(rate=0.3, region_rates={'exon': 0.1, 'cds': 0.02, 'repeat': 0.5})
    exon, cds, repeat = genome.Region.EXON, genome.Region.CDS, genome.Region.REPEAT
    kinds = [(0, 0.3), (exon, 0.1), (exon | cds, 0.02), (repeat, 0.5), (repeat | exon, 0.1)]
    regions = np.repeat([int(kind) for kind, _ in kinds], LENGTH // len(kinds))[None]
    hidden = fates(config, np.broadcast_to(regions, (ROWS, LENGTH)).astype(np.int32)) > 0
    for kind, rate in kinds:
        part = hidden[:, regions[0] == int(kind)]
        assert within_binomial(part.sum(), part.size, rate), kind


def test_shares_of_mask_random_and_keep():
    fate = fates(masking.MaskConfig(rate=0.3))
    hidden = (fate > 0).sum()
    for kind, share in (
        (masking.MaskAction.MASK, 0.8),
        (masking.MaskAction.RANDOM, 0.1),
        (masking.MaskAction.KEEP, 0.1),
    ):
        assert within_binomial((fate == kind).sum(), hidden, share)


def test_a_span_has_one_fate():
    """With a rare start a run of hidden bases is one span, and all of it has the same fate."""
    fate = fates(masking.MaskConfig(rate=0.02, span=5, random=0.3, keep=0.3))
    runs = 0
    for row in fate:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], row > 0, [0]])))
        for start, end in zip(edges[::2], edges[1::2], strict=True):
            if end - start == 5 and start > 0 and end < LENGTH:
                runs += 1
                assert len(set(row[start:end])) == 1
    assert runs > 50


def test_the_same_key_draws_the_same_masks_and_another_key_others():
    config = masking.MaskConfig(rate=0.1)
    assert np.array_equal(fates(config, seed=3), fates(config, seed=3))
    assert not np.array_equal(fates(config, seed=3), fates(config, seed=4))


def test_bases_near_an_unknown_one_are_never_hidden():
    bases = np.zeros((1, 20), np.int32)
    bases[0, 10] = dna.UNKNOWN
    assert np.flatnonzero(~np.asarray(masking.allowed(jnp.asarray(bases), 3))[0]).tolist() == [
        8, 9, 10, 11, 12
    ]  # fmt: skip


def make(tokenizer, **config):
    model = models.build(bert.BertConfig(tokenizer.vocab_size, width=8, depth=1, heads=2, inner=8))
    return mlm.Mlm(mlm.MlmConfig(mask=masking.MaskConfig(**config)), model, tokenizer, ('a', 'b'))


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


TOKENIZERS = [kmer.KmerTokenizer(3), kmer.KmerTokenizer(6), nucleotide.NucleotideTokenizer()]


@pytest.mark.parametrize('tokenizer', TOKENIZERS, ids=['k3', 'k6', 'single'])
@pytest.mark.parametrize('span', [1, 4])
def test_no_hidden_base_can_be_read_from_the_visible_tokens(tokenizer, span):
    """Change every masked or replaced base to another one: the tokens that the model sees stay the same."""
    objective = make(tokenizer, rate=0.15, span=span, random=0.2, keep=0.2)
    batch = make_batch(tokenizer)
    key = jax.random.key(1)
    corrupt = jax.jit(objective.corrupt, static_argnums=2)
    tokens, seen, fate, _ = corrupt(key, batch, objective.config.mask)
    fate = np.asarray(fate)
    secret = (fate == masking.MaskAction.MASK) | (fate == masking.MaskAction.RANDOM)
    assert secret.any()
    for turn in (1, 2, 3):
        bases = np.where(secret, (batch['bases'] + turn) % 4, batch['bases']).astype(np.uint8)
        other = {**batch, 'bases': bases, 'tokens': tokenizer.encode(bases, special=True)}
        tokens_again, seen_again, fate_again, _ = corrupt(key, other, objective.config.mask)
        assert np.array_equal(fate, fate_again)
        assert np.array_equal(tokens, tokens_again)
        assert np.array_equal(seen, seen_again)


def test_a_draw_per_token_would_leak_and_the_test_above_would_see_it():
    """BERT's per-token draw on overlapping k-mers: a kept token beside masked ones shows their bases."""
    tokenizer = kmer.KmerTokenizer(3)
    ids = tokenizer.encode('ACGTACGT')
    ids[[2, 4]] = tokenizer.special.mask  # bases 2 .. 6 are meant to be hidden; token 3 was kept
    assert tokenizer.decode(ids) == 'ACGTACGT'


@pytest.mark.parametrize('tokenizer', TOKENIZERS, ids=['k3', 'k6', 'single'])
def test_targets_are_the_tokens_that_cover_a_hidden_base_and_the_rest_is_untouched(tokenizer):
    objective = make(tokenizer, rate=0.1, span=2)
    batch = make_batch(tokenizer)
    tokens, _, fate, target = map(
        np.asarray,
        jax.jit(objective.corrupt, static_argnums=2)(
            jax.random.key(2), batch, objective.config.mask
        ),
    )
    windows = np.lib.stride_tricks.sliding_window_view(fate, tokenizer.k, axis=1)
    assert np.array_equal(target, (windows > 0).any(-1))
    core, truth = tokens[:, 1:-1], batch['tokens'][:, 1:-1]
    assert np.array_equal(core[~target], truth[~target])
    assert (core[(windows == masking.MaskAction.MASK).any(-1)] == tokenizer.special.mask).all()
    kept = target & np.isin(windows, (0, masking.MaskAction.KEEP)).all(-1)
    assert np.array_equal(core[kept], truth[kept])
    assert (truth[target] >= tokenizer.first_kmer).all()
    assert (tokens[:, 0] == tokenizer.special.cls).all()
    assert (tokens[:, -1] == tokenizer.special.sep).all()


@pytest.mark.parametrize(
    'bad', [{'rate': 1.0}, {'rate': -0.1}, {'span': 0}, {'random': 0.7, 'keep': 0.4},
            {'region_rates': {'exxon': 0.1}}, {'region_rates': {'exon': 2.0}}]
)  # fmt: skip
def test_configs_that_cannot_be_meant_are_refused(bad):
    with pytest.raises(ValueError, match=r'rate|span|share|region'):
        masking.MaskConfig(**bad)
