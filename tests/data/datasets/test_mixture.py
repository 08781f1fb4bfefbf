"""Species mixtures: batches are functions of (seed, step) for any hosts, threads and restarts."""

import dataclasses
import json
import time

import ml_collections
import numpy as np
import pytest

from genojax import dna, errors, genome
from genojax.data.datasets import base, mixture
from genojax.data.genomes import assemblies, interval_sets, windows
from genojax.tokenizers import base as tokenizers_base

LENGTH = 50


class Plain(tokenizers_base.Tokenizer):
    """A minimal tokenizer: base codes are ids, and 9 is padding."""

    def encode(self, sequence, special=False, valid=None):
        assert special
        ids = sequence.astype(np.int32)
        return ids if valid is None else np.where(np.arange(ids.shape[1]) < valid[:, None], ids, 9)

    def num_tokens(self, length):
        return length

    def spans(self, ids):
        raise NotImplementedError

    def decode(self, ids):
        raise NotImplementedError


def _corpus(change=0):
    random = np.random.default_rng(change)
    members = []
    for s, name in enumerate(('ape', 'bee', 'cat', 'dog')):
        contigs = [genome.Contig(f'{name}1', 2_000 + 700 * s, circular=s == 1)]
        contigs.append(genome.Contig(f'{name}2', 30 + 100 * s))  # 'ape2' is shorter than a window
        codes = [random.integers(0, 4, c.length).astype(np.uint8) for c in contigs]
        # Low bits of the position: a region bit says which base it belongs to.
        regions = [(np.arange(c.length) % 32).astype(np.uint8) for c in contigs]
        members.append(assemblies.Genome.from_arrays(name, contigs, codes, regions))
    return assemblies.Corpus(members)


def _parts(corpus, length=LENGTH):
    axis = interval_sets.Axis(corpus)
    whole = [axis.whole(np.flatnonzero(axis.species == s)) for s in range(len(corpus.species))]
    return {
        name: windows.tile(axis, s, whole[s], length, length) for s, name in enumerate(axis.names)
    }


SLOW = pytest.mark.slow
THREE = {'ape': 0.5, 'bee': 0.3, 'cat': 0.2}
CONFIG = mixture.MixtureConfig(
    weights={'ape': 0.3, 'bee': 0.2, 'cat': 0.15, 'dog': 0.35},
    length=LENGTH,
    batch_size=16,
    shift=7,
)


def _mixture(seed=0, corpus=None, parts=None, **changes):
    corpus = corpus or _corpus()
    config = dataclasses.replace(CONFIG, **changes)
    return mixture.Mixture(corpus, parts or _parts(corpus), config, seed)


def test_draws_per_species_are_the_shares():
    mix = _mixture()
    member, _ = mix.draw(np.arange(30_000))
    counts = np.bincount(member)
    assert np.abs(counts - 30_000 * np.array([0.3, 0.2, 0.15, 0.35])).max() <= 1
    assert mix.drawn(30_000) == dict(zip(mix.shares, counts.tolist(), strict=True))
    assert mix.drawn(12_345) == dict(
        zip(mix.shares, np.bincount(member[:12_345]).tolist(), strict=True)
    )
    row = mix.table(30_000)[3]
    assert (row['given'], row['drawn'], row['expected']) == (0.35, counts[3], 10_500.0)


def test_every_epoch_visits_every_window_once():
    mix = _mixture()
    member, window = mix.draw(np.arange(20_000))
    for s, part in enumerate(_parts(mix.corpus).values()):
        drawn = window[member == s]
        epochs = len(drawn) // len(part)
        assert epochs > 10
        passes = drawn[: epochs * len(part)].reshape(epochs, len(part))
        assert (np.sort(passes, axis=1) == np.arange(len(part))).all()
        assert len(np.unique(passes, axis=0)) == epochs  # each in an order of its own


def test_any_draw_can_be_computed_alone():
    mix = _mixture()
    index = np.random.default_rng(0).integers(0, 2**40, 1_000)
    member, window = mix.draw(index)
    for i in range(0, 1_000, 97):
        one = mix.draw(index[i : i + 1])
        assert (one[0][0], one[1][0]) == (member[i], window[i])


def _locate_row(corpus, batch, row):
    """Strand, contig and start of a row in its genome, whose regions it must have."""
    member = corpus[corpus.species[batch['species'][row]]]
    n = int(batch['valid'][row])
    codes, regions = batch['bases'][row, :n], batch['regions'][row, :n]
    for strand, c, r in (
        ('+', codes, regions),
        ('-', dna.reverse_complement(codes), regions[::-1]),
    ):
        for number, contig in enumerate(member.contigs):
            text, word = dna.decode(member.codes(number)), dna.decode(c)
            start = (text + text[: n - 1] if contig.circular else text).find(word)
            if start >= 0 and (n == LENGTH or contig.length == n):
                positions = (start + np.arange(n)) % contig.length
                assert (member.regions(number)[positions] == r).all()
                return strand, contig, start
    raise AssertionError('the bases of this row are not in its genome')


