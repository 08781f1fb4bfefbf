"""Random numbers as a function of seed and counters: uniform, independent per key, and the same for ever."""

import numpy as np

from genojax.data import counter_random

# python -c "import numpy as np; from genojax.data import counter_random; print([int(x) for x in
# counter_random.random_bits(1, 2, np.arange(2))])"
PINNED_BITS = [16613338946343043936, 13264548337748323810]


def test_randint_is_uniform_and_depends_on_every_key():
    draws = counter_random.randint(7, 3, 2, np.arange(70_000))
    assert draws.min() == 0 and draws.max() == 6
    assert np.abs(np.bincount(draws) - 10_000).max() < 500
    assert (
        counter_random.randint(2**40, 3, 2, np.arange(99))
        != counter_random.randint(2**40, 3, 1, np.arange(99))
    ).all()
    assert (
        counter_random.randint(2**40, 3, 2, np.arange(99))
        != counter_random.randint(2**40, 4, 2, np.arange(99))
    ).all()


def test_the_bits_are_pinned():
    """Checkpoints hold a step only, so the numbers behind it may never change silently."""
    assert [int(x) for x in counter_random.random_bits(1, 2, np.arange(2))] == PINNED_BITS


def test_keys_broadcast_and_each_bit_is_even():
    bits = counter_random.random_bits(7, np.arange(40)[:, None], np.arange(250))
    assert bits.shape == (40, 250) and bits[3, 5] == counter_random.random_bits(7, 3, 5)
    ones = (bits[..., None] >> np.arange(64, dtype=np.uint64) & np.uint64(1)).mean((0, 1))
    assert np.abs(ones - 0.5).max() < 0.03  # six standard errors of 10,000 draws


def test_uniform_numbers_fill_the_unit_interval_and_are_functions_of_their_key():
    numbers = counter_random.uniform(3, np.arange(20_000))
    assert numbers.min() >= 0 and numbers.max() < 1
    assert np.abs(np.histogram(numbers, 10, (0, 1))[0] - 2_000).max() < 200
    np.testing.assert_array_equal(counter_random.uniform(3, np.arange(50, 60)), numbers[50:60])
    assert counter_random.uniform(4, 0) != numbers[0]
