"""Results that are not finite are refused: weights that overflow give NaN without an error."""

import os
from collections.abc import Callable, Sequence

import numpy as np

from genojax import errors


def check(
    path: str | os.PathLike | None,
    results: Sequence[np.ndarray] | np.ndarray,
    name: Callable[[int], str],
) -> None:
    """Refuses numbers that no finite weights of a trained model give.

    Args:
        path: of the model, for the error.
        results: the numbers of every row, in any shape.
        name: of a row by its number.

    Raises:
        DamageError: a number is NaN or infinite; the rows are counted and the first one is named.
    """
    wrong = [number for number, row in enumerate(results) if not np.isfinite(row).all()]
    if wrong:
        raise error(path, f'{len(wrong):,} of {len(results):,} rows', name(wrong[0]))


def error(path: str | os.PathLike | None, count: str, first: str) -> errors.DamageError:
    """The error of `check`."""
    return errors.DamageError(
        f'{path or "the model"}: the results of {count} are NaN or infinite, the first of them '
        f'those of {first}: numbers inside the model overflow. Fix: compare its weights with their '
        'source, or use another checkpoint'
    )