def test_rows_are_real_sequence_with_its_regions_on_either_strand():
    mix = _mixture(seed=3)
    strands, moved, short, wrapped = [], 0, 0, 0
    for step in range(40):
        batch = mix.batch(step, Plain())
        for row in range(16):
            strand, contig, start = _locate_row(mix.corpus, batch, row)
            strands.append(strand)
            moved += start % LENGTH != 0
            wrapped += start + LENGTH > contig.length and contig.circular
            n = batch['valid'][row]
            short += n < LENGTH
            assert (batch['bases'][row, n:] == 4).all() and (batch['regions'][row, n:] == 0).all()
            assert (batch['tokens'][row, n:] == 9).all()
    assert 0.4 < strands.count('+') / len(strands) < 0.6
    assert moved > 400 and short > 0 and wrapped > 0
    dtypes = {name: array.dtype.name for name, array in batch.items()}
    assert dtypes == {
        'tokens': 'int32',
        'bases': 'uint8',
        'regions': 'uint8',
        'species': 'int32',
        'valid': 'int32',
    }


def test_shift_stays_in_the_training_block():
    corpus = _corpus()
    axis = interval_sets.Axis(corpus)
    parts = _parts(corpus)
    parts['dog'] = windows.tile(axis, 3, axis.spans([6], [1_000], [1_130]), LENGTH, LENGTH)
    mix = _mixture(corpus=corpus, parts=parts, shift=40, reverse_complement=False)
    allowed = dna.decode(corpus['dog'].codes(0)[1_000:1_130])
    starts = set()
    for step in range(60):
        batch = mix.batch(step, Plain())
        for row in np.flatnonzero(batch['species'] == 3):
            starts.add(allowed.find(dna.decode(batch['bases'][row])))
    assert min(starts) == 0 and max(starts) == 80 and len(starts) > 60


@pytest.mark.parametrize('hosts', [1, 2, 4, 8])
def test_host_slices_reassemble_the_global_batch(hosts):
    mix = _mixture(seed=5)
    for step in (0, 1, 1_000_003):
        whole = mix.batch(step, Plain())
        slices = [mix.batch(step, Plain(), base.Shard(host, hosts)) for host in range(hosts)]
        for name, array in whole.items():
            together = np.concatenate([part[name] for part in slices])
            assert np.array_equal(together, array)


def test_a_resumed_iterator_equals_an_uninterrupted_one():
    grain = pytest.importorskip('grain')
    mix = _mixture(seed=6)
    iterator = mix.batches(Plain())
    straight = [next(iterator) for _ in range(9)]
    assert iterator.get_state() == {'next_index': 9}
    iterator.close()
    for start in (0, 1, 4, 8):
        again = _mixture(seed=6).batches(Plain(), start_step=start)
        for expected in straight[start:]:
            np.testing.assert_equal(next(again), expected)
        again.close()
    steps = mix._grain_dataset(lambda step: mix.batch(step, Plain()))
    few = steps[:6].to_iter_dataset()
    grain.experimental.assert_equal_output_after_checkpoint(few)


@pytest.mark.parametrize(
    ('batch_size', 'following'), [(1, 2), *(pytest.param(n, 64, marks=SLOW) for n in (1, 16))]
)
def test_each_of_64_states_of_three_species_continues_with_the_same_batches(batch_size, following):
    mix = _mixture(seed=7, leave_out=('dog',), weights=THREE, batch_size=batch_size)
    iterator = mix.batches(Plain())
    states, straight = [], []
    for _ in range(64):
        states.append(iterator.get_state())
        straight.append(next(iterator))
    assert len({state['next_index'] for state in states}) == 64
    species = np.concatenate([batch['species'] for batch in straight])
    assert set(species.tolist()) == {0, 1, 2}
    for number in np.random.default_rng(0).permutation(64).tolist():
        iterator.set_state(states[number])
        for expected in straight[number : number + following]:
            np.testing.assert_equal(next(iterator), expected)
    iterator.close()


def test_threads_do_not_change_the_order():
    one = _mixture(threads=1, ahead=1).batches(Plain())
    many = _mixture(threads=4, ahead=8).batches(Plain())
    for _ in range(12):
        np.testing.assert_equal(next(one), next(many))
    one.close()
    many.close()


