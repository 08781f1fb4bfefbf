"""Which query may attend to which key: an algebra of frozen, hashable patterns. numpy only, no jax.

A pattern is a description, not a matrix: `local(2**20, 96)` is three integers. Its definition is
one method, `multiplicity(i, j)`: how often key j counts in the softmax of query i (0 never, 1 once;
more than once only where a published model counts a block twice). Dense masks and block lists
(`block_lists.py`) follow from it; `|` and `&` combine patterns of equal shape. Padding and packing
of a batch are not patterns: they are expressed by segment ids.
"""

from collections.abc import Sequence

import numpy as np

from genojax.attention.patterns import algebra, block_pattern, elementary

Pattern = algebra.Pattern


def _num_keys(length: int, keys: int | None) -> int:
    return length if keys is None else keys


def full(length: int, keys: int | None = None) -> Pattern:
    """Every query attends to every key.

    Args:
        keys: number of keys; `length` by default, here and in the functions below.
    """
    return elementary.Full(length, _num_keys(length, keys))


def causal(length: int, keys: int | None = None) -> Pattern:
    """Query i attends to keys 0..i."""
    return elementary.Causal(length, _num_keys(length, keys))


def local(length: int, window: int, keys: int | None = None) -> Pattern:
    """Query i attends to keys i - window .. i + window; `window` is a half-width in tokens."""
    return elementary.Local(length, _num_keys(length, keys), window)


def global_(length: int, tokens: int | Sequence[int], keys: int | None = None) -> Pattern:
    """The listed tokens attend to every key and are attended by every query.

    Args:
        tokens: token positions, or a number n for the first n tokens.

    Raises:
        ValueError: no tokens, or a token outside the sequence.
    """
    tokens = np.unique(np.arange(tokens) if np.ndim(tokens) == 0 else np.asarray(tokens, np.int64))
    num_keys = _num_keys(length, keys)
    if not len(tokens) or tokens[0] < 0 or tokens[-1] >= max(length, num_keys):
        raise ValueError(
            f'global tokens {tokens.tolist()[:5]} are not positions in a sequence of {length}'
        )
    runs = np.split(tokens, np.flatnonzero(np.diff(tokens) > 1) + 1)
    spans = tuple((int(run[0]), int(run[-1]) + 1) for run in runs)
    return elementary.Global(length, num_keys, spans)


def strided(length: int, stride: int, keys: int | None = None) -> Pattern:
    """Query i attends to keys whose distance is a multiple of `stride`.

    Child et al., arXiv 1904.10509, section 4.3.
    """
    return elementary.Residue(length, _num_keys(length, keys), 1, -1, stride)


def random(
    length: int,
    count: int,
    block: int = 64,
    seed: int = 0,
    per_head: int = 1,
    keys: int | None = None,
) -> Pattern:
    """Each query block attends to `count` random key blocks; in-degrees are about `count` too."""
    return block_pattern.BlockPattern(
        length,
        _num_keys(length, keys),
        block=block,
        window_blocks=0,
        global_blocks=0,
        random_blocks=count,
        seed=seed,
        plan='uniform',
        per_head=per_head,
        prepended=False,
    )


def bigbird(
    length: int,
    block: int = 64,
    window_blocks: int = 3,
    global_blocks: int = 2,
    random_blocks: int = 3,
    *,
    seed: int = 0,
    plan: str = 'uniform',
    per_head: int = 1,
    mode: str = 'itc',
) -> Pattern:
    """BigBird (Zaheer et al., arXiv 2007.14062), counted in blocks.

    Args:
        block: tokens per block.
        window_blocks: the query's own block and (window_blocks - 1) / 2 blocks on each side.
        global_blocks: blocks that attend to all and are attended by all. 'itc': existing tokens,
            the first ceil(g/2) and the last floor(g/2) blocks; 'etc': extra tokens, prepended,
            which `length` includes.
        random_blocks: random key blocks of each other query block.
        plan: 'uniform' over the sequence; 'google' as the published code draws them (from the first
            blocks, and a draw of the last block counts twice); 'hf_eval' as transformers' PyTorch
            code uses in evaluation (block 0 in place of each random block).
        per_head: number of heads that draw their own random blocks; 1 shares them.
        mode: 'itc' or 'etc'.

    Raises:
        ValueError: an unknown mode or plan, or sizes that the plan does not allow.
    """
    if mode not in ('itc', 'etc'):
        raise ValueError(f'{mode=} must be itc or etc')
    return block_pattern.BlockPattern(
        length,
        length,
        block=block,
        window_blocks=window_blocks,
        global_blocks=global_blocks,
        random_blocks=random_blocks,
        seed=seed,
        plan=plan,
        per_head=per_head,
        prepended=mode == 'etc',
    )


def longformer(length: int, window: int, global_tokens: int | Sequence[int] = 1) -> Pattern:
    """`window` tokens on each side, and global tokens (Beltagy et al., arXiv 2004.05150)."""
    return local(length, window) | global_(length, global_tokens)


def anchored(
    length: int,
    window: int = 64,
    period: int = 512,
    kind: str = 'antidiagonal',
    keys: int | None = None,
) -> Pattern:
    """`|i - j| <= window or (i + j) % period == 0`.

    Args:
        kind: 'antidiagonal' as above; 'columns' has `j % period == 0` in place of the sum.
    """
    if kind not in ('antidiagonal', 'columns'):
        raise ValueError(f'{kind=} must be antidiagonal or columns')
    a = int(kind == 'antidiagonal')
    stripes = elementary.Residue(length, _num_keys(length, keys), a, 1, period)
    return local(length, window, keys) | stripes
