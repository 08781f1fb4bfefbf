"""BigBird's block plans: window, global and random blocks of each query block. numpy only.

The random blocks of the published code are not uniform over the sequence, and transformers' PyTorch model has none in
evaluation; whoever loads its weights needs that rule and no better one.
"""

import functools

import numpy as np

PLANS = ('uniform', 'google', 'hf_eval')


def check(tiles) -> None:
    """One clear error for a plan that cannot be drawn."""
    if tiles.plan not in PLANS:
        raise ValueError(f'plan={tiles.plan!r} is not one of {PLANS}')
    if tiles.window and tiles.window % 2 == 0:
        raise ValueError(
            f'window={tiles.window} blocks must be odd: own block and as many on each side'
        )
    for name in ('block', 'per_head'):
        if getattr(tiles, name) < 1:
            raise ValueError(f'{name}={getattr(tiles, name)} must be >= 1')
    for name in ('window', 'globals_', 'random', 'seed'):
        if getattr(tiles, name) < 0:
            raise ValueError(f'{name}={getattr(tiles, name)} must be >= 0')
    if tiles.plan != 'uniform':
        if (tiles.window, tiles.globals_, tiles.prepended) != (3, 2, False):
            raise ValueError(
                f'plan {tiles.plan!r} is published for window 3 and global 2 in ITC form only'
            )
        if tiles.plan == 'google' and tiles.length // tiles.block <= 2 * tiles.random + 5:
            raise ValueError(
                f'the published code uses full attention up to {2 * tiles.random + 5} blocks; plan google has no'
                f' random blocks for {tiles.length} tokens'
            )
        if tiles.length % tiles.block or tiles.length // tiles.block < 5:
            raise ValueError(
                f'plan {tiles.plan!r} needs at least five whole blocks, got {tiles.length} tokens'
            )