def test_the_order_is_pinned():
    member, window = _mixture(seed=1).draw(np.arange(32))
    assert member.tolist() == PINNED_SPECIES
    assert window.tolist() == PINNED_WINDOWS


def test_the_first_examples_are_the_same_under_every_version_of_grain():
    """The numbers of the 32 examples as Grain delivers them, in steps of 8: no version's own order."""
    mix = _mixture(seed=1, shift=0, batch_size=8, reverse_complement=False)
    iterator = mix.batches(Plain())
    first = {name: [] for name in ('species', 'start')}
    for _ in range(4):
        batch = next(iterator)
        for row in range(8):
            _, _, start = _locate_row(mix.corpus, batch, row)
            first['species'].append(int(batch['species'][row]))
            first['start'].append(start)
    iterator.close()
    parts = _parts(mix.corpus)
    starts = [
        int(parts[mix.corpus.species[s]].start[w])
        for s, w in zip(PINNED_SPECIES, PINNED_WINDOWS, strict=True)
    ]
    assert first == {'species': PINNED_SPECIES, 'start': starts}


def test_the_fingerprint_changes_with_whatever_changes_the_batches():
    corpus = _corpus()
    parts = _parts(corpus)
    fingerprint = _mixture().fingerprint
    assert fingerprint == _mixture().fingerprint == _mixture(threads=4).fingerprint
    reordered = assemblies.Corpus(list(corpus)[::-1])
    fewer = {**parts, 'dog': parts['dog'].take(np.arange(len(parts['dog']) - 1))}
    changed = [
        _mixture(seed=1),
        _mixture(weights={**CONFIG.weights, 'ape': 0.31}),
        _mixture(batch_size=32),
        _mixture(shift=0),
        _mixture(reverse_complement=False),
        _mixture(length=25, parts=_parts(corpus, 25)),
        _mixture(corpus=reordered, parts=parts),
        _mixture(corpus=_corpus(change=1)),
        _mixture(parts=fewer),
        _mixture(leave_out=('dog',), weights={'ape': 0.3, 'bee': 0.2, 'cat': 0.15}),
    ]
    prints = [fingerprint, *(mix.fingerprint for mix in changed)]
    assert len(set(prints)) == len(prints)


def test_invalid_mixtures_are_refused():
    corpus = _corpus()
    parts = _parts(corpus)
    nothing = {**parts, 'cat': parts['cat'].take(np.arange(0))}
    with pytest.raises(errors.InputError, match='MX05: cat'):
        _mixture(corpus=corpus, parts=nothing)
    with pytest.raises(errors.InputError, match='MX09'):
        _mixture().batches(Plain(), base.Shard(0, 3))
    for field, value in (
        ('length', 0),
        ('batch_size', 0),
        ('shift', -1),
        ('rest', 'x'),
        ('weights', {}),
    ):
        with pytest.raises(ValueError, match=field):
            dataclasses.replace(CONFIG, **{field: value})


def test_the_config_is_unchanged_by_json_and_configdict():
    values = dataclasses.asdict(CONFIG)
    restored = ml_collections.ConfigDict(json.loads(json.dumps(values))).to_dict()
    restored['leave_out'] = tuple(restored['leave_out'])
    assert mixture.MixtureConfig(**restored) == CONFIG


def test_a_window_costs_microseconds():
    """The target is 5 us for 512 bases, and 3 are measured; the bound allows for a busy machine."""
    random = np.random.default_rng(0)
    members = [
        assemblies.Genome.from_arrays(
            f's{s}', ['c'], [random.integers(0, 4, 200_000).astype(np.uint8)]
        )
        for s in range(4)
    ]
    corpus = assemblies.Corpus(members)
    config = mixture.MixtureConfig(batch_size=1024, shift=16)
    mix = mixture.Mixture(corpus, _parts(corpus, 512), config, 0)
    best = np.inf
    for step in range(8):
        start = time.perf_counter()
        mix.batch(step, Plain())
        best = min(best, time.perf_counter() - start)
    assert best / 1024 < 20e-6


# python -c "from tests.data.datasets import test_mixture as t; import numpy as np
#   print(t._mixture(seed=1).draw(np.arange(32)))"
PINNED_SPECIES = [
    *(3, 0, 1, 3, 0, 2, 3, 0, 1, 3, 0, 2, 1, 3, 0, 3),
    *(0, 1, 2, 3, 3, 0, 1, 3, 0, 2, 3, 0, 1, 3, 0, 2),
]
PINNED_WINDOWS = [
    *(59, 9, 36, 19, 30, 71, 69, 2, 2, 7, 1, 68, 13, 12, 32, 14),
    *(26, 34, 70, 85, 13, 12, 14, 36, 10, 14, 30, 34, 45, 57, 14, 20),
]
