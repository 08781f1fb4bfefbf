"""Pearson's r of many columns at once, on bootstrap resamples of windows, from sums per window."""

import dataclasses

import numpy as np

DRAWS = 1000
_LEVEL = 0.95


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """Sums over known bins per window and track, from which r follows for any resample of windows.

    Attributes:
        bins_NC: known bins.
        sums_5NC: sums of x, y, xx, yy, xy; x is predicted and y measured, both standardised over
            the known bins of all windows.
    """

    bins_NC: np.ndarray
    sums_5NC: np.ndarray

    @classmethod
    def of(
        cls,
        predicted_NPC: np.ndarray,
        truth_NPC: np.ndarray,
        known_NPC: np.ndarray | None = None,
    ) -> 'Moments':
        """The sums of predicted and measured reads; a constant track is centred, not scaled.

        Args:
            known_NPC: bins that count, bool; None: all. What others hold has no effect.
        """
        if known_NPC is None:
            known_NPC = np.ones(truth_NPC.shape, bool)
        x, y = (np.where(known_NPC, z, 0).astype(np.float64) for z in (predicted_NPC, truth_NPC))
        count_C = np.maximum(known_NPC.sum((0, 1)), 1)
        x, y = (np.where(known_NPC, z - z.sum((0, 1)) / count_C, 0) for z in (x, y))
        spreads = [np.sqrt((z * z).sum((0, 1)) / count_C) for z in (x, y)]
        x, y = (
            z / np.where(spread_C > 1e-12, spread_C, 1)
            for z, spread_C in zip((x, y), spreads, strict=True)
        )
        sums = np.stack([z.sum(1) for z in (x, y, x * x, y * y, x * y)])
        return cls(known_NPC.sum(1).astype(np.float64), sums)

    def pearson(self, weight_WN: np.ndarray) -> np.ndarray:
        """r per resample and track, [W, C]: 0 if a prediction is constant, NaN if the truth is."""
        count_WC = np.maximum(weight_WN @ self.bins_NC, 1)
        x, y, xx, yy, xy = (weight_WN @ sums_NC / count_WC for sums_NC in self.sums_5NC)
        var_x, var_y = xx - x * x, yy - y * y
        tiny = 1e-9  # of a variance that is 1 over all windows
        norm = np.sqrt(np.maximum(var_x, 0) * np.maximum(var_y, 0))
        r = np.divide(
            xy - x * y, norm, out=np.zeros_like(norm), where=(var_x > tiny) & (var_y > tiny)
        )
        return np.where(var_y > tiny, r, np.nan)


def resamples(count: int, seed: int = 0, draws: int = DRAWS) -> np.ndarray:
    """How often each window is drawn, float64 [1 + draws, N]; in the first row each is once."""
    rng = np.random.default_rng(seed)
    drawn = rng.integers(count, size=(draws, count))
    weight_WN = np.stack([np.bincount(row, minlength=count) for row in drawn])
    return np.concatenate([np.ones((1, count)), weight_WN]).astype(np.float64)


def interval(value_W: np.ndarray) -> list[float]:
    """[value on all windows, low, high] from the value and its resamples."""
    tail = (1 - _LEVEL) / 2
    low, high = np.nanquantile(value_W[1:], [tail, 1 - tail])
    return [round(float(value), 4) for value in (value_W[0], low, high)]
