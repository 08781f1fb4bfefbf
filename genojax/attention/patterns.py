"""Which query may look at which key: a small algebra of frozen, hashable values. numpy only, no jax.

A pattern is a description, not a matrix: `local(2**20, 96)` is three integers. What a pattern means is said by one
method, `multiplicity(i, j)`: how often key j counts in the softmax of query i (0 never, 1 once; more than once only
where a published model counts a block twice). Dense masks and block lists (`blocks.py`) follow from it; `|` and `&`
join patterns of one shape. Run-time padding and packing are not patterns: they go by segment ids.
"""

from collections.abc import Sequence

import numpy as np

from genojax.attention import kinds

Pattern = kinds.Pattern


def _keys(length: int, keys: int | None) -> int:
    return length if keys is None else keys


def full(length: int, keys: int | None = None) -> Pattern:
    """Every query sees every key; `keys` is their number, `length` by default, here and below."""
    return kinds.Full(length, _keys(length, keys))


def causal(length: int, keys: int | None = None) -> Pattern:
    """Query i sees keys 0..i."""
    return kinds.Causal(length, _keys(length, keys))


def local(length: int, window: int, keys: int | None = None) -> Pattern:
    """Query i sees keys i - window .. i + window: `window` is a half-width in tokens."""
    return kinds.Local(length, _keys(length, keys), window)


def global_(length: int, tokens: int | Sequence[int], keys: int | None = None) -> Pattern:
    """The named tokens (or the first `tokens`) see every key and are seen by every query."""
    tokens = np.unique(np.arange(tokens) if np.ndim(tokens) == 0 else np.asarray(tokens, np.int64))
    if not len(tokens) or tokens[0] < 0 or tokens[-1] >= max(length, _keys(length, keys)):
        raise ValueError(f'global tokens {tokens.tolist()[:5]} of {length}')
    runs = np.split(tokens, np.flatnonzero(np.diff(tokens) > 1) + 1)
    return kinds.Global(
        length, _keys(length, keys), tuple((int(run[0]), int(run[-1]) + 1) for run in runs)
    )


def strided(length: int, stride: int, keys: int | None = None) -> Pattern:
    """Query i sees keys at a distance that `stride` divides (Child et al., arXiv 1904.10509, section 4.3)."""
    return kinds.Residue(length, _keys(length, keys), 1, -1, stride)


def random(
    length: int,
    count: int,
    block: int = 64,
    seed: int = 0,
    per_head: int = 1,
    keys: int | None = None,
) -> Pattern:
    """Each query block sees `count` random key blocks, and each key block is seen by `count` query blocks or so."""
    return kinds.Tiles(
        length, _keys(length, keys), block, 0, 0, count, seed, 'uniform', per_head, False
    )


def bigbird(
    length: int,
    block: int = 64,
    window: int = 3,
    globals_: int = 2,
    random: int = 3,
    seed: int = 0,
    plan: str = 'uniform',
    per_head: int = 1,
    mode: str = 'itc',
) -> Pattern:
    """BigBird (Zaheer et al., arXiv 2007.14062), counted in blocks.

    Args:
        window: own block and (window - 1) / 2 on each side.
        globals_: blocks that see and are seen by all. 'itc': existing tokens, the first and the last block (the first
            ceil(g/2) and the last floor(g/2)); 'etc': extra tokens, prepended, which `length` includes.
        random: random key blocks of each other query block.
        plan: 'uniform' over the sequence; 'google' as the published code draws them (near the start,
            and a pick of the last block counts twice); 'hf_eval' as transformers' PyTorch code uses in evaluation
            (block 0 in place of each random block).
        per_head: number of heads that draw their own random blocks; 1 shares them.
    """
    if mode not in ('itc', 'etc'):
        raise ValueError(f'{mode=} must be itc or etc')
    return kinds.Tiles(
        length, length, block, window, globals_, random, seed, plan, per_head, mode == 'etc'
    )


def longformer(length: int, window: int, global_tokens: int | Sequence[int] = 1) -> Pattern:
    """A window of `window` tokens on each side and global tokens (Beltagy et al., arXiv 2004.05150)."""
    return local(length, window) | global_(length, global_tokens)


def anchored(
    length: int,
    window: int = 64,
    period: int = 512,
    kind: str = 'antidiagonal',
    keys: int | None = None,
) -> Pattern:
    """`|i-j| <= window or (i+j) % period == 0`; kind 'columns' has `j % period == 0` in place of the sum."""
    if kind not in ('antidiagonal', 'columns'):
        raise ValueError(f'{kind=} must be antidiagonal or columns')
    stripes = kinds.Residue(length, _keys(length, keys), int(kind == 'antidiagonal'), 1, period)
    return local(length, window, keys) | stripes
