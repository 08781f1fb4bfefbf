"""Sequences without labels, read as the rows of a training table were."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from genojax import dna, errors
from genojax.tokenizers.base import Tokenizer
from genojax.typing import Batch


def check_short(codes_L: np.ndarray, tokenizer: Tokenizer, **where) -> None:
    """Refuses a row shorter than a token, as `inference.batching` does."""
    size = len(codes_L)
    if size >= max(1, tokenizer.bases_per_token) or len(tokenizer.encode(codes_L)):
        return
    raise errors.InputError(
        'EM02', f'{size} bases, fewer than a token has', fix='leave it out', **where
    )


def read_row(
    codes_L: np.ndarray, description: dict[str, Any], tokenizer: Tokenizer, **where
) -> np.ndarray:
    """The base codes of a sequence as the rows of a training table were read, without the trim.

    Args:
        description: of the run's datasets.
        where: `path`, `line`, `record` of an error.

    Raises:
        InputError: LB05 for a sequence longer than the training rows, EM02 for one shorter than a
            token, LB12 for one that lacks the bases which all training rows had and which are
            trimmed.
    """
    trim = description.get('trim')
    if trim:
        codes_L = _without_flanks(codes_L, trim, where)
    size = len(codes_L)
    if size > description['length']:
        raise errors.InputError(
            'LB05',
            f'{size} bases, but the model was trained on rows of at most {description["length"]}',
            fix=f'--window={description["length"]} gives several rows for it',
            **where,
        )
    check_short(codes_L, tokenizer, **where)
    return codes_L


def _without_flanks(codes_L: np.ndarray, trim: dict[str, Any], where: dict) -> np.ndarray:
    text = dna.decode(codes_L)
    left, right = trim['left_bases'], trim['right_bases']
    for bases, has_them, verb in (
        (left, left is None or text.startswith(left), 'begin'),
        (right, right is None or text.endswith(right), 'end'),
    ):
        if not has_them:
            raise errors.InputError(
                'LB12',
                f'the sequence does not {verb} with {bases}, as all training rows did; the model '
                'reads what is between such ends',
                fix='add those bases',
                **where,
            )
    return codes_L[trim['left'] : max(trim['left'], len(codes_L) - trim['right'])]


def batch(rows: Sequence[np.ndarray], description: dict[str, Any], tokenizer: Tokenizer) -> Batch:
    """Rows of base codes as a batch without labels, padded to the length of the training rows."""
    codes_BL = np.full((len(rows), description['length']), dna.UNKNOWN, np.uint8)
    for target, codes_L in zip(codes_BL, rows, strict=True):
        target[: len(codes_L)] = codes_L
    valid_B = np.array([len(codes_L) for codes_L in rows], np.int32)
    return {'bases': codes_BL, **tokenizer.batch_entries(codes_BL, valid_B)}
