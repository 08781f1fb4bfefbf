"""Weights of rows, and what a score of weighted rows is where it is undefined."""

import numpy as np


def checked(weights: np.ndarray | None, size: int) -> np.ndarray:
    """Weights as floats [..., N]; ones [N] for None.

    Raises:
        ValueError: the last axis is not `size` long, or a weight is negative, NaN or infinite.
    """
    if weights is None:
        return np.ones(size)
    weight_WN = np.asarray(weights, float)
    if weight_WN.ndim < 1 or weight_WN.shape[-1] != size:
        raise ValueError(f'weights of shape {weight_WN.shape} for {size} rows')
    check_concrete(weight_WN)
    return weight_WN


def check_concrete(weights) -> None:
    """Raises ValueError if a weight is negative, NaN or infinite; abstract ones of jax pass."""
    try:
        values = np.asarray(weights, float)
    except TypeError:  # of jax, for values that are known only when the program runs
        return
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError('weights must be finite and not negative')


def binary(values, name: str) -> np.ndarray:
    """Labels of 0 and 1 as bool [N]; ValueError for others, and for none."""
    values = np.asarray(values)
    if values.ndim != 1 or not values.size:
        raise ValueError(
            f'{name} must be a vector of at least one entry, not of shape {values.shape}'
        )
    if not np.isin(values, (0, 1)).all():
        raise ValueError(f'{name} must be 0 or 1')
    return values.astype(bool)


def ratio(over, under):
    """Quotient of two arrays, NaN where the denominator is not positive."""
    over, under = np.asarray(over, float), np.asarray(under, float)
    return np.divide(over, under, out=np.full_like(under, np.nan), where=under > 0)


def float_if_single(value, weights):
    """A score of one weighting (None) as a float; of several it stays an array."""
    return float(value) if weights is None else value
