"""Permutations of any size, and random bits that depend on every part of their key."""

import numpy as np
import pytest

from genojax.data.datasets import order


@pytest.mark.parametrize('size', [1, 2, 3, 5, 7, 13, 97, 100, 1001, 65_537])
def test_permute_is_a_bijection_of_any_size(size):
    for epoch in range(3):
        image = order.permute(np.arange(size), size, 7, epoch)
        assert np.array_equal(np.sort(image), np.arange(size))


def test_every_epoch_and_seed_has_its_own_order():
    index = np.arange(1001)
    orders = [order.permute(index, 1001, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    for i, one in enumerate(orders):
        for other in orders[i + 1 :]:
            assert (one == other).mean() < 0.01  # 1 / 1001 by chance


def test_sizes_and_keys_may_differ_by_element():
    size = np.array([5, 1000, 5, 1000])
    key = np.array([0, 0, 1, 1])
    index = np.array([2, 2, 4, 999])
    single = [order.permute(index[i : i + 1], int(size[i]), 3, int(key[i])) for i in range(4)]
    assert np.array_equal(order.permute(index, size, 3, key), np.concatenate(single))


@pytest.mark.parametrize('size', [3, 5, 12])
def test_every_position_is_equally_likely(size):
    epochs = 20_000
    index = np.zeros(epochs, np.int64)
    counts = np.bincount(order.permute(index, size, 1, np.arange(epochs)), minlength=size)
    expected = epochs / size
    assert (
        (counts - expected) ** 2 / expected
    ).sum() < 40  # chi squared, at most 11 degrees of freedom


def test_neighbours_are_separated():
    image = order.permute(np.arange(10_000), 10_000, 5)
    assert (np.abs(np.diff(image)) == 1).mean() < 0.002  # 2 / 10,000 by chance


def test_index_outside_is_refused():
    with pytest.raises(ValueError, match='index'):
        order.permute(np.array([5]), 5, 0)
    with pytest.raises(ValueError, match='index'):
        order.permute(np.array([-1]), 5, 0)


def test_the_stream_is_pinned():
    """Checkpoints hold a step only, so the order behind it may never change silently."""
    assert order.permute(np.arange(8), 8, 0, 0).tolist() == PINNED_ORDER


# python -c "import numpy as np; from genojax.data.datasets import order
#   print(order.permute(np.arange(8), 8, 0, 0))"
PINNED_ORDER = [5, 4, 7, 1, 0, 2, 3, 6]
