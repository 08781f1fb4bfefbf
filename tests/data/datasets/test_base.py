"""Shards, random orders and filler rows: what every dataset relies on."""

import numpy as np
import pytest

from genojax import errors
from genojax.data.datasets import base

ORDER = base.RowOrder(seed=3, shuffle=101, flip=102, shift=103)


@pytest.mark.parametrize('count', [1, 2, 4, 8])
def test_the_rows_of_all_hosts_in_order_are_the_global_batch(count):
    rows = [base.Shard(index, count).rows(8) for index in range(count)]
    assert np.concatenate(rows).tolist() == list(range(8))


@pytest.mark.parametrize('shard', [(2, 2), (-1, 2), (0, 0), (0, -1)])
def test_an_index_that_is_no_host_is_refused(shard):
    with pytest.raises(ValueError, match='is not a shard'):
        base.Shard(*shard).rows(8)


def test_a_batch_that_does_not_divide_over_the_hosts_is_refused():
    with pytest.raises(errors.InputError, match='8 rows per step do not divide over 3') as caught:
        base.Shard(0, 3).rows(8)
    assert caught.value.code == 'MX09'


@pytest.mark.parametrize('count', [1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize('hosts', [1, 2, 4])
def test_in_order_every_row_counts_once_on_one_host(count, hosts):
    shards = [base.Shard(index, hosts) for index in range(hosts)]
    batches = [list(base.in_order(count, 4, shard)) for shard in shards]
    assert {len(part) for part in batches} == {-(-count // 4)}  # all hosts take the same steps
    scored, rows, weights = [], [], []
    for step in zip(*batches, strict=True):
        for row_B, weight_B in step:
            assert row_B.shape == weight_B.shape == (4 // hosts,)
            assert weight_B.dtype == np.float32
            assert set(weight_B.tolist()) <= {0.0, 1.0}
            scored += row_B[weight_B > 0].tolist()
        rows += np.concatenate([row_B for row_B, _ in step]).tolist()
        weights += np.concatenate([weight_B for _, weight_B in step]).tolist()
    assert sorted(scored) == list(range(count))
    filler = -count % 4
    assert rows == [*range(count), *[count - 1] * filler]  # copies of the last row
    assert weights == [1.0] * count + [0.0] * filler


def test_no_rows_give_no_batches():
    assert list(base.in_order(0, 4)) == []


def test_every_epoch_reads_every_row_once_in_another_order():
    size = 37
    epochs = [ORDER.rows(epoch * size + np.arange(size), size) for epoch in range(3)]
    assert all(sorted(rows.tolist()) == list(range(size)) for rows in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[1], epochs[2])


def test_random_decisions_are_functions_of_the_seed_the_stream_and_the_draw():
    draw_B = np.arange(1000)
    for decide in (
        lambda order, draws, *group: order.rows(draws, 1000, *group),
        lambda order, draws, *group: order.flips(draws, *group),
        lambda order, draws, *group: order.shifts(draws, 30, 30, *group),
    ):
        expected = decide(ORDER, draw_B)
        # The draw alone counts, not which draws are asked for together: hosts and steps agree.
        np.testing.assert_array_equal(decide(ORDER, draw_B[5::7]), expected[5::7])
        np.testing.assert_array_equal(decide(ORDER, draw_B[::-1]), expected[::-1])
        others = [
            decide(base.RowOrder(4, 101, 102, 103), draw_B),
            decide(base.RowOrder(3, 111, 112, 113), draw_B),
            decide(ORDER, draw_B, 1),
        ]
        for other in others:
            assert not np.array_equal(other, expected)
        assert not np.array_equal(others[2], decide(ORDER, draw_B, 2))


def test_flips_and_shifts_are_uniform():
    draw_B = np.arange(20_000)
    flip_B = ORDER.flips(draw_B)
    assert flip_B.dtype == bool
    assert abs(flip_B.mean() - 0.5) < 5 * 0.5 / np.sqrt(len(draw_B))
    shift_B = ORDER.shifts(draw_B, 2, 3)
    values, counts = np.unique(shift_B, return_counts=True)
    assert values.tolist() == [-2, -1, 0, 1, 2, 3]
    expected = len(draw_B) / 6
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)
    # Shift and orientation are independent.
    assert abs(np.corrcoef(flip_B, shift_B)[0, 1]) < 5 / np.sqrt(len(draw_B))
    assert not ORDER.shifts(draw_B, 0, 0).any()


def test_a_size_per_draw_gives_each_group_its_own_epochs():
    """As for species: draw n of a group of `size` rows is row n % size of a new order per epoch."""
    sizes, groups = np.array([5, 8]), np.array([0, 1])
    draw_B = np.repeat(np.arange(40), 2)
    group_B = np.tile(groups, 40)
    row_B = ORDER.rows(draw_B, sizes[group_B], group_B)
    for group, size in enumerate(sizes.tolist()):
        own = row_B[group_B == group]
        np.testing.assert_array_equal(own, ORDER.rows(np.arange(40), size, group))
        assert all(sorted(epoch.tolist()) == list(range(size)) for epoch in own.reshape(-1, size))


def test_a_folder_is_simulated_once_and_never_half(tmp_path):
    calls = []

    def write(folder):
        calls.append(folder)
        folder.mkdir()
        if len(calls) == 1:
            raise KeyboardInterrupt
        (folder / 'file').write_text('text')

    with pytest.raises(KeyboardInterrupt):
        base.simulated_once(tmp_path / 'data', write)
    assert not (tmp_path / 'data').exists()
    for _ in range(2):
        assert base.simulated_once(tmp_path / 'data', write) == tmp_path / 'data'
    assert len(calls) == 2
    assert (tmp_path / 'data' / 'file').read_text() == 'text'


class _Rows(base.TaskDatasets):
    fingerprint, description, summary = 'rows', {}, []

    def train(self, start_step=0, shard=base.ONE_HOST):
        yield {'split': 'train', 'shard': shard}

    def validation(self, shard=base.ONE_HOST):
        yield {'split': 'validation', 'shard': shard}

    def test(self, shard=base.ONE_HOST):
        yield {'split': 'test', 'shard': shard}


def test_a_split_by_name_is_the_method_of_that_name():
    datasets, shard = _Rows(), base.Shard(1, 2)
    for split in ('validation', 'test'):
        assert next(datasets.split(split, shard)) == {'split': split, 'shard': shard}
    with pytest.raises(ValueError, match="'train' is not one of"):
        datasets.split('train')
