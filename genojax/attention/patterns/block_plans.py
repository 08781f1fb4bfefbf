"""BigBird's block plans: the window, global and random blocks of each query block. numpy only.

The random blocks of the published code are not uniform over the sequence, and transformers' PyTorch
model has none in evaluation; a model with published weights needs the rule they were trained with.
"""

import functools

import numpy as np

PLANS = ('uniform', 'google', 'hf_eval')
SWAP_ATTEMPTS = 50  # repairs of a random permutation before a query block goes without


def check(pattern) -> None:
    """Raises ValueError for a `BlockPattern` that cannot be drawn."""
    if pattern.plan not in PLANS:
        raise ValueError(f'plan={pattern.plan!r} is not one of {PLANS}')
    if pattern.window_blocks and pattern.window_blocks % 2 == 0:
        raise ValueError(
            f'window_blocks={pattern.window_blocks} must be odd: the own block and as many on each'
            ' side'
        )
    for name in ('block', 'per_head'):
        if getattr(pattern, name) < 1:
            raise ValueError(f'{name}={getattr(pattern, name)} must be >= 1')
    for name in ('window_blocks', 'global_blocks', 'random_blocks', 'seed'):
        if getattr(pattern, name) < 0:
            raise ValueError(f'{name}={getattr(pattern, name)} must be >= 0')
    if pattern.plan != 'uniform':
        _check_published(pattern)


def _check_published(pattern) -> None:
    if (pattern.window_blocks, pattern.global_blocks, pattern.prepended) != (3, 2, False):
        raise ValueError(
            f'plan {pattern.plan!r} is published for 3 window blocks and 2 global blocks in ITC'
            ' form only'
        )
    blocks, dense = pattern.length // pattern.block, 2 * pattern.random_blocks + 5
    if pattern.plan == 'google' and blocks <= dense:
        raise ValueError(
            f'the published code uses full attention up to {dense} blocks; plan google has no'
            f' random blocks for {pattern.length} tokens'
        )
    if pattern.length % pattern.block or blocks < 5:
        raise ValueError(
            f'plan {pattern.plan!r} needs at least five whole blocks, got {pattern.length} tokens'
        )


@functools.lru_cache(maxsize=32)
def tile_counts(pattern) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each head: sorted int64 tile numbers row * num_kv_blocks + column; multiplicities u8."""
    num_q_blocks, num_kv_blocks = pattern.num_blocks(pattern.block)
    global_rows = _global_blocks(pattern, num_q_blocks)
    global_columns = _global_blocks(pattern, num_kv_blocks)
    rows = np.setdiff1d(np.arange(num_q_blocks), global_rows)
    fixed = [
        global_rows[:, None] * num_kv_blocks + np.arange(num_kv_blocks),
        rows[:, None] * num_kv_blocks + global_columns,
    ]
    if pattern.window_blocks:
        half = pattern.window_blocks // 2
        band = rows[:, None] + np.arange(-half, half + 1)
        inside = (band >= 0) & (band < num_kv_blocks)
        fixed.append((rows[:, None] * num_kv_blocks + band)[inside])
    fixed = np.unique(np.concatenate([x.ravel() for x in fixed]).astype(np.int64))
    result = []
    for columns in _random_columns(pattern, rows, num_kv_blocks, global_columns):
        drawn = (rows[:, None] * num_kv_blocks + columns)[columns >= 0].astype(np.int64)
        if pattern.plan == 'uniform':
            tiles = np.union1d(fixed, drawn)
            result.append((tiles, np.ones(len(tiles), np.uint8)))
        else:  # a block that is drawn and also fixed counts twice in the published softmax
            tiles, counts = np.unique(np.concatenate([fixed, drawn]), return_counts=True)
            result.append((tiles, counts.astype(np.uint8)))
    return result


def _global_blocks(pattern, count: int) -> np.ndarray:
    total = pattern.global_blocks
    first = total if pattern.prepended else -(-total // 2)
    last = total - first
    return np.unique(
        np.concatenate([np.arange(min(first, count)), np.arange(max(count - last, 0), count)])
    )


def _random_columns(
    pattern, rows: np.ndarray, num_kv_blocks: int, global_columns: np.ndarray
) -> list[np.ndarray]:
    """For each head, int64 [rows, random_blocks] columns; -1 where no block is left to draw."""
    if not pattern.random_blocks:
        return [np.zeros((len(rows), 0), np.int64)] * pattern.per_head
    if pattern.plan == 'hf_eval':
        return [np.zeros((len(rows), pattern.random_blocks), np.int64)] * pattern.per_head
    if pattern.plan == 'google':
        return google_columns(pattern)
    free = np.setdiff1d(np.arange(num_kv_blocks), global_columns)
    return [
        _uniform_columns(np.random.default_rng((pattern.seed, head)), rows, free, pattern)
        for head in range(pattern.per_head)
    ]


def _uniform_columns(
    random: np.random.Generator, rows: np.ndarray, free: np.ndarray, pattern
) -> np.ndarray:
    """Permutations of the free blocks, so that in-degrees about equal out-degrees.

    The backward pass, which goes by key block, then has even work.
    """
    reach = pattern.window_blocks // 2 if pattern.window_blocks else -1
    drawn = np.full((len(rows), pattern.random_blocks), -1, np.int64)
    if not len(free):
        return drawn
    for r in range(pattern.random_blocks):
        column = np.resize(random.permutation(free), len(rows))
        random.shuffle(column)
        for _ in range(SWAP_ATTEMPTS):
            bad = np.flatnonzero(_conflicts(column, rows, drawn[:, :r], reach))
            if not len(bad):
                break
            other = random.integers(0, len(rows), len(bad))
            for b, o in zip(bad, other, strict=False):  # swaps keep it a permutation
                column[b], column[o] = column[o], column[b]
        drawn[:, r] = np.where(_conflicts(column, rows, drawn[:, :r], reach), -1, column)
    # Short sequences only: fill the gaps with what is left, in any order.
    for at in np.flatnonzero((drawn < 0).any(1)):
        allowed = free[np.abs(free - rows[at]) > reach]
        left = random.permutation(np.setdiff1d(allowed, drawn[at]))
        empty = np.flatnonzero(drawn[at] < 0)[: len(left)]
        drawn[at, empty] = left[: len(empty)]
    return drawn


def _conflicts(
    column: np.ndarray, rows: np.ndarray, previous: np.ndarray, reach: int
) -> np.ndarray:
    """Which draws fall into the window or repeat a previous draw of their row."""
    return (np.abs(column - rows) <= reach) | (previous == column[:, None]).any(1)


def google_columns(pattern) -> list[np.ndarray]:
    """Random blocks of rows 1 .. count-2 by the rules and numpy stream of google-research/bigbird.

    Equal to transformers' draws (experiments/benchmarks/check_plans.py); at 2048 tokens
    transformers has another rule. Lengths 1024, 2048, 3072 and 4096 take their rows from a table
    for 4096 tokens whose columns end at token 1024. Others draw from the first 2r + 5 blocks (or r
    + 5, or all of a shorter sequence).
    """
    stream, count = np.random.RandomState(pattern.seed), pattern.length // pattern.block
    r = pattern.random_blocks
    if pattern.length in (1024, 2048, 3072, 4096):
        size, last = 4096 // pattern.block, 1024 // pattern.block - 1
        return [_google_table(stream, size, last, r)[: count - 2] for _ in range(pattern.per_head)]
    return _google_plan(stream, count, r, pattern.per_head)


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
