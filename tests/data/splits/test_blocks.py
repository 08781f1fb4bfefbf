"""Blocks of test bases: large enough, within their quota, and no species is left without training."""

import numpy as np
import pytest

from genojax import errors, genome
from genojax.data.genomes import assemblies, interval_sets
from genojax.data.splits import blocks
from genojax.data.splits.homology import search


def _plan(*genomes, length=100, fraction=0.2, seed=0, related=False):
    corpus = assemblies.Corpus(genomes)
    axis = interval_sets.Axis(corpus)
    relation = search.find(corpus, axis) if related else None
    return blocks.BlockPlan(axis, relation, length, fraction, np.random.default_rng(seed))


def _genome(name, bases, seed=0, split='', circular=False):
    codes = np.random.default_rng(seed).integers(0, 4, bases).astype(np.uint8)
    contig = genome.Contig(f'{name}1', bases, circular=circular, split=split)
    return assemblies.Genome.from_arrays(name, [contig], [codes])


@pytest.mark.parametrize('circular', [False, True])
@pytest.mark.parametrize('seed', range(3))
def test_blocks_are_large_fill_their_quota_and_exclude_a_gap(seed, circular):
    plan = _plan(_genome('x', 60_000, seed, circular=circular), seed=seed)
    plan.fill()
    runs = plan.axis.runs(plan.test)
    assert (runs[:, 2] >= blocks.BLOCK_WINDOWS * 100).all()
    assert abs(interval_sets.size(plan.test) - 12_000) <= blocks.BLOCK_WINDOWS * 100
    assert np.array_equal(plan.excluded, plan.axis.widen(plan.test, 100))


def test_what_matches_a_test_block_is_excluded_in_the_other_species():
    a, b = _genome('a', 20_000, 1), _genome('b', 20_000, 2)
    shared = a.codes(0)[5_000:9_000]
    codes = b.codes(0)
    codes[11_000:15_000] = shared
    plan = _plan(a, assemblies.Genome.from_arrays('b', ['b1'], [codes]), related=True)
    image = plan.excluded_by(plan.axis.spans([0], [6_000], [8_000]))
    matched = plan.axis.spans([1], [12_000], [14_000])
    assert interval_sets.size(interval_sets.subtract(matched, image)) == 0
    assert not interval_sets.size(
        interval_sets.intersect(plan.axis.spans([1], [0], [9_000]), image)
    )


def test_the_words_of_the_table_decide_before_any_block():
    plan = _plan(_genome('x', 9_000, split='test'), _genome('y', 9_000, split='train'))
    plan.fill()
    assert np.array_equal(plan.test, plan.axis.whole(np.array([0])))
    assert plan.train_shares(plan.excluded).tolist() == [1.0, 1.0]  # x has none to lose
    assert plan.unmarked_contigs(0).size == plan.unmarked_contigs(1).size == 0
    with pytest.raises(errors.InputError, match='SP03'):
        _plan(_genome('z', 9_000, split='holdout'))


def test_no_block_takes_the_last_training_window_of_a_species():
    """900 bases hold a block of 800, but then no window of 100 with its gaps is left."""
    plan = _plan(_genome('x', 900))
    with pytest.raises(errors.InputError, match='SP01'):
        plan.fill()


def test_many_homologous_runs_become_test_blocks_at_once(monkeypatch):
    """200 pieces of one genome are scattered over another one."""
    random = np.random.default_rng(0)
    a = random.integers(0, 4, 200_000).astype(np.uint8)
    pieces = [a[at : at + 1_000] for at in random.permutation(200) * 1_000]
    other = random.integers(0, 4, (200, 200)).astype(np.uint8)
    b = np.concatenate([part for pair in zip(other, pieces, strict=True) for part in pair])
    members = [
        assemblies.Genome.from_arrays(n, ['c'], [c]) for n, c in zip('ab', (a, b), strict=True)
    ]
    monkeypatch.setattr(blocks, '_MAX_RUNS', 3)
    calls, choose = [], blocks.BlockPlan._longest_runs
    monkeypatch.setattr(
        blocks.BlockPlan,
        '_longest_runs',
        lambda plan, runs, missing: calls.append(len(runs)) or choose(plan, runs, missing),
    )
    plan = _plan(*members, length=50, related=True)
    plan.fill()
    assert max(calls) > 3
    shares = plan.axis.per_species(plan.test) / plan.bases
    assert (np.abs(shares - 0.2) < 0.01).all()
    training = interval_sets.subtract(plan.whole, plan.excluded)
    assert not interval_sets.size(interval_sets.intersect(plan.relation.of(plan.test), training))
