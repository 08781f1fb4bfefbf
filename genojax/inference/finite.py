"""Results that are not finite are refused: weights that overflow give NaN without an error."""

import os
from collections.abc import Callable, Collection, Sequence

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
    refuse(path, wrong, len(results), name)


def refuse(
    path: str | os.PathLike | None,
    wrong: Collection[int],
    total: int,
    name: Callable[[int], str],
) -> None:
    """Refuses rows of which numbers that must be finite are not; for rows that may hold NaN too.

    Args:
        wrong: numbers of these rows.
        total: of all rows.

    Raises:
        DamageError: there is one; they are counted and the first one is named.
    """
    if wrong:
        raise error(path, f'{len(wrong):,} of {total:,} rows', name(min(wrong)))


def error(path: str | os.PathLike | None, count: str, first: str) -> errors.DamageError:
    """The error of `check`."""
    return errors.DamageError(
        f'{path or "the model"}: the results of {count} are NaN or infinite, the first of them '
        f'those of {first}: numbers inside the model overflow. Fix: compare its weights with their '
        'source, or use another checkpoint'
    )


def numbered(number: int) -> str:
    """The name of a sequence of a list, for `check`."""
    return f'sequence {number}'
