"""The loss and its parts, the batch spec, and what does not fit a masked language model."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from genojax import genome, models, sharding
from genojax.data.datasets import base as datasets_base
from genojax.models import basset
from genojax.tasks import trained
from genojax.tasks.masked_lm import masks, objective
from genojax.tokenizers import kmer, nonoverlapping, nucleotide
from tests.tasks import variables
from tests.tasks.masked_lm import test_masking


def mesh():
    return sharding.make_mesh(sharding.MeshConfig(), jax.devices()[:1])


class InOrder(datasets_base.TaskDatasets):
    """A few batches, the same in every split."""

    def __init__(self, batches):
        self.batches = batches

    def train(self, start_step=0, shard=datasets_base.ONE_HOST):
        raise NotImplementedError

    def validation(self, shard=datasets_base.ONE_HOST):
        return iter(self.batches)

    test = validation


def test_loss_is_the_mean_over_targets_and_its_parts_add_up():
    tokenizer = kmer.KmerTokenizer(3)
    task = test_masking.make(tokenizer, rate=0.1)
    batch = test_masking.make_batch(tokenizer)
    params, extra = variables.init(task, batch)
    loss, (_, states) = jax.jit(task.loss, static_argnums=4)(
        params, extra, batch, jax.random.key(1), False
    )
    assert float(loss) == pytest.approx(float(states['loss'].compute()), rel=1e-6)
    assert 4.0 < float(loss) < 4.5  # ln 69 = 4.23 at initialisation
    species = states['loss/species']
    assert float(species.total.sum()) == pytest.approx(float(states['loss'].total), rel=1e-5)
    assert float(species.count.sum()) == float(states['loss'].count)
    # Regions nest, so their counts add up to more than the total; 'none' is exact.
    nowhere = np.asarray(states['loss/region'].count)[-1]
    middle = batch['regions'][:, 1:-1]
    masked, _ = test_masking.corrupt(task, batch, jax.random.split(jax.random.key(1))[0])
    assert nowhere == (masked.target_BT & (middle == 0)).sum()
    exon = (masked.target_BT & ((middle & genome.Region.EXON) > 0)).sum()
    assert np.asarray(states['loss/region'].count)[0] == exon


def test_rows_of_weight_zero_change_nothing():
    tokenizer = kmer.KmerTokenizer(3)
    task = test_masking.make(tokenizer, rate=0.1)
    batch = test_masking.make_batch(tokenizer)
    params, extra = variables.init(task, batch)
    half = {**batch, 'weight': (np.arange(16) < 8).astype(np.float32)}
    changed = {
        **half,
        'species': np.where(half['weight'] > 0, half['species'], 1 - half['species']),
    }
    loss = jax.jit(task.loss, static_argnums=4)
    one = loss(params, extra, half, jax.random.key(1), False)
    two = loss(params, extra, changed, jax.random.key(1), False)
    assert float(one[0]) == float(two[0])
    assert np.array_equal(one[1][1]['loss/species'].count, two[1][1]['loss/species'].count)


@pytest.mark.parametrize(
    'tokenizer', [kmer.KmerTokenizer(3), nonoverlapping.NonOverlappingKmerTokenizer(6)]
)
def test_the_batch_spec_has_the_shapes_of_a_batch(tokenizer):
    task = test_masking.make(tokenizer)
    mixture = task.config.data.mixture
    rows, length = mixture.batch_size, mixture.length
    bases = np.zeros((rows, length), np.uint8)
    batch = {
        'bases': bases,
        'regions': bases,
        'species': np.zeros(rows, np.int32),
        **tokenizer.batch_entries(bases.copy(), np.full(rows, length)),
    }
    spec = task.batch_spec()
    assert {name: (x.shape, x.dtype) for name, x in spec.items()} == {
        name: (x.shape, x.dtype) for name, x in batch.items()
    }


def test_validation_is_in_bits_per_base_and_by_species():
    """Two batches of one row of weight 0 each against `score` on the same keys."""
    tokenizer = kmer.KmerTokenizer(3)
    task = test_masking.make(tokenizer, rate=0.1)
    batches = [test_masking.make_batch(tokenizer, rows=4, seed=seed) for seed in (0, 1)]
    for batch in batches:
        batch['weight'][-1] = 0.0
    params, extra = variables.init(task, batches[0])
    state = trained.TrainedState(params, extra, mesh(), jax.random.key(5))
    merged = task.validate(state, InOrder(batches), datasets_base.ONE_HOST)
    bits, count = np.zeros(2), np.zeros(2)
    for number, batch in enumerate(batches):
        key = jax.random.fold_in(jax.random.key(5), number)
        bits_BL, hidden_BL = jax.device_get(task.jitted_validation(params, extra, batch, key))
        for row in range(3):
            bits[batch['species'][row]] += bits_BL[row].sum()
            count[batch['species'][row]] += hidden_BL[row].sum()
    species, total = merged['bits_per_base/species'], merged['bits_per_base']
    np.testing.assert_allclose(species.total, bits, rtol=1e-6)
    assert species.count.tolist() == count.tolist()
    assert float(total.total) == pytest.approx(bits.sum(), rel=1e-6)
    assert float(total.count) == count.sum() > 0


def test_a_model_without_token_scores_is_refused():
    tokenizer = nucleotide.NucleotideTokenizer()
    model = models.build(basset.BassetConfig(vocab=10))
    task = objective.MaskedLmConfig().build('pretrain', model, tokenizer)
    (line,) = task.misfits()
    assert "'pretrain' needs a model that scores every token" in line
    assert not test_masking.make(tokenizer).misfits()


def test_runs_with_other_masks_in_training_are_scored_with_the_same_one():
    tokenizer = kmer.KmerTokenizer(3)
    plain, other = (test_masking.make(tokenizer, rate=rate) for rate in (0.1, 0.3))
    batch = test_masking.make_batch(tokenizer)
    params, extra = variables.init(plain, batch)
    config = dataclasses.replace(other.config, test_mask=plain.config.mask)
    other = objective.MaskedLm(other.name, config, other.model, tokenizer)
    key = jax.random.key(1)
    np.testing.assert_array_equal(
        plain.jitted_validation(params, extra, batch, key)[1],
        other.jitted_validation(params, extra, batch, key)[1],
    )


def test_cross_entropy_is_that_of_a_gather_and_argmax_also_where_logits_are_equal():
    logits_BTV = np.random.default_rng(0).integers(-2, 3, (3, 40, 7)).astype(np.float32)
    truth_BT = np.random.default_rng(1).integers(0, 7, (3, 40))
    nats_BT, correct_BT = masks.cross_entropy(jnp.asarray(logits_BTV), jnp.asarray(truth_BT))
    log_p_BTV = jax.nn.log_softmax(logits_BTV)
    expected_BT = -np.take_along_axis(np.asarray(log_p_BTV), truth_BT[..., None], -1)[..., 0]
    np.testing.assert_allclose(nats_BT, expected_BT, atol=1e-6)
    assert np.array_equal(correct_BT, logits_BTV.argmax(-1) == truth_BT)
    assert 0.1 < np.mean(correct_BT) < 0.5