@functools.lru_cache(maxsize=32)
def listed(tiles) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each head: sorted int64 keys row * wide + column of the blocks seen, and multiplicities, uint8."""
    tall, wide = -(-tiles.length // tiles.block), -(-tiles.key_length // tiles.block)
    looks, seen = _global_blocks(tiles, tall), _global_blocks(tiles, wide)
    rows = np.setdiff1d(np.arange(tall), looks)
    fixed = [looks[:, None] * wide + np.arange(wide), rows[:, None] * wide + seen]
    if tiles.window:
        side = np.arange(-(tiles.window // 2), tiles.window // 2 + 1)
        near = rows[:, None] + side
        fixed.append((rows[:, None] * wide + near)[(near >= 0) & (near < wide)])
    fixed = np.unique(np.concatenate([x.ravel() for x in fixed]).astype(np.int64))
    result = []
    for columns in _random_columns(tiles, rows, wide, seen):
        drawn = (rows[:, None] * wide + columns)[columns >= 0].astype(np.int64)
        if tiles.plan == 'uniform':
            keys = np.union1d(fixed, drawn)
            result.append((keys, np.ones(len(keys), np.uint8)))
        else:  # a block that is drawn and also fixed counts twice in the published softmax
            keys, counts = np.unique(np.concatenate([fixed, drawn]), return_counts=True)
            result.append((keys, counts.astype(np.uint8)))
    return result


def _global_blocks(tiles, count: int) -> np.ndarray:
    first = tiles.globals_ if tiles.prepended else -(-tiles.globals_ // 2)
    last = tiles.globals_ - first
    return np.unique(
        np.concatenate([np.arange(min(first, count)), np.arange(max(count - last, 0), count)])
    )


def _random_columns(tiles, rows: np.ndarray, wide: int, seen: np.ndarray) -> list[np.ndarray]:
    """For each head, int64 [rows, random] columns; -1 where there is nothing left to draw."""
    if not tiles.random:
        return [np.zeros((len(rows), 0), np.int64)] * tiles.per_head
    if tiles.plan == 'hf_eval':
        return [np.zeros((len(rows), tiles.random), np.int64)] * tiles.per_head
    if tiles.plan == 'google':
        return google_columns(tiles)
    return [
        _uniform(
            np.random.default_rng((tiles.seed, head)),
            rows,
            np.setdiff1d(np.arange(wide), seen),
            tiles,
        )
        for head in range(tiles.per_head)
    ]


def _uniform(random: np.random.Generator, rows: np.ndarray, free: np.ndarray, tiles) -> np.ndarray:
    """Permutations, so that every block is seen about as often as it sees: the backward pass then has even work."""
    reach = tiles.window // 2 if tiles.window else -1
    drawn = np.full((len(rows), tiles.random), -1, np.int64)
    if not len(free):
        return drawn
    for r in range(tiles.random):
        column = np.resize(random.permutation(free), len(rows))
        random.shuffle(column)
        for _ in range(50):
            bad = np.flatnonzero(_clash(column, rows, drawn[:, :r], reach))
            if not len(bad):
                break
            other = random.integers(0, len(rows), len(bad))
            for b, o in zip(bad, other, strict=False):  # swaps keep it a permutation
                column[b], column[o] = column[o], column[b]
        drawn[:, r] = np.where(_clash(column, rows, drawn[:, :r], reach), -1, column)
    for at in np.flatnonzero(
        (drawn < 0).any(1)
    ):  # short sequences only: take what is left, in any order
        allowed = free[np.abs(free - rows[at]) > reach]
        left = random.permutation(np.setdiff1d(allowed, drawn[at]))
        empty = np.flatnonzero(drawn[at] < 0)[: len(left)]
        drawn[at, empty] = left[: len(empty)]
    return drawn


def _clash(column: np.ndarray, rows: np.ndarray, before: np.ndarray, reach: int) -> np.ndarray:
    return (np.abs(column - rows) <= reach) | (before == column[:, None]).any(1)


def google_columns(tiles) -> list[np.ndarray]:
    """Random blocks of rows 1 .. count-2 by the rules of google-research/bigbird, with its numpy stream.

    Equal to transformers' draws (experiments/benchmarks/check_plans.py); at 2048 tokens transformers has another rule.
    Lengths 1024, 2048, 3072 and 4096 take their rows from a table for 4096 tokens whose columns end at token 1024.
    Others draw from the first 2r + 5 blocks (or r + 5, or all of a shorter sequence).
    """
    stream, count = np.random.RandomState(tiles.seed), tiles.length // tiles.block
    if tiles.length in (1024, 2048, 3072, 4096):
        return [
            _google_table(stream, 4096 // tiles.block, 1024 // tiles.block - 1, tiles.random)[
                : count - 2
            ]
            for _ in range(tiles.per_head)
        ]
    return _google_plan(stream, count, tiles.random, tiles.per_head)


def _google_table(stream: np.random.RandomState, count: int, last: int, r: int) -> np.ndarray:
    middle = np.arange(1, count - 1)
    table = np.zeros((count - 2, r), np.int64)
    for i in range(1, count - 1):
        if i in (1, 2):
            pool = middle[i + 1 : last]
        elif i >= count - 3 or i - 2 > last:
            pool = middle[:last]
        elif i + 1 == last:
            pool = middle[: i - 2]
        else:
            pool = np.concatenate([middle[: i - 2], middle[i + 1 : last]])
        table[i - 1] = stream.permutation(pool)[:r]
    return table


def _google_plan(stream: np.random.RandomState, count: int, r: int, heads: int) -> list[np.ndarray]:
    if 2 * r + 5 < count:
        ends, draws = [2 * r + 5, count], [r, 0]
    elif r + 5 < count:
        ends, draws = [r + 5, count], [r // 2, r - r // 2]
    else:
        ends, draws = [count], [r]
    tables = [np.zeros((count, r), np.int64) for _ in range(heads)]

    def fill(rows, part):
        start, first = (ends[part - 1] if part else 0), sum(draws[:part])
        for row in rows:
            for table in tables:
                table[row, first : first + draws[part]] = _google_row(
                    stream, row, start, ends[part], draws[part]
                )

    for part in range(len(ends)):
        if part:
            if draws[part]:
                fill(range(1, ends[part - 1]), part)
            for earlier in range(part):
                if draws[earlier]:
                    fill(range(ends[part - 1], ends[part]), earlier)
        if draws[part]:
            fill(range(ends[part - 1] if part else 1, ends[part]), part)
    return [table[1 : count - 1] for table in tables]


def _google_row(
    stream: np.random.RandomState, row: int, start: int, end: int, r: int
) -> np.ndarray:
    banned = {row - 1, row, row + 1, 0, end - 1}
    if row == 1:
        banned.add(end - 2)
    if row == end - 2:
        banned.add(1)
    order = stream.permutation(np.arange(start, end))
    return np.array([column for column in order if column not in banned][:r])
