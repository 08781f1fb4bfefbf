"""Rows come back by bucket, and their memory is freed."""

import numpy as np

from genojax.data.splits.homology import buckets


def test_buckets_give_back_all_rows_once_and_in_order():
    random = np.random.default_rng(2)
    number, rows = random.integers(0, 7, 500).astype(np.uint8), np.arange(500)
    divided = buckets.Buckets(8)
    for part in np.split(np.arange(500), [100, 130]):
        divided.add(number[part], rows[part])
    for bucket in range(7):
        assert np.array_equal(divided.take(bucket), rows[number == bucket])
        assert divided.take(bucket) is None
    assert divided.take(7) is None
