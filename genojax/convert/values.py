"""Values of tensors that can be weights: finite numbers that the parameter's type can hold."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

_LISTED = 6  # tensors in a message


def problem(tensor: np.ndarray | np.generic, dtype: np.dtype) -> str:
    """Why a tensor cannot fill a parameter of a type, as the end of a sentence; '' if it can.

    float16, bfloat16 and float32 are all exact in float32. A float64 is rounded to the nearest
    float32, and one beyond its range is refused, as are quantised weights (integers, float8), masks
    (booleans), NaN and infinity.
    """
    tensor = np.asarray(tensor)
    if not jnp.issubdtype(dtype, jnp.floating):
        return _integer_problem(tensor, dtype)
    if not jnp.issubdtype(tensor.dtype, jnp.floating) or tensor.dtype.itemsize < 2:
        return not_of_weights(tensor.dtype)
    wide = tensor.astype(np.float64) if tensor.dtype.itemsize < 4 else tensor
    for name, where in (('NaN', np.isnan(wide)), ('infinite', np.isinf(wide))):
        if where.any():
            return f'is {name} at {_first(where)}, and in {where.sum():,} of {where.size:,} values'
    limit = float(jnp.finfo(dtype).max)
    if tensor.dtype.itemsize > np.dtype(dtype).itemsize and (np.abs(wide) > limit).any():
        where = np.abs(wide) > limit
        value = wide[tuple(np.argwhere(where)[0])]
        return f'is {value:.4g} at {_first(where)}, more than {np.dtype(dtype).name} can hold'
    return ''


def not_of_weights(dtype: object) -> str:
    """What `problem` says of a type whose numbers are no weights."""
    return f'is of type {dtype}, not of float16, bfloat16, float32 or float64'


def _integer_problem(tensor: np.ndarray, dtype: np.dtype) -> str:
    """As `problem`, for a parameter that counts (of a moving average)."""
    if tensor.dtype == bool or not jnp.issubdtype(tensor.dtype, jnp.integer):
        return f'is of type {tensor.dtype}, not of integers'
    limits = np.iinfo(dtype)
    if tensor.size and not (limits.min <= tensor.min() and tensor.max() <= limits.max):
        return f'holds integers that {np.dtype(dtype).name} cannot'
    return ''


def _first(where: np.ndarray) -> str:
    """The index of the first true value: '[0, 3]'."""
    return str([int(n) for n in np.argwhere(where)[0]])


def listed(problems: Sequence[str]) -> str:
    """The first problems in one line, without repetition, and the number of the others."""
    unique = list(dict.fromkeys(problems))
    more = len(unique) - _LISTED
    return '; '.join(unique[:_LISTED]) + (f'; and {more} more tensors' if more > 0 else '')
