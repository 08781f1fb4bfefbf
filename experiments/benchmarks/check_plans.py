"""BigBird's plans against transformers' own code: equal random blocks from one numpy stream.

    PYTHONPATH=. .venv-bench/bin/python experiments/benchmarks/check_plans.py

Needs transformers 4.56.2 (`make bench`). Exits with 1 and names the first length that differs.
"""

import sys

import numpy as np
from transformers import BigBirdConfig
from transformers.models.big_bird import modeling_big_bird as hf

from genojax.attention import patterns
from genojax.attention.patterns import block_plans

HEADS, BLOCK, RANDOM, SEED = 3, 64, 3, 7


def theirs(length: int) -> list[np.ndarray]:
    """Random blocks of rows 1 .. n-2, one array per head, as transformers' PyTorch layer trains."""
    config = BigBirdConfig(
        hidden_size=12, num_attention_heads=HEADS, block_size=BLOCK, num_random_blocks=RANDOM
    )
    layer = hf.BigBirdBlockSparseAttention(config, seed=SEED)
    layer.train()
    np.random.seed(SEED)  # noqa: NPY002  (what transformers draws from)
    if length in (1024, 3072, 4096):
        rows = length // BLOCK - 2
        return [
            layer._bigbird_block_rand_mask(4096, 4096, BLOCK, BLOCK, RANDOM, last_idx=1024)[:rows]
            for _ in range(HEADS)
        ]
    plan = layer._get_rand_attn_plan(length, BLOCK, RANDOM)
    return layer._bigbird_block_rand_mask_with_head(
        from_seq_length=length,
        to_seq_length=length,
        from_block_size=BLOCK,
        to_block_size=BLOCK,
        num_heads=HEADS,
        plan_from_length=plan[0],
        plan_num_rand_blocks=plan[1],
    )


def main() -> None:
    """Compares all lengths."""
    for length in (768, 832, 1024, 1280, 3072, 4096, 8192):
        pattern = patterns.bigbird(
            length, BLOCK, random_blocks=RANDOM, seed=SEED, plan='google', per_head=HEADS
        )
        ours = block_plans.google_columns(pattern)
        for head, (one, two) in enumerate(zip(ours, theirs(length), strict=False)):
            if not np.array_equal(one, two):
                rows = np.flatnonzero((one != two).any(1))
                sys.exit(
                    f'{length} tokens, head {head}: rows {rows[:5]} differ: '
                    f'{one[rows[:3]]} {two[rows[:3]]}'
                )
        print(f'{length} tokens: equal')


if __name__ == '__main__':
    main()
