"""Rows of numbers divided into buckets, each of which is small enough to be sorted by itself."""

import numpy as np


class Buckets:
    """Arrays by the number of their bucket; one that was taken is no longer in memory.

    Args:
        count: of buckets, at most 256.
    """

    def __init__(self, count: int):
        self.count = count
        self._parts: list[list[np.ndarray]] = [[] for _ in range(count)]

    def add(self, number: np.ndarray, rows: np.ndarray) -> None:
        """Adds rows to the buckets with these numbers, uint8 [n]."""
        order = np.argsort(number, kind='stable')
        rows = rows[order]
        edges = np.searchsorted(number[order], np.arange(self.count + 1))
        for bucket, (low, high) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
            if low < high:
                self._parts[bucket].append(rows[low:high].copy())  # not a view of all rows

    def take(self, bucket: int) -> np.ndarray | None:
        """All rows of a bucket in the order in which they came, None without any; removed here."""
        parts, self._parts[bucket] = self._parts[bucket], []
        return np.concatenate(parts) if parts else None
